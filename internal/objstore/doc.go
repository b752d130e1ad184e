// Package objstore is the vocabulary of the object store that holds everything
// lastwrite keeps: one small interface, [Store], with conditional writes, and
// the errors by which callers decide.
//
// # Words
//
//   - object: a key, a content and a [Version]. An object is replaced as a
//     whole or not at all; a reader that has opened it goes on reading the
//     content it opened.
//   - key: a slash-separated name, see [ValidateKey]. A key must not be a parent
//     of another key ("a" and "a/b"): a directory tree cannot hold both.
//   - version: says whether the content has been replaced since it was seen.
//   - condition: [IfAbsent] or [IfMatch]. Who may write is decided by
//     conditional writes alone, never by a listing.
//
// # What a caller may rely on
//
//  1. When Put or PutIf returns nil, the object is durable, and every later Get
//     and List, from any process, sees it (or what replaced it).
//  2. Of any number of PutIf with IfAbsent on one key, one succeeds. Of any number
//     with IfMatch of one version, one succeeds.
//  3. [ErrPrecondition] means that the condition does not hold, and that this
//     call has written nothing; a store whose reply was lost must find out
//     which it was before it says so. Only if it is marked with [ErrOpen] may an attempt of this
//     call have landed, and have been replaced or deleted by another writer since.
//  4. An error that is not [Definite] leaves open whether a write took place: it
//     may be there now, or appear a little later. Who needs to know reads back, for
//     example with [SameContent]; for a conditional write retry has done so.
//
// # Implementations
//
// file is the embedded default, s3 speaks to S3 and compatible servers, mem is
// the reference for tests. Decorators add one duty each: retry (deadlines,
// backoff, lost replies), meter (requests and bytes), faulty (faults for tests).
// storetest is the one suite that all of them pass. [Probe] shows at start
// whether the server behind the store honours what the interface promises:
// there are servers that accept a conditional write and ignore the condition.
package objstore
