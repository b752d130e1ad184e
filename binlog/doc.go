// Package binlog is the vocabulary of MySQL's binary log, and the pure logic that
// reads it: no I/O, no clock.
//
// # Words
//
//   - Event: one record of the log, with its 19-byte [Header]. An event larger than
//     a batch's buffer travels in pieces; see [Event].
//   - Batch: a run of events (or pieces of one) that follow each other in one log
//     file of one server. It is the unit that moves between the stages of lastwrite;
//     its bytes are the server's own and are never re-encoded.
//   - Format: the format description event in force, which says how to read the rest.
//   - GTID, GTIDSet: MySQL's global transaction identifiers. A GTIDSet is an
//     immutable value: every operation returns a new one.
//   - Cursor: a place in the history of a server: the log file, the offset behind the last
//     whole transaction, and the set of all transactions before it.
//   - Transaction: what the log says of one transaction without its rows: where it
//     stands, when it was committed, which tables and statements it holds.
//   - Assembler: finds the boundaries of transactions in a run of events.
//   - Source, Sink: where batches come from and where they go.
//
// # What lies outside transactions
//
// Format description, previous-GTIDs, rotate and stop events belong to a log file, not to a
// transaction. They are kept (an exported file must equal the server's own, byte
// for byte) and are never skipped. Artificial events, which a source makes up for one
// replica, and heartbeats are part of no file and never enter a Batch.
//
// # Offsets
//
// The log_pos field of an event header has 32 bits and wraps in files over 4 GiB. All offsets
// in this package have 64 bits and are counted by the reader; log_pos is compared with their
// lower half.
//
// Sources: MySQL Reference Manual, "The Binary Log"; MySQL source code documentation, "Replication
// Protocol" and libs/mysql/binlog/event.
package binlog
