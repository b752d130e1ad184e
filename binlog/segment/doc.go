// Package segment owns the file format of the archive: a segment holds whole transactions of one or more log
// files, in source order, as the raw bytes the server sent, and an index of them.
//
// # Words
//
//   - Frame: the unit of the file: a header with hash, and bytes, compressed or not. Each stands for itself.
//   - Span: a run of bytes of one log file of one server. DATA frames hold its bytes, cut anywhere: an event
//     may reach over many frames, a frame may hold thousands of events. No frame holds bytes of two spans.
//   - Raw stream: the bytes of all spans, one behind the other. Ranges and rows name offsets in it.
//   - Index: spans, frames and a row for each transaction, in the file's last frame.
//   - Summary: what a catalog keeps of a segment.
//
// # Order
//
// Writing: [NewWriter], then for each span BeginSpan and its frames (made by an [Encoder], which may run elsewhere), then
// Finish with an [IndexBuilder] that was told of the same spans. A file without index and trailer is a segment that was
// never finished: [Scan] reads it up to the first frame that is not intact.
//
// Reading: [ReadIndex] (one read from the end of the file), then [NewReader] for the events, which fetches only the
// frames that are wanted. Nothing is handed out that was not checked: the hash of each frame, then every event's header,
// offset and CRC32. [Verify] checks a whole file, index included.
//
// # Format, version 1
//
// All fixed-size integers are little endian and unsigned. A uvarint is a base-128 integer as in encoding/binary; a
// varint is one in zigzag form. A text is a uvarint length and that many bytes. A log file's first four bytes
// (its magic number) are not part of any span.
//
//	file     = file header, frames, trailer
//	frames   = (SPAN DATA*)* INDEX
//
// File header, 8 bytes:
//
//	offset length
//	0      4      "LWSG"
//	4      2      version, 1
//	6      2      0
//
// Frame, 20 bytes and what is stored:
//
//	offset length
//	0      1      kind: 1 SPAN, 2 DATA, 3 INDEX
//	1      1      codec: 0 stored as it is, 1 zstd (RFC 8878)
//	2      2      0
//	4      4      stored length n: 1 to 64 KiB (SPAN), 4 MiB (DATA), 512 MiB (INDEX)
//	8      4      raw length, decompressed: 1 to 64 KiB (SPAN), 4 MiB (DATA), 1 GiB (INDEX)
//	12     8      xxHash64 (seed 0) of bytes 0 to 11 and the stored bytes
//	20     n      stored bytes
//
// A DATA frame is compressed only where that makes it smaller. SPAN is never compressed, INDEX always.
//
// SPAN:
//
//	length
//	1      length of server_uuid
//	…      server_uuid of the server whose file it is
//	2      length of the file's name
//	…      base name of the log file
//	8      offset in the log file of the first byte that follows
//	…      the format description event in force, whole, up to the end of the frame
//
// DATA: bytes of the log.
//
// Trailer, the last 60 bytes:
//
//	offset length
//	0      8      offset of the INDEX frame
//	8      4      length of the INDEX frame, header included
//	12     8      length of the raw stream
//	20     32     SHA-256 of everything before the trailer
//	52     2      version, 1
//	54     2      0
//	56     4      "GSWL"
//
// # Index
//
// The INDEX frame holds one or more zstd frames (window at most 512 KiB), which decompress to a head and rows.
//
// Head:
//
//	4        length of what follows, up to the rows
//	1        flags: 1 the set before is known, 2 not all tables are listed, 4 opaque transactions
//	text     GTIDs executed before the segment, in MySQL's binary form (Gtid_set::encode)
//	text     GTIDs in the segment, likewise
//	2 times  first and last GTID: UUID (16), tag (text), number (varint; 0: none)
//	varint   earliest commit, microseconds since 1970; 0: none
//	varint   latest commit
//	uvarint  transactions
//	uvarint  statements
//	uvarint  number of schemas, and as many texts, sorted
//	uvarint  number of tables (at most 256), and as many texts schema.table, sorted
//	uvarint  number of spans, and for each:
//	           server (text), file (text), start (uvarint), length (uvarint), format description event (text)
//	uvarint  number of DATA frames, and for each:
//	           bytes between the frame before (or the file header) and this one (uvarint),
//	           stored length, header included (uvarint), raw length (uvarint)
//
// Row, one for each transaction, in the order of the log:
//
//	1        flags: 1 later span, 2 gap, 4 GTID, 8 next GTID, 16 other original commit time, 32 opaque
//	uvarint  with flag 1: how many spans further than the row before; the first row counts from the span before the first
//	uvarint  with flag 2: bytes between the end of the row before (or the start of the span) and the GTID event
//	with flag 4:
//	  uvarint  origin: n for the nth that appeared in a row; 0 for one that follows:
//	           UUID (16), length of the tag (1), tag
//	  varint   number, less the last one of this origin in a row before (0 for an origin that follows)
//	with flag 8: the GTID is that of the last row that had one, plus 1
//	varint   commit time in microseconds since 1970 (0: not logged), less that of the row before
//	varint   with flag 16: original commit time, less the commit time
//	varint   sequence number, less that of the row before
//	varint   sequence number, less last committed
//	uvarint  bytes in the log
//	uvarint  events
//	uvarint  tables, and for each: schema (name), table (name), kinds of change (1: 1 insert, 2 update, 4 delete),
//	         bytes of row events (uvarint)
//	uvarint  statements, and for each: default schema (name), flags (1: 1 changed something, 2 text is cut),
//	         sql_mode (uvarint), character set (uvarint), text
//
// Lists of tables and statements have at most 2^20 entries; a transaction with more is opaque.
//
// A name is a uvarint: 0 for the empty name, 1 for one that follows as a text, n+2 for the nth that did, counted from 0.
// Only the first 65536 names and origins are counted; further ones are written out each time they appear.
//
// Of a statement at most 64 KiB are kept (the log has all of it), and at most 1 KiB once an index is larger than 256 MiB.
package segment
