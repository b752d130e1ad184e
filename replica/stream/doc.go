// Package stream is the pseudo-replica: it registers with a MySQL source as one more replica, reads its binary
// log byte for byte, checks every event, and hands it on.
//
// # Words
//
//   - Session: one connection to the source, from asking the sink where to go on to the first failure.
//   - Sink: who takes the events and knows what it has. The stream keeps no position of its own: each session
//     begins with Sink.Resume.
//   - Position dump: the source sends a file from an offset on. GTID dump: the source looks for the first
//     file with a transaction that we lack, and leaves out those that we have.
//   - Artificial event: one that the source makes up for us and that stands in no file. It never reaches the sink.
//   - Refusal: a failure that waiting does not mend. Run returns it. Everything else is a fault, after which
//     Run waits a little and begins another session.
//
// # Order of things in a session
//
//  1. Sink.Resume tells where to go on (a binlog.Cursor).
//  2. A SQL connection (package node) learns who the source is, whether it is fit to be one, which logs
//     and which transactions it has. plan decides from that, and from nothing else, where to begin, or why not to.
//  3. A second connection logs in (go-mysql's client: TLS, caching_sha2_password, RSA key exchange) and makes sure that it
//     has reached the same server.
//  4. It sets the user variables by which a source knows what its replica wants: heartbeat period in nanoseconds, checksum algorithm
//     (that of the source, so that artificial events are protected too), and the replica's UUID. The UUID is always
//     the same: a source ends an older dump for the same UUID, so none is left behind.
//  5. COM_REGISTER_SLAVE makes us visible in SHOW REPLICAS. COM_BINLOG_DUMP or COM_BINLOG_DUMP_GTID asks for the log.
//  6. From there on the bytes of the connection are read by packets and reader alone. They run ahead of the
//     sink by as much as the pool of batches allows.
//  7. Meanwhile the SQL connection is asked now and then how far the source's log goes. A dump whose files were taken away
//     under it sends heartbeats for ever; this is how it is found out.
//
// # What the source sends
//
// A packet for each event: a 0 byte, then the event. Payloads of 16 MiB - 1 bytes and more continue in further
// packets. 0xff begins an error packet, 0xfe ends the dump. (A semi-synchronous source, which we do not ask for, would put 0xef and
// a flag before the event and begin its packet numbers anew after each acknowledged event.)
//
//   - First an artificial ROTATE event names the file and the offset; so does one before each further file.
//   - Then a FORMAT_DESCRIPTION event, with its in-use flag cleared. It belongs to the file if the offset is 4; otherwise
//     it only says how to read what follows. In a GTID dump its creation time is cleared where the source knows that we have something:
//     then this one event is not what stands in the source's file.
//   - Then the events of the file, each exactly behind the other. The reader counts offsets in 64 bits and compares
//     the lower 32 with log_pos; a step anywhere is ErrGap.
//   - In a GTID dump whole transactions are left out. Before the next event the source sends a heartbeat with the
//     offset it has reached: a new batch begins there. Any other heartbeat must tell the offset that we are at.
//   - Heartbeats (type 27, or 41 with a 64-bit offset, for which the dump asks) come whenever the source
//     has had nothing to send for a heartbeat period. Silence beyond the read timeout is a fault.
//
// # Position or GTID
//
// The same server is resumed by position: offsets below 4 GiB by COM_BINLOG_DUMP, whose offset has 32 bits, others by COM_BINLOG_DUMP_GTID
// with a file name, a 64-bit offset and an empty set, which the source serves as a position dump. Another server, or
// the same when the file has been purged but nothing that we lack has, is resumed by GTID set. Before either, both sets are compared: a source that
// lacks what we have was reset, restored or is the wrong one (replica.ErrAhead); one that has purged what we lack leaves
// a gap (replica.ErrPurged).
//
// # Memory
//
// All events live in the batches of one pool. An event larger than a batch is handed on in pieces, its CRC32 computed
// along the way and compared before the last piece: memory does not grow with events or transactions.
//
// Sources: MySQL source code documentation, "Replication Protocol"; MySQL Reference Manual, "Binary Log Transaction
// Compression", "Replication Heartbeat"; observed on MySQL 9.7.
package stream
