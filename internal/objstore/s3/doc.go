// Package s3 is the object store in an S3 bucket, at AWS or at any server that
// speaks the protocol and honours conditional writes (objstore.Probe finds out).
//
// # Requests
//
// An object of up to PartSize goes in one PutObject; a larger one as a multipart upload
// whose parts go side by side, read straight from the body, so that memory does not
// grow with the object. The condition of a PutIf is a header of PutObject, or of
// CompleteMultipartUpload: only there does a multipart object come into being. A multipart
// upload that fails is aborted, since its parts cost money until they are.
//
// The version of an object is its ETag.
//
// # One place for retries
//
// The SDK's own retries are off, except for single parts of a multipart upload
// (a part may be sent again without consequence, and the object should not be
// sent again for one part's sake). Everything else is tried again by the retry decorator,
// which knows the deadlines and what may be repeated.
//
// # Whose write was it
//
// "412 Precondition Failed" does not say that another writer won. A gateway may
// have sent the request twice, or this package itself after a conflict, and then
// the first one was the other writer. So each call of Put or PutIf stores a random
// identifier as metadata (x-amz-meta-lw-write-id), the same on whatever requests the call
// makes, and
//
//   - a 412, and a 404 to If-Match, is answered by a HeadObject: with the identifier of
//     this call the write has succeeded; with another, or none, it is
//     objstore.ErrPrecondition; if the HeadObject fails, the error says that the outcome is open;
//   - "409 ConditionalRequestConflict" means that another conditional write was under
//     way. Nothing is decided yet: the write is sent again, a few times, until the
//     answer is 200 or 412;
//   - when the answer to a CompleteMultipartUpload is lost, or says that the upload is
//     not known (any more), HeadObject decides in the same way.
//
// The loss of the answer to a PutObject is not resolved here: the object may
// still appear after the look. The error is returned as one that leaves the outcome
// open, and the retry decorator goes on from there.
//
// # Checksums
//
// The SDK would by default add CRC trailers in chunked encoding, which a good part of
// the compatible servers reject or store wrongly. They are off (WhenRequired). Instead the
// payload is always signed, also over TLS, where the SDK would leave it out: the signature covers
// the SHA-256 of the content, every server must check it, and a body that was
// damaged on the way is refused. The cost is one more reading of the body. What is
// read back is checked by the formats stored in the objects.
//
// # Rights
//
// Needed are s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload and, on
// the bucket, s3:ListBucket. Without the last, S3 answers 403 for an absent object, and
// the store looks as if permission were missing for it. Credentials come from the SDK's
// chain: environment, shared files, container and instance roles.
//
// # Limits
//
// A server that takes long to put the parts of a large object together (gateways that copy
// them) needs a longer AttemptTimeout of the retry decorator.
//
// Listings must be in byte order, as general purpose buckets give them; a listing that is not
// ends in an error (S3 Express directory buckets are therefore not usable).
//
// Protocol facts: Amazon S3 API Reference (PutObject, CompleteMultipartUpload,
// ListObjectsV2) and User Guide, "Add preconditions to S3 operations with conditional requests".
package s3
