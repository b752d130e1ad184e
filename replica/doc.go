// Package replica is the vocabulary of MySQL replication: servers and their addresses, versions,
// what a replica says about itself, and the errors that every part tells apart. It does no I/O.
//
// # Words
//
//   - Source: the server whose log is read. Replica: a server that reads it.
//   - Endpoint: where a server listens, over TCP or on a Unix socket. Server: an endpoint and the account to
//     use there. A password is never part of either.
//   - Status: one replication channel of a replica, as the replica reports it.
//
// MySQL's older words (master, slave) appear only where an old server must be spoken to.
//
// # Children
//
//   - node asks one server over SQL, and knows what differs between versions.
//   - stream registers with a source as one more replica and hands on its log.
package replica
