// Package server gives the history of a cluster to MySQL replicas: it speaks a MySQL source's side of the replication
// protocol and takes what it sends from a [binlog.Source].
//
// # Words
//
//   - Log: what is served. It is asked once per dump which transactions a replica still lacks.
//   - Session: one connection. It authenticates, answers the few statements that replicas and mysqlbinlog send,
//     and then dumps.
//   - Dump: the stream of events that answers COM_BINLOG_DUMP_GTID.
//   - Feed: the goroutine that reads a dump's Source ahead of the network by one batch.
//
// # What goes over the wire, in order
//
// A log file begins with an artificial ROTATE event that names it, position 4, followed by its format description event.
// That holds for the file of the first batch, wherever in the file the batch begins, and for
// every further file, whether the one before it ended in a ROTATE event of its own (which is sent, being stored) or not (its
// server crashed). Every other event is sent with the bytes that it is stored with.
//
// Where events were left out, a heartbeat that bears the position of the next event comes first, so that the replica's
// coordinates stay those of the file. It only stands between transactions: a Source yields whole ones.
//
// The format description event keeps its own position also when what follows begins in the middle of the file. A
// replica with several appliers, whose connection broke within a transaction, takes that event for the sign to
// roll the half transaction back before the whole one arrives; one without a position means to it that
// the transaction goes on (exec_relay_log_event, get_mts_execution_mode), and MySQL 9.7.4 aborts when then another begins. For a
// replica that has transactions already the event loses the time of the server's start, as a source does it.
//
// Heartbeats bear the name of the file in which the replica believes to be: since a stored ROTATE event, the next one. It stops at any other.
//
// All this is what a MySQL source does for a replica with auto-position, and a test compares the two streams byte for byte.
//
// When the Source ends, the replica is kept and gets heartbeats, because it may still have to apply what it received. A client
// that asked not to wait (mysqlbinlog) gets the end-of-file packet instead.
//
// # Checksums
//
// The CRC32 of every event is compared before the event is sent. A large event that comes in pieces is under way by the time its
// checksum is known: should that be wrong, the connection is cut before the event's last four bytes.
// Events go out with the checksum they are stored with, whatever the replica asked for; a source does the same. What the replica asked for
// decides about the first ROTATE event only.
//
// # Errors
//
// A replica stops for good at error 1236 and shows its text as Last_IO_Error; after a broken connection it comes back. So all that would
// go wrong again the same way (purged, unreadable, corrupt) is sent as 1236, and a shutdown just cuts the connection.
//
// # Limits
//
// Replicas need SOURCE_AUTO_POSITION = 1. A replica passes over events that bear its own server_id, as with any source: a
// restored server must not be given the server_id of the server it stands in for. Neither semi-synchronous replication
// nor compression of the protocol is offered. From COM_BINLOG_DUMP (mysqlbinlog) only whole files are served.
//
// Sources: MySQL source code documentation, "Replication Protocol" and "Client/Server Protocol"; sql/rpl_binlog_sender.cc for what a
// source sends, sql/rpl_replica.cc for what a replica makes of it.
package server
