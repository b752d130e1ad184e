// Package retry makes an object store that is now and then slow, busy or away look like
// one that is not: it tries again, with growing and jittered waits, until
// a deadline. It wraps exactly one store and is the only place where requests are
// repeated (but for the parts of a multipart upload).
//
// # Deadlines
//
// AttemptTimeout bounds the time in which an attempt makes no progress: no answer, no
// byte of the body taken, no byte delivered. A large object may therefore take as
// long as it takes, and a connection that went silent is noticed all the same.
// TotalTimeout bounds an operation: once that long has gone by without success or
// progress, no further attempt begins (a second one always does). The
// caller's context is above both.
//
// # What is tried again
//
// Everything but: the definite errors of objstore, a full disk (somebody must make room), a
// body that cannot be read, and the end of the caller's context.
//
// A listing goes on behind the last key it has shown. A reader whose
// connection breaks goes on at the byte where it was, and only if the object still
// has the version it had (else objstore.ErrChanged). An object that was replaced is
// never spliced.
//
// # Lost replies to conditional writes
//
// After an attempt at PutIf that failed without a definite error the write may
// have landed. If a later attempt is then told that the condition does not hold, the
// object is read and compared with what was sent: the same bytes mean that it was our
// own write that won, and PutIf returns success with the version found. Else it is
// objstore.ErrPrecondition. Two consequences for callers:
//
//   - what several writers compete for must differ from writer to writer
//     (hold a name, an epoch, a random number), or each takes the other's write for its own;
//   - a write that landed, and was replaced by another writer before we looked, cannot
//     be told from one that lost. ErrPrecondition is marked with objstore.ErrOpen then: the
//     condition does not hold any more, but the error is not definite. For a key that is
//     never replaced nor deleted it says the same as a definite one.
//
// If the deadline ends the attempts first, the error is not objstore.Definite and the caller
// has to read back before it concludes anything; a new PutIf call knows nothing of the
// attempts of an earlier one.
package retry
