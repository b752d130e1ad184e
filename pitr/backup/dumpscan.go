package backup

import (
	"bytes"
	"errors"
	"strings"

	"lastwrite/binlog"
)

var (
	errNoGTIDs   = errors.New("the dump names no GTID set")
	errNoTrailer = errors.New("the dump has no end")
)

const (
	// maxHead is how much of a line at the beginning of a dump is looked at, in bytes; a GTID set may be long.
	maxHead = 16 << 20
	// trailerSize is how much of the end of a dump is kept, in bytes.
	trailerSize = 256

	gtidStatement = "SET @@GLOBAL.GTID_PURGED="
	firstDatabase = "CREATE DATABASE"
	dumpTrailer   = "-- Dump completed"
)

// dumpScanner reads along a dump as it passes: the GTID set stands before the first database, the trailer at the end. What lies between is
// never interpreted: a stored routine may hold any text.
type dumpScanner struct {
	found func() // told when the set has passed

	head bytes.Buffer // the present line, while the head is read
	set  binlog.GTIDSet
	err  error
	past bool // whether the head is over
	gtid bool // whether the set was found
	tail []byte
}

// Write never fails; see result.
func (s *dumpScanner) Write(p []byte) (int, error) {
	s.tail = append(s.tail, p[max(0, len(p)-trailerSize):]...)
	s.tail = s.tail[max(0, len(s.tail)-trailerSize):]
	for rest := p; !s.past && len(rest) > 0; {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		s.head.Write(line)
		rest = after
		if whole {
			s.line()
		} else if s.head.Len() > maxHead {
			s.past = true
		}
	}
	return len(p), nil
}

// line looks at one whole line of the head. The statement with the set may go over several.
func (s *dumpScanner) line() {
	text := s.head.String()
	switch {
	case strings.HasPrefix(text, gtidStatement):
		if !strings.HasSuffix(strings.TrimSpace(text), ";") && s.head.Len() < maxHead {
			s.head.WriteByte(' ')
			return
		}
		s.parse(text)
		s.past = true
	case strings.HasPrefix(text, firstDatabase):
		s.past = true
	}
	s.head.Reset()
}

// parse takes the set out of SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '…'; – it is the last string.
func (s *dumpScanner) parse(statement string) {
	parts := strings.Split(statement, "'")
	if len(parts) < 3 {
		return
	}
	s.set, s.err = binlog.ParseGTIDSet(parts[len(parts)-2])
	s.gtid = true
	s.found()
}

// result is the set, once the whole dump has passed.
func (s *dumpScanner) result() (binlog.GTIDSet, error) {
	switch {
	case s.err != nil:
		return binlog.GTIDSet{}, s.err
	case !s.gtid:
		return binlog.GTIDSet{}, errNoGTIDs
	case !bytes.Contains(s.tail, []byte(dumpTrailer)):
		return binlog.GTIDSet{}, errNoTrailer
	}
	return s.set, nil
}

// isRevoke tells whether a line of SHOW GRANTS is a partial revoke.
func isRevoke(line string) bool { return strings.HasPrefix(line, "REVOKE ") }
