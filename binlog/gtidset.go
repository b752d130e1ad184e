package binlog

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// ErrGTIDSyntax says that a text is not a GTID or a GTID set.
var ErrGTIDSyntax = errors.New("not a GTID set")

// SID names the origin of a GTID: the server's UUID and, from MySQL 8.3 on, an optional tag.
type SID struct {
	UUID uuid.UUID
	Tag  string // lower case, at most 32 characters; empty for an untagged GTID
}

// String writes uuid or uuid:tag.
func (s SID) String() string {
	if s.Tag == "" {
		return s.UUID.String()
	}
	return s.UUID.String() + ":" + s.Tag
}

func (s SID) compare(o SID) int {
	if c := slices.Compare(s.UUID[:], o.UUID[:]); c != 0 {
		return c
	}
	return cmp.Compare(s.Tag, o.Tag)
}

// GTID is one global transaction identifier. The zero value stands for "none" (an anonymous transaction).
type GTID struct {
	SID SID
	N   int64 // 1 to 2^63-2
}

// IsZero tells whether g is no GTID.
func (g GTID) IsZero() bool { return g.N == 0 }

// String writes uuid:n or uuid:tag:n.
func (g GTID) String() string {
	if g.IsZero() {
		return ""
	}
	return g.SID.String() + ":" + strconv.FormatInt(g.N, 10)
}

// MarshalText writes what String does.
func (g GTID) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (g *GTID) UnmarshalText(text []byte) (err error) {
	*g = GTID{}
	if len(text) > 0 {
		*g, err = ParseGTID(string(text))
	}
	return err
}

// ParseGTID reads uuid:n or uuid:tag:n. It returns ErrGTIDSyntax for anything else.
func ParseGTID(text string) (GTID, error) {
	set, err := ParseGTIDSet(text)
	if err != nil {
		return GTID{}, err
	}
	for sid, ivs := range set.m {
		if len(set.m) == 1 && len(ivs) == 1 && ivs[0].end == ivs[0].start+1 {
			return GTID{SID: sid, N: ivs[0].start}, nil
		}
	}
	return GTID{}, fmt.Errorf("%w: %q is not one GTID (want uuid:number)", ErrGTIDSyntax, text)
}

// interval is half open: start <= n < end.
type interval struct{ start, end int64 }

// GTIDSet is a set of GTIDs. It is a value: no method changes it. The zero value is the empty set.
type GTIDSet struct {
	m map[SID][]interval // each list sorted, disjoint, not adjacent, not empty
}

// NewGTIDSet returns the set that holds the given GTIDs. Zero GTIDs are left out.
func NewGTIDSet(gtids ...GTID) GTIDSet {
	b := NewGTIDSetBuilder(GTIDSet{})
	for _, g := range gtids {
		b.Add(g)
	}
	return b.Set()
}

// ParseGTIDSet reads MySQL's notation: uuid[:tag]:interval[:interval]…[:tag:interval…], comma
// separated, white space allowed, intervals n or n-m. The empty text is the empty set.
// It returns ErrGTIDSyntax for anything else.
func ParseGTIDSet(text string) (GTIDSet, error) {
	b := NewGTIDSetBuilder(GTIDSet{})
	for _, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		if err := parseUUIDSet(b, part); err != nil {
			return GTIDSet{}, err
		}
	}
	return b.Set(), nil
}

func parseUUIDSet(b *GTIDSetBuilder, part string) error {
	fields := strings.Split(part, ":")
	id, err := uuid.Parse(strings.TrimSpace(fields[0]))
	if err != nil || len(fields) < 2 {
		return fmt.Errorf("%w: %q (want uuid:number or uuid:number-number)", ErrGTIDSyntax, part)
	}
	sid := SID{UUID: id}
	for _, f := range fields[1:] {
		f = strings.TrimSpace(f)
		if isTag(f) {
			sid.Tag = strings.ToLower(f)
			continue
		}
		iv, err := parseInterval(f)
		if err != nil {
			return fmt.Errorf("%w: %q in %q", ErrGTIDSyntax, f, part)
		}
		if iv.start < iv.end {
			b.insert(sid, iv)
		}
	}
	return nil
}

func isTag(s string) bool {
	if s == "" || len(s) > 32 || (s[0] >= '0' && s[0] <= '9') {
		return false
	}
	for _, c := range []byte(s) {
		if c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

func parseInterval(s string) (interval, error) {
	lo, hi, ranged := strings.Cut(s, "-")
	start, err := strconv.ParseInt(strings.TrimSpace(lo), 10, 64)
	if err != nil || start < 1 || start == 1<<63-1 {
		return interval{}, ErrGTIDSyntax
	}
	end := start
	if ranged {
		if end, err = strconv.ParseInt(strings.TrimSpace(hi), 10, 64); err != nil || end == 1<<63-1 {
			return interval{}, ErrGTIDSyntax
		}
	}
	return interval{start, end + 1}, nil
}

// String writes the set in MySQL's normal form, origins sorted.
func (s GTIDSet) String() string {
	var out strings.Builder
	var last uuid.UUID
	for i, sid := range s.sids() {
		switch {
		case i == 0:
			out.WriteString(sid.String())
		case sid.UUID == last:
			out.WriteString(":" + sid.Tag)
		default:
			out.WriteString("," + sid.String())
		}
		last = sid.UUID
		for _, iv := range s.m[sid] {
			out.WriteByte(':')
			out.WriteString(strconv.FormatInt(iv.start, 10))
			if iv.end > iv.start+1 {
				out.WriteByte('-')
				out.WriteString(strconv.FormatInt(iv.end-1, 10))
			}
		}
	}
	return out.String()
}

// MarshalText writes what String does.
func (s GTIDSet) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (s *GTIDSet) UnmarshalText(text []byte) error {
	set, err := ParseGTIDSet(string(text))
	if err != nil {
		return err
	}
	*s = set
	return nil
}

func (s GTIDSet) sids() []SID {
	return slices.SortedFunc(maps.Keys(s.m), SID.compare)
}

// IsEmpty tells whether the set holds nothing.
func (s GTIDSet) IsEmpty() bool { return len(s.m) == 0 }

// Count returns the number of GTIDs in the set.
func (s GTIDSet) Count() int64 {
	var n int64
	for _, ivs := range s.m {
		for _, iv := range ivs {
			n += iv.end - iv.start
		}
	}
	return n
}

// Has tells whether g is in the set.
func (s GTIDSet) Has(g GTID) bool {
	ivs := s.m[g.SID]
	i, _ := slices.BinarySearchFunc(ivs, g.N, func(iv interval, n int64) int { return cmp.Compare(iv.end-1, n) })
	return i < len(ivs) && ivs[i].start <= g.N
}

// Contains tells whether every GTID of o is in s.
func (s GTIDSet) Contains(o GTIDSet) bool { return o.Subtract(s).IsEmpty() }

// Equal tells whether both sets hold the same GTIDs.
func (s GTIDSet) Equal(o GTIDSet) bool {
	return maps.EqualFunc(s.m, o.m, slices.Equal[[]interval])
}

// Add returns the set with g in it.
func (s GTIDSet) Add(g GTID) GTIDSet {
	b := NewGTIDSetBuilder(s)
	b.Add(g)
	return b.Set()
}

// Union returns what is in s or in o.
func (s GTIDSet) Union(o GTIDSet) GTIDSet {
	b := NewGTIDSetBuilder(s)
	b.AddSet(o)
	return b.Set()
}

// Subtract returns what is in s and not in o.
func (s GTIDSet) Subtract(o GTIDSet) GTIDSet {
	out := make(map[SID][]interval)
	for sid, ivs := range s.m {
		if rest := subtract(ivs, o.m[sid]); len(rest) > 0 {
			out[sid] = rest
		}
	}
	return GTIDSet{out}
}

// Intersect returns what is in both s and o.
func (s GTIDSet) Intersect(o GTIDSet) GTIDSet { return s.Subtract(s.Subtract(o)) }

func subtract(a, b []interval) []interval {
	if len(b) == 0 {
		return a
	}
	var out []interval
	j := 0
	for _, iv := range a {
		start := iv.start
		for j < len(b) && b[j].end <= start {
			j++
		}
		k := j
		for ; k < len(b) && b[k].start < iv.end; k++ {
			if b[k].start > start {
				out = append(out, interval{start, b[k].start})
			}
			start = max(start, b[k].end)
		}
		if start < iv.end {
			out = append(out, interval{start, iv.end})
		}
	}
	return out
}

// GTIDSetBuilder collects GTIDs without copying the set for each of them.
type GTIDSetBuilder struct {
	m map[SID][]interval
}

// NewGTIDSetBuilder starts from a set, which it does not change.
func NewGTIDSetBuilder(from GTIDSet) *GTIDSetBuilder {
	m := make(map[SID][]interval, len(from.m)+1)
	for sid, ivs := range from.m {
		m[sid] = slices.Clone(ivs)
	}
	return &GTIDSetBuilder{m: m}
}

// Add puts g into the set being built. It returns false when g was there, or is zero.
func (b *GTIDSetBuilder) Add(g GTID) bool {
	if g.N < 1 {
		return false
	}
	return b.insert(g.SID, interval{g.N, g.N + 1})
}

// AddSet puts all of s into the set being built.
func (b *GTIDSetBuilder) AddSet(s GTIDSet) {
	for sid, ivs := range s.m {
		for _, iv := range ivs {
			b.insert(sid, iv)
		}
	}
}

// Has tells whether g is in the set being built.
func (b *GTIDSetBuilder) Has(g GTID) bool { return GTIDSet{b.m}.Has(g) }

// Set returns the set built so far; the builder can go on.
func (b *GTIDSetBuilder) Set() GTIDSet {
	return GTIDSet{NewGTIDSetBuilder(GTIDSet{b.m}).m}
}

// insert merges iv into the list of sid and tells whether that changed anything.
func (b *GTIDSetBuilder) insert(sid SID, iv interval) bool {
	ivs := b.m[sid]
	if n := len(ivs); n > 0 && ivs[n-1].end == iv.start { // the usual case: the next one
		ivs[n-1].end = iv.end
		return true
	}
	lo, _ := slices.BinarySearchFunc(ivs, iv.start, func(x interval, n int64) int { return cmp.Compare(x.end, n) })
	hi := lo
	merged := iv
	for ; hi < len(ivs) && ivs[hi].start <= iv.end; hi++ {
		merged.start = min(merged.start, ivs[hi].start)
		merged.end = max(merged.end, ivs[hi].end)
	}
	if hi == lo+1 && merged == ivs[lo] {
		return false
	}
	b.m[sid] = slices.Replace(ivs, lo, hi, merged)
	return true
}
