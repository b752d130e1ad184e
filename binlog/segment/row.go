package segment

import (
	"encoding/binary"
	"time"

	"lastwrite/binlog"
)

// Flags of a row; the others are zero.
const (
	rowSpan       = 1 << iota // a later span than the row before: by how many follows
	rowGap                    // does not begin where the row before ended: by how much follows
	rowGTID                   // has a GTID: its origin and number follow
	rowNext                   // has the GTID that follows the one of the row before
	rowOriginally             // was first committed at another time: the difference follows
	rowOpaque
	rowKnownFlags = 1<<iota - 1
)

// Flags of a statement.
const (
	statementChanged = 1 << iota
	statementCut
	statementKnownFlags = 1<<iota - 1
)

const (
	maxNames   = 1 << 16 // entries of a table of names or origins; what comes later is written out each time
	maxPerRow  = 1 << 20 // tables, and statements, of one transaction; with more it is opaque
	maxNameLen = 1 << 10 // bytes of a schema's or table's name
	maxTagLen  = 32      // bytes of a GTID's tag
)

// rowState is what a row is written relative to; reader and writer move it alike.
type rowState struct {
	span      int    // of the row before; -1: there was none
	end       uint64 // of the row before, in its file
	committed int64
	sequence  int64
	gtid      binlog.GTID // of the row before that had one
	origins   []origin    // in order of appearance
	index     map[binlog.SID]int
}

// origin is a known origin of GTIDs and the last number seen of it.
type origin struct {
	sid  binlog.SID
	last int64
}

func newRowState() rowState {
	return rowState{span: -1, index: map[binlog.SID]int{}}
}

// remember notes the GTID of a row.
func (s *rowState) remember(g binlog.GTID) {
	if g.IsZero() {
		return
	}
	s.gtid = g
	if i, known := s.index[g.SID]; known {
		s.origins[i].last = g.N
	} else if len(s.origins) < maxNames {
		s.index[g.SID] = len(s.origins)
		s.origins = append(s.origins, origin{g.SID, g.N})
	}
}

// micros is a time as it is stored: microseconds since 1970, 0 for none.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// rowEncoder writes rows. The byte tables are in doc.go.
type rowEncoder struct {
	state rowState
	names map[string]uint64 // name → reference
}

func newRowEncoder() rowEncoder {
	return rowEncoder{state: newRowState(), names: map[string]uint64{}}
}

// append appends the row of t, which stands in the given span, which begins at start. Where short is
// set only the beginning of statements is kept.
func (e *rowEncoder) append(dst []byte, t *binlog.Transaction, span int, start uint64, short bool) []byte {
	s := &e.state
	before := s.end
	if span != s.span {
		before = start
	}
	committed, originally := micros(t.Committed), micros(t.Originally)
	flags := e.flags(t, span, before)
	dst = append(dst, flags)
	if flags&rowSpan != 0 {
		dst = binary.AppendUvarint(dst, uint64(span-s.span))
	}
	if flags&rowGap != 0 {
		dst = binary.AppendUvarint(dst, t.Start-before)
	}
	if flags&rowGTID != 0 {
		dst = e.appendGTID(dst, t.GTID)
	}
	dst = binary.AppendVarint(dst, committed-s.committed)
	if flags&rowOriginally != 0 {
		dst = binary.AppendVarint(dst, originally-committed)
	}
	dst = binary.AppendVarint(dst, t.SequenceNumber-s.sequence)
	dst = binary.AppendVarint(dst, t.SequenceNumber-t.LastCommitted)
	dst = binary.AppendUvarint(dst, t.Size())
	dst = binary.AppendUvarint(dst, uint64(t.Events))
	s.remember(t.GTID)
	s.span, s.end, s.committed, s.sequence = span, t.End, committed, t.SequenceNumber
	return e.appendContent(dst, t, short)
}

func (e *rowEncoder) flags(t *binlog.Transaction, span int, before uint64) byte {
	s := &e.state
	var flags byte
	if span != s.span {
		flags |= rowSpan
	}
	if t.Start != before {
		flags |= rowGap
	}
	if t.Opaque {
		flags |= rowOpaque
	}
	if micros(t.Committed) != micros(t.Originally) {
		flags |= rowOriginally
	}
	switch {
	case t.GTID.IsZero():
	case t.GTID.SID == s.gtid.SID && t.GTID.N == s.gtid.N+1:
		flags |= rowNext
	default:
		flags |= rowGTID
	}
	return flags
}

// appendGTID writes a reference to the origin (0: it follows), and the number relative to the origin's last one.
func (e *rowEncoder) appendGTID(dst []byte, g binlog.GTID) []byte {
	if i, known := e.state.index[g.SID]; known {
		dst = binary.AppendUvarint(dst, uint64(i)+1)
		return binary.AppendVarint(dst, g.N-e.state.origins[i].last)
	}
	dst = append(dst, 0)
	dst = append(dst, g.SID.UUID[:]...)
	dst = append(dst, byte(len(g.SID.Tag)))
	dst = append(dst, g.SID.Tag...)
	return binary.AppendVarint(dst, g.N)
}

func (e *rowEncoder) appendContent(dst []byte, t *binlog.Transaction, short bool) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(t.Tables)))
	for i := range t.Tables {
		c := &t.Tables[i]
		dst = e.appendName(dst, c.Schema)
		dst = e.appendName(dst, c.Table)
		dst = append(dst, byte(c.Ops))
		dst = binary.AppendUvarint(dst, c.Bytes)
	}
	dst = binary.AppendUvarint(dst, uint64(len(t.Statements)))
	for i := range t.Statements {
		dst = e.appendStatement(dst, &t.Statements[i], short)
	}
	return dst
}

func (e *rowEncoder) appendStatement(dst []byte, st *binlog.Statement, short bool) []byte {
	limit := binlog.MaxStatement
	if short {
		limit = largeIndexTx
	}
	text, cut := st.Text, st.Cut
	if len(text) > limit {
		text, cut = text[:limit], true
	}
	var flags byte
	if st.Changed {
		flags |= statementChanged
	}
	if cut {
		flags |= statementCut
	}
	dst = e.appendName(dst, st.Schema)
	dst = append(dst, flags)
	dst = binary.AppendUvarint(dst, st.SQLMode)
	dst = binary.AppendUvarint(dst, uint64(st.Charset))
	dst = binary.AppendUvarint(dst, uint64(len(text)))
	return append(dst, text...)
}

// appendName writes a reference: 0 for the empty name, 1 for one that follows, n+2 for the nth that did.
func (e *rowEncoder) appendName(dst []byte, name string) []byte {
	if name == "" {
		return append(dst, 0)
	}
	if ref, known := e.names[name]; known {
		return binary.AppendUvarint(dst, ref)
	}
	if len(e.names) < maxNames {
		e.names[name] = uint64(len(e.names)) + 2
	}
	dst = append(dst, 1)
	dst = binary.AppendUvarint(dst, uint64(len(name)))
	return append(dst, name...)
}
