// Package backup takes base backups into an object store, and reads them back.
//
// # Objects
//
//	<cluster>/base/<id>/data/<n>.zst     the data, cut into chunks of bounded size
//	<cluster>/base/<id>/manifest.json    written last: a base without it does not exist
//
// The data is one zstd stream, cut anywhere; n has six digits and counts from 0. In it is a tar archive of a data
// directory (method clone) or SQL text (method mysqldump). The manifest has the length and the SHA-256 of each chunk. An id begins with
// the time in UTC at which the backup began, so ids sort by age.
//
// # Order of writes
//
// Data, several chunks side by side; then a look that all of them are there; then the manifest, on condition that
// there is none. What is deleted is deleted in the reverse order. Leftovers of a backup that was killed have no manifest: [Repository.Sweep]
// removes them.
//
// # Order of reads
//
// A chunk is fetched whole, and its hash compared, before the first byte of it is given away.
//
// # What makes a base true
//
// Its GTID set is proved, not noted. A clone is opened by a scratch server once: that shows that it can be opened, and gtid_executed
// there is by construction what the data holds. In a dump, the set is part of the text. Both must lie between what the
// server had executed before and after; a dump must end with its trailer and its program with exit code 0.
//
// # Memory and disk
//
// Memory is bounded by the chunks under way (Options.Parallel and one, of 16 MiB each). A clone needs room for a second copy of the data
// on the server's host until it is uploaded; a dump needs none.
package backup
