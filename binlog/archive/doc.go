// Package archive keeps a cluster's whole history in an object store: it writes what a source sends,
// finds it again, serves it, exports it and verifies it.
//
// # Words
//
//   - Cluster: one history; a primary and whoever takes its place.
//   - Epoch: the term of one writer. Its number only grows.
//   - Segment: an immutable object with whole transactions (package segment).
//   - Seal: an object in the place of a segment that ends an epoch for ever.
//   - Spool: the local directory where a segment is put together before it is stored.
//   - Manifest: an immutable object that summarises a run of segments of one epoch.
//   - Stretch: a run of segments without a gap. An archive should have one.
//
// # Objects
//
//	<cluster>/cluster.json                    format version; written once, never upgraded in silence
//	<cluster>/epoch/<epoch>.json              who claimed the epoch, and when
//	<cluster>/log/<epoch>/<seq>.seg           segments, dense from 0; the last may be a seal
//	<cluster>/catalog/<epoch>/<seq>.manifest  summaries of the segments from seq on
//
// Epochs have 8 digits and sequence numbers 12, so that listings come in order. Every object is
// written once, with the condition that it is absent.
//
// # Order of writes
//
// Data, then index (both in the segment), then manifest. A manifest only repeats what
// the segments say, so losing one loses nothing. A reader takes manifests first, and reads the
// segments behind the last one itself.
//
// # Two writers
//
// A new writer claims the next epoch and seals the one before: it puts a seal into its next free
// place. Where a segment turns up there instead, it counts, and the next place is tried. From then on the
// old writer cannot store anything: its next segment finds its place taken (ErrFenced). Segments
// are stored one after the other, so nothing can lie behind a seal.
//
// # Resuming
//
// A writer has no checkpoint. Where to go on is what the last segment says: server, file,
// offset, and the set of all transactions so far. A finished segment left in the spool by a crash is stored
// when it continues exactly there; everything else in the spool is read from the source again.
//
// A transaction larger than a frame starts a segment of its own, so that the segments before it do not wait
// for its end and so that giving it up, when the connection breaks, means removing one file of the spool.
//
// # Gaps
//
// Each segment names the set of all transactions before it. Where that is not what the segments
// before hold, transactions are missing: a new stretch begins. The writer makes a gap only when it is
// told to (Config.AcceptGap); otherwise it stops with ErrGap.
package archive
