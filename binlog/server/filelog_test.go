package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
)

// fileLog serves the log files of a MySQL server's data directory, cut into batches of any size.
type fileLog struct {
	server string // server_uuid
	files  []string
	skip   binlog.GTIDSet // transactions to leave out, besides those the replica has
	piece  int            // bytes of a batch; larger events come in pieces
	bare   bool           // begin with the first transaction wanted, in the middle of its file
	noRots bool           // leave ROTATE events out, as if each file's server had crashed

	gate func(ctx context.Context, sent int) error // called before each batch with the number of bytes yielded
}

func (l *fileLog) GTIDs() binlog.GTIDSet { return binlog.GTIDSet{} }

func (l *fileLog) Open(_ context.Context, have binlog.GTIDSet) (binlog.Source, error) {
	return &fileSource{log: l, pool: binlog.NewPool(3, l.piece), have: have.Union(l.skip), files: slices.Clone(l.files)}, nil
}

// logFiles returns the paths of a data directory's log files, in order.
func logFiles(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "binlog.[0-9]*"))
	require.NoError(t, err)
	slices.Sort(files)
	return files
}

type fileSource struct {
	log    *fileLog
	pool   *binlog.Pool
	have   binlog.GTIDSet
	files  []string
	file   string
	format *binlog.Format
	rest   []byte // of the present file
	pos    uint64
	skip   bool // the present transaction
	begun  bool // a wanted transaction was seen
	sent   int

	event  []byte // the rest of an event that is being cut into pieces
	header binlog.Header
	start  uint64
}

func (s *fileSource) Next(ctx context.Context) (*binlog.Batch, error) {
	if s.log.gate != nil {
		if err := s.log.gate(ctx, s.sent); err != nil {
			return nil, err
		}
	}
	b, err := s.pool.Get(ctx)
	if err != nil {
		return nil, err
	}
	buf := b.Buffer()
	for {
		if len(s.event) == 0 {
			if done, err := s.load(len(b.Events) > 0); err != nil {
				b.Release()
				return nil, err
			} else if done {
				break
			}
		}
		b.Server, b.File, b.Format = s.log.server, s.file, s.format
		whole := len(s.event) == int(s.header.Size)
		if len(buf) == 0 || (whole && len(s.event) > len(buf) && len(b.Events) > 0) {
			break
		}
		n := copy(buf, s.event)
		b.Events = append(b.Events, binlog.Event{
			Header: s.header, Start: s.start, Offset: s.header.Size - uint32(len(s.event)), Raw: buf[:n:n],
		})
		buf, s.event, s.sent = buf[n:], s.event[n:], s.sent+n
	}
	if len(b.Events) == 0 {
		b.Release()
		return nil, io.EOF
	}
	return b, nil
}

// load finds the next event that is wanted. It is done where the batch has to end.
func (s *fileSource) load(hasEvents bool) (done bool, err error) {
	for {
		if len(s.rest) == 0 {
			if hasEvents || len(s.files) == 0 {
				return true, nil
			}
			if err := s.openFile(); err != nil {
				return true, err
			}
		}
		h, err := binlog.DecodeHeader(s.rest)
		if err != nil {
			return true, err
		}
		raw := s.rest[:h.Size]
		s.rest = s.rest[h.Size:]
		start := s.pos
		s.pos += uint64(h.Size)
		if wanted, err := s.wanted(h, raw); err != nil {
			return true, err
		} else if wanted {
			s.event, s.header, s.start = raw, h, start
			return false, nil
		}
	}
}

func (s *fileSource) openFile() error {
	text, err := os.ReadFile(s.files[0])
	if err != nil {
		return err
	}
	s.file, s.files = filepath.Base(s.files[0]), s.files[1:]
	s.rest, s.pos = bytes.TrimPrefix(text, binlog.FileMagic()), binlog.FileHeaderSize
	h, err := binlog.DecodeHeader(s.rest)
	if err != nil {
		return err
	}
	first := bytes.Clone(s.rest[:h.Size])
	if h.Flags&binlog.FlagInUse != 0 { // the checksum is that without the flag
		h.Flags &^= binlog.FlagInUse
		h.Put(first)
	}
	s.format, err = binlog.DecodeFormat(first)
	return err
}

func (s *fileSource) wanted(h binlog.Header, raw []byte) (bool, error) {
	switch h.Type {
	case binlog.TypeGTID, binlog.TypeTaggedGTID:
		e := binlog.Event{Header: h, Raw: raw}
		g, err := binlog.DecodeGTIDEvent(h.Type, e.Body(s.format.Checksum))
		if err != nil {
			return false, fmt.Errorf("read GTID event at %s:%d: %w", s.file, s.pos, err)
		}
		s.skip = s.have.Has(g.GTID)
		s.begun = s.begun || !s.skip
		return !s.skip, nil
	case binlog.TypeFormatDescription, binlog.TypePreviousGTIDs, binlog.TypeStop:
		s.skip = false
		return s.begun || !s.log.bare, nil
	case binlog.TypeRotate:
		s.skip = false
		return (s.begun || !s.log.bare) && !s.log.noRots, nil
	}
	return !s.skip, nil
}
