package objstore

import "errors"

// Errors that a Store reports, tested with errors.Is. Each of them is definite (see
// Definite): the call has changed nothing, and the same call again would fail the same way
// until somebody acts.
var (
	// ErrNotExist: no object has the key.
	ErrNotExist = errors.New("object does not exist")
	// ErrPrecondition: the condition of a PutIf did not hold.
	ErrPrecondition = errors.New("precondition failed")
	// ErrPermission: the store refuses these credentials, or there are none.
	ErrPermission = errors.New("permission denied by the store")
	// ErrNoStore: the bucket or the root directory itself is missing. It is never
	// ErrNotExist: a store that is gone must not look like an empty one.
	ErrNoStore = errors.New("store does not exist")
	// ErrRange: a range read that holds no byte of the object.
	ErrRange = errors.New("range outside the object")
	// ErrInvalidKey: the key breaks the rules of ValidateKey, or is a parent or a
	// child of another key where the store cannot hold both.
	ErrInvalidKey = errors.New("invalid key")
	// ErrInvalidCond: a PutIf without a condition.
	ErrInvalidCond = errors.New("invalid condition")
	// ErrTooLarge: an object is larger than the caller allows, or than the
	// store can hold.
	ErrTooLarge = errors.New("object too large")
	// ErrChanged: the object was replaced while a reader had to reopen it.
	ErrChanged = errors.New("object changed while it was read")
	// ErrRefused: the store understood the request and will not serve it, for a
	// reason that trying again does not change: a wrong region, an
	// operation it does not implement, a malformed name.
	ErrRefused = errors.New("request refused by the store")
	// ErrUnfit: Probe found that the store does not do what Store promises.
	ErrUnfit = errors.New("store is not fit for use")
)

// ErrOpen marks the error of a write of which an earlier attempt may have
// landed, whatever the later ones met: the error is not definite then.
var ErrOpen = errors.New("outcome of the write is open")

// Permanent reports whether trying again is of no use: err is one of the errors
// above.
func Permanent(err error) bool {
	for _, sentinel := range []error{
		ErrNotExist, ErrPrecondition, ErrPermission, ErrNoStore, ErrRange,
		ErrInvalidKey, ErrInvalidCond, ErrTooLarge, ErrChanged, ErrRefused, ErrUnfit,
	} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	return false
}

// Definite reports whether err is permanent and nothing was changed. Any other
// error, a deadline among them, and any error marked with ErrOpen leaves the outcome of a
// write open.
func Definite(err error) bool { return Permanent(err) && !errors.Is(err, ErrOpen) }
