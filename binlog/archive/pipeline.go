package archive

import (
	"context"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"lastwrite/binlog"
	"lastwrite/binlog/segment"
)

// pipeline takes what the builder decides through compression and the spool to the uploader. Frames are compressed side by
// side; everything else happens in order.
//
// A failure of the spool does not end the pipeline: it drops what comes until rewind, which tells from where to go on.
type pipeline struct {
	level  segment.Level
	spool  *spool
	limit  int64
	upload func(sealed) // hands a finished segment on; must not block

	jobs     chan job
	work     chan job
	buffers  chan []byte // raw buffers of the builder
	encoded  chan []byte // buffers of compressed frames
	rawSize  int
	occupied occupancy

	mu     sync.Mutex
	failed error         // of the spool, until rewind
	sealed binlog.Cursor // behind the last finished segment
}

// sealed is a finished segment in the spool.
type sealed struct {
	path    string
	summary segment.Summary
}

type job struct {
	kind   jobKind
	span   segment.Span
	raw    []byte
	out    chan []byte // the compressed frame
	index  *segment.IndexBuilder
	cursor binlog.Cursor
	reply  chan binlog.Cursor
}

type jobKind uint8

const (
	jobOpen jobKind = iota
	jobSpan
	jobFrame
	jobSeal
	jobAbort
	jobRewind
)

// pipelineDepth is the number of frames on their way.
const pipelineDepth = 4

func newPipeline(cfg Config, sp *spool, at binlog.Cursor, upload func(sealed)) *pipeline {
	p := &pipeline{
		level: cfg.Level, spool: sp, limit: cfg.SpoolMax, upload: upload, sealed: at,
		jobs: make(chan job, pipelineDepth), work: make(chan job, pipelineDepth),
		buffers: make(chan []byte, pipelineDepth+2), encoded: make(chan []byte, pipelineDepth+2),
		rawSize: cfg.FrameSize + cfg.FrameSize/4,
	}
	p.occupied.init()
	return p
}

// run works until close was called and all jobs are done, or ctx ends.
func (p *pipeline) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for range max(1, min(runtime.GOMAXPROCS(0), pipelineDepth)) {
		g.Go(func() error { return p.compress() })
	}
	g.Go(func() error {
		stop := context.AfterFunc(ctx, func() { p.occupied.interrupt(true) })
		defer stop()
		w := spoolWriter{p: p}
		for j := range p.jobs {
			w.do(j)
		}
		w.abort()
		return nil
	})
	return g.Wait()
}

func (p *pipeline) close() {
	close(p.work)
	close(p.jobs)
}

func (p *pipeline) compress() error {
	enc, err := segment.NewEncoder(p.level)
	for j := range p.work {
		if err != nil {
			j.out <- nil
			continue
		}
		j.out <- enc.Frame(take(p.encoded), j.raw)
		give(p.buffers, j.raw)
	}
	return err
}

func take(from chan []byte) []byte {
	select {
	case b := <-from:
		return b[:0]
	default:
		return nil
	}
}

func give(to chan []byte, b []byte) {
	select {
	case to <- b:
	default:
	}
}

// The builder's side.

func (p *pipeline) openSegment() { p.jobs <- job{kind: jobOpen} }
func (p *pipeline) abort()       { p.jobs <- job{kind: jobAbort} }

func (p *pipeline) beginSpan(server, file string, start uint64, f *binlog.Format) {
	p.jobs <- job{kind: jobSpan, span: segment.Span{Server: server, File: file, Start: start, Format: f}}
}

func (p *pipeline) frame(raw []byte) []byte {
	j := job{kind: jobFrame, raw: raw, out: make(chan []byte, 1)}
	p.work <- j
	p.jobs <- j
	if b := take(p.buffers); b != nil {
		return b
	}
	return make([]byte, 0, p.rawSize)
}

func (p *pipeline) seal(index *segment.IndexBuilder, end binlog.Cursor) {
	p.jobs <- job{kind: jobSeal, index: index, cursor: end}
}

// err tells whether the spool has failed since the last rewind.
func (p *pipeline) err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

// rewind gives the open segment up, clears a failure, and returns the place behind the last finished segment.
func (p *pipeline) rewind() binlog.Cursor {
	reply := make(chan binlog.Cursor, 1)
	p.jobs <- job{kind: jobRewind, reply: reply}
	return <-reply
}

func (p *pipeline) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed == nil {
		p.failed = err
	}
}

// spoolWriter does the jobs one after the other.
type spoolWriter struct {
	p    *pipeline
	file *os.File
	w    *segment.Writer
	size int64
}

func (s *spoolWriter) do(j job) {
	switch j.kind {
	case jobAbort:
		s.abort()
		return
	case jobRewind:
		s.abort()
		s.p.mu.Lock()
		s.p.failed = nil
		at := s.p.sealed
		s.p.mu.Unlock()
		j.reply <- at
		return
	}
	if s.p.err() != nil {
		if j.kind == jobFrame {
			give(s.p.encoded, <-j.out)
		}
		return
	}
	if err := s.store(j); err != nil {
		s.p.fail(err)
		s.abort()
	}
}

func (s *spoolWriter) store(j job) error {
	switch j.kind {
	case jobOpen:
		return s.open()
	case jobSpan:
		return spoolError(s.w.BeginSpan(j.span.Server, j.span.File, j.span.Start, j.span.Format))
	case jobFrame:
		enc := <-j.out
		defer give(s.p.encoded, enc)
		s.p.occupied.wait(int64(len(enc)), s.p.limit)
		err := s.w.AppendFrame(enc)
		s.grow()
		return spoolError(err)
	case jobSeal:
		return s.finish(j)
	}
	return nil
}

func (s *spoolWriter) open() error {
	f, err := s.p.spool.create()
	if err != nil {
		return err
	}
	s.file, s.size = f, 0
	s.w, err = segment.NewWriter(f)
	return spoolError(err)
}

func (s *spoolWriter) grow() {
	s.p.occupied.add(s.w.Size() - s.size)
	s.size = s.w.Size()
}

func (s *spoolWriter) finish(j job) error {
	summary, err := s.w.Finish(j.index)
	if err != nil {
		return spoolError(err)
	}
	s.grow()
	path, err := s.p.spool.finish(s.file)
	if err != nil {
		return err
	}
	s.file, s.w = nil, nil
	s.p.mu.Lock()
	s.p.sealed = j.cursor
	s.p.mu.Unlock()
	s.p.upload(sealed{path: path, summary: summary})
	return nil
}

// abort gives the open segment up.
func (s *spoolWriter) abort() {
	if s.file != nil {
		s.p.spool.drop(s.file)
		s.p.occupied.add(-s.size)
	}
	s.file, s.w, s.size = nil, nil, 0
}
