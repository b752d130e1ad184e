// Package binlogtest makes binary logs for tests: valid events with checksums, in files that follow each other as
// a server writes them, cut into batches as a stream delivers them. It is imported by tests only.
package binlogtest
