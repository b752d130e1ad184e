// Package program runs MySQL's own programs (mysqld, mysql, mysqldump): it finds them, tells them their
// password and sees to it that they never outlive us.
//
// # Rules
//
//   - A password goes into an option file that only we can read, which is removed when the program has ended. It is never in
//     the arguments or the environment of a process.
//   - A program reads no option file but ours: whatever ~/.my.cnf, a login path or MYSQL_* variables say has no effect.
//   - A program runs in a process group of its own, so that a Ctrl-C reaches only us and we end it in order. When the context
//     that it was started with ends, the whole group is killed. When we are killed, the kernel kills it (Linux).
//   - What a program wrote to its standard error becomes part of the error, its last line first of all.
package program
