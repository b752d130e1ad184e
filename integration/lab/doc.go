// Package lab starts and stops the real components that tests, the demo and the benchmarks run against: MySQL
// servers (a primary, any number of replicas) and an S3-compatible object store. Nothing in it is simulated and
// nothing in it is used in production.
//
// # Where the components come from
//
// MySQL is fetched once from the machine's own Debian mirror, whole with its C library, into the user's
// cache directory ([CacheDir]); the machine's packages are neither used nor changed. The S3 server is built once
// from the pinned module in the tools directory beside this file. After that no network is needed. A user
// may name a mysqld of their own in LASTWRITE_MYSQLD ([MysqldEnv]). `go run ./integration/lab/setup` prepares all of it and shows
// progress; otherwise it happens on first use.
//
// # In a test
//
//	l := lab.New(t)                                         // skipped with -short; all gone at the end of the test
//	primary, err := l.MySQL(ctx, lab.Options{})             // about a second
//	replica, err := l.Replica(ctx, primary, lab.Options{})  // follows it by auto-position
//	err = primary.Exec(ctx, "CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY)")
//	set, err := primary.GTIDExecuted(ctx)
//	err = replica.WaitGTID(ctx, set)
//
// Elsewhere [Open] does what New does, and the caller calls Close.
//
// # Words
//
//   - A lab owns a temporary directory and everything started through it. Labs do not see each other; any number
//     may run side by side, in one process or in several.
//   - A cache entry is a directory below the cache directory, named after what it holds, that is put into place by one rename
//     and never changed afterwards.
//   - The template is a data directory initialised once, with the accounts below in it and no GTID executed; each server
//     starts on a copy.
//
// # Accounts of every server
//
// root without a password over the Unix socket only, and over TCP, from any address, with [Password]:
// [ReplicationUser] (REPLICATION SLAVE and nothing else), [LastwriteUser] (what streaming and backup need) and [AdminUser]
// (everything). [Server.CreateUser] makes more.
//
// # Nothing is left behind
//
// Servers die with the process that started them, however it ends: the kernel kills them when the thread that forked
// them goes away (PR_SET_PDEATHSIG), and that thread is kept for as long as the server runs. Close removes the lab's directory; what a
// killed process could not remove is swept by the next lab, which knows it by its lock no longer being held.
package lab
