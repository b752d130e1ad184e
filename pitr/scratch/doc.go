// Package scratch runs a mysqld of our own on a data directory: the server in which a base backup is proved, or the log applied.
//
// # Who reaches it
//
// Nobody but this user. It listens on no network, only on a Unix socket in a directory of ours (mode 0700). A base carries the accounts of
// the server it was taken from, and we know none of their passwords; the statements about accounts in the log must work. So
// the grant tables stay in force, and an init file, readable by this user alone and removed as soon as the server is up, makes one
// account of ours with a random name and password, outside the binary log and without a GTID. Stop drops it and proves that it is gone.
//
// # Modes
//
//   - Prove: to look at a copy and shut it down cleanly.
//   - Replay: to apply a log as fast as is safe. Nothing is flushed for durability while it runs, because a replay that
//     breaks is thrown away whole; a clean shutdown (Stop) writes everything out, and only then does the data count.
//   - Serve: to be used by people, with MySQL's ordinary durability.
//
// In every mode there is no binary log, no X plugin, no event runs, and no replication starts by itself.
//
// # Settings
//
// Without an option file. What a base's data or the log's statements depend on ([SharedSettings]) is taken over from the server
// that the base was taken from.
//
// # Never an orphan
//
// The server ends with the context it was started with (killed), with Stop (cleanly), or with our process
// (package program).
package scratch
