// Package meter counts what goes to an object store and comes from it: calls,
// failures and bytes by kind of operation, in the groups that stores charge for. Placed below
// retry it sees every attempt.
//
// Counts are of calls to objstore.Store. To S3 a call is one request, but for a
// multipart upload (two more, and one for each part) and the look after a lost
// race; a listing is counted as one request for each started thousand of objects.
package meter
