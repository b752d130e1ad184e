// Package faulty makes an object store fail, for tests: by script (the third PutIf under
// log/ loses its reply) or at random from a seed. It decorates any store; what
// a fault does to a caller is exactly what the world does: an error before or after the store
// acted, a call that hangs until its context ends, a reader that ends early
// or breaks, a flipped bit, a torn write, a slow answer, a full disk.
//
// Whether a fault with a chance strikes depends on the seed, the fault, the operation, the key and
// how often this operation was called on this key: not on the order in which goroutines
// reach the store, so that a seed that failed fails again.
package faulty
