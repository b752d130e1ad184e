// Package restore carries out a plan: it loads the base into an empty directory, has a scratch server apply what the plan says, and
// proves the result. It also copies one database out of a restored server into a live one.
//
// # Order of a restore
//
//  1. The directory is claimed. It must be absent, or empty; nothing that was there is ever touched.
//  2. The base is loaded: extracted, or initialised and fed with the dump.
//  3. A scratch server is started on it, which no network reaches. Its gtid_executed must be the base's set, to the transaction.
//  4. It is told to replicate from a binlog server of ours on loopback, with auto-position and an account of its own, which serves
//     just the transactions of the plan. What is skipped, and what lies behind the cut, is never sent.
//  5. When gtid_executed holds all that the plan expects, replication is stopped and forgotten. gtid_executed must now equal Plan.Expect, and
//     no thread may have had an error. Only this is called restored.
//  6. The temporary account is dropped, the server shut down cleanly, everything flushed, and the marker file [MarkerName] written last.
//
// When a step fails or the context ends, the server is killed and everything that was put into the directory is removed, unless
// Options.Keep says otherwise. A directory without the marker is not a restored one.
//
// # What a replica changes
//
// MySQL disables events (CREATE EVENT) that arrive by replication, so those created or altered after the base was
// taken are found disabled; Result.Notes names them. Prepared XA transactions stay prepared, and are named too.
//
// # Copying back
//
// [CopyBack] writes to the live server as any client would: what it does is in the live server's log with GTIDs of its own, and its
// replicas get it. It touches no other database.
package restore
