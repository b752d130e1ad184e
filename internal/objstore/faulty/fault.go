package faulty

import (
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrInjected is what a fault reports when Fault.Err is nil.
var ErrInjected = errors.New("injected fault")

// Op is a method of objstore.Store.
type Op string

// The methods of objstore.Store.
const (
	Get      Op = "get"
	GetRange Op = "get range"
	Put      Op = "put"
	PutIf    Op = "put if"
	List     Op = "list"
	Delete   Op = "delete"
)

// Kind is what a fault does.
type Kind int

const (
	// ErrorBefore fails the call; the store is not reached.
	ErrorBefore Kind = iota + 1
	// ErrorAfter lets the store do it and fails the call: a lost reply. Of a listing
	// the first At objects arrive.
	ErrorAfter
	// Hang blocks until the context is done; the store is not reached.
	Hang
	// HangAfter lets the store do it and then blocks until the context is done.
	HangAfter
	// Slow waits for Delay before the call.
	Slow
	// ShortRead ends the reader after At bytes as if the object ended there.
	ShortRead
	// BrokenRead fails the reader after At bytes.
	BrokenRead
	// Corrupt flips a bit of the byte at At of what is read.
	Corrupt
	// TornPut stores the first half of the content and fails: what a store that is not
	// atomic does.
	TornPut
)

// Forever is Fault.Times for a fault that never ends by itself.
const Forever = -1

// Fault is one thing that goes wrong. The zero values mean: every operation
// the kind makes sense for, every key, at the first call, once, surely.
type Fault struct {
	Kind   Kind
	Ops    []Op          // which operations; empty: all
	Key    string        // prefix of the keys (of a listing: of its prefix)
	Skip   int           // matching calls that pass first
	Times  int           // how often it strikes; 0 is once, Forever
	Chance float64       // of striking at a matching call, in (0, 1); 0 is always
	Err    error         // what is reported, for example syscall.ENOSPC; nil: ErrInjected
	Delay  time.Duration // of Slow
	At     int64         // byte offset; below 0: chosen by the seed within the object
}

// suits reports whether the fault is about this operation and key.
func (f *Fault) suits(op Op, key string) bool {
	if len(f.Ops) > 0 && !slices.Contains(f.Ops, op) || !strings.HasPrefix(key, f.Key) {
		return false
	}
	switch f.Kind {
	case ShortRead, BrokenRead, Corrupt:
		return op == Get || op == GetRange
	case TornPut:
		return op == Put || op == PutIf
	default:
		return true
	}
}

func (f *Fault) err() error {
	if f.Err == nil {
		return ErrInjected
	}
	return f.Err
}

// state is a fault and how far it has come.
type state struct {
	Fault
	index  int // among all faults ever added
	passed int
	struck int
}

// strikes counts a matching call and says whether the fault acts on it.
func (s *state) strikes(dice *rand.Rand) bool {
	limit := max(s.Times, 1)
	if s.Times != Forever && s.struck >= limit {
		return false
	}
	if s.passed < s.Skip {
		s.passed++
		return false
	}
	if s.Chance > 0 && dice.Float64() >= s.Chance {
		return false
	}
	s.struck++
	return true
}

// dice is the randomness of fault number index at the n-th call of op on key.
func dice(seed uint64, index int, op Op, key string, n int) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(strconv.Itoa(index) + "\x00" + string(op) + "\x00" + key + "\x00" + strconv.Itoa(n)))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}
