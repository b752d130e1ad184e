package stream

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
	"lastwrite/integration/lab"
	"lastwrite/replica"
	"lastwrite/replica/node"
)

// recorder is a sink that keeps the bytes of each file, and resumes where its last whole transaction ended.
type recorder struct {
	t testing.TB

	mu       sync.Mutex
	asm      *binlog.Assembler
	cursor   binlog.Cursor
	executed *binlog.GTIDSetBuilder
	files    map[string][]byte // by server and file; holes are left empty
	next     uint64            // offset behind the last byte taken
	resumes  int
	pieces   int
	fail     error
}

func newRecorder(t testing.TB) *recorder {
	return &recorder{t: t, asm: binlog.NewAssembler(), executed: binlog.NewGTIDSetBuilder(binlog.GTIDSet{}), files: map[string][]byte{}}
}

func (r *recorder) Resume(context.Context) (binlog.Cursor, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resumes++
	r.asm.Reset()
	r.next = r.cursor.Offset
	if !r.cursor.Fresh() {
		key := r.cursor.Server + "/" + r.cursor.File
		r.files[key] = r.files[key][:r.cursor.Offset]
	}
	at := r.cursor
	at.Executed = r.executed.Set()
	return at, r.fail
}

func (r *recorder) Write(_ context.Context, b *binlog.Batch) error {
	defer b.Release()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return r.fail
	}
	for i := range b.Events {
		if err := r.event(b, &b.Events[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *recorder) event(b *binlog.Batch, ev *binlog.Event) error {
	key, at := b.Server+"/"+b.File, ev.Start+uint64(ev.Offset)
	if r.cursor.Server == b.Server && r.cursor.File == b.File && at < r.next {
		r.t.Errorf("%s:%d comes again", b.File, at)
	}
	if grow := int(at) - len(r.files[key]); grow > 0 {
		r.files[key] = append(r.files[key], make([]byte, grow)...)
	}
	r.files[key] = append(r.files[key], ev.Raw...)
	r.next = at + uint64(len(ev.Raw))
	if !ev.First() {
		r.pieces++
	}
	step, err := r.asm.Add(ev, b.Format)
	if err != nil {
		r.t.Errorf("%s:%d: %v", b.File, at, err)
		return err
	}
	if step == binlog.Outside && ev.Header.Type == binlog.TypePreviousGTIDs {
		previous, err := binlog.DecodeGTIDSet(ev.Body(b.Format.Checksum))
		if err != nil {
			return err
		}
		r.executed.AddSet(previous)
		r.cursor.Known = true
	}
	if step == binlog.End && !r.executed.Add(r.asm.Transaction().GTID) {
		r.t.Errorf("%s comes again", r.asm.Transaction().GTID)
	}
	if step == binlog.End || (step == binlog.Outside && ev.Last()) {
		r.cursor.Server, r.cursor.Position = b.Server, binlog.Position{File: b.File, Offset: r.next}
	}
	return nil
}

func (r *recorder) set() binlog.GTIDSet {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.executed.Set()
}

func (r *recorder) at() binlog.Cursor {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cursor
}

// running is a Stream at work.
type running struct {
	*Stream
	cancel context.CancelFunc
	done   chan error
}

// run starts a stream from cfg into sink, which is stopped with the test.
func run(t testing.TB, cfg Config, sink Sink) *running {
	t.Helper()
	s, err := New(cfg, zerolog.New(zerolog.NewTestWriter(t)), nil)
	require.NoError(t, err)
	return runStream(t, s, sink)
}

func runStream(t testing.TB, s *Stream, sink Sink) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Stream: s, cancel: cancel, done: make(chan error, 1)}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		r.done <- s.Run(ctx, sink)
	}()
	t.Cleanup(func() {
		cancel()
		<-finished
	})
	return r
}

// stop ends the stream, which must end well.
func (r *running) stop(t testing.TB) {
	t.Helper()
	r.cancel()
	require.NoError(t, <-r.done)
}

func testConfig(t testing.TB, s *lab.Server, user string) Config {
	t.Helper()
	e, err := replica.ParseEndpoint(s.Addr())
	require.NoError(t, err)
	return Config{
		Source:   node.Config{Endpoint: e, User: user, Password: lab.Password},
		ServerID: 4000 + rand.Uint32N(1000), UUID: uuid.NewString(), HostName: "lastwrite@test",
		Heartbeat: 200 * time.Millisecond, ReadTimeout: 5 * time.Second, CheckEvery: 100 * time.Millisecond, BackoffMin: 10 * time.Millisecond, BackoffMax: 300 * time.Millisecond,
		BatchSize: 256 << 10, BatchCount: 8,
	}
}

const limit = 60 * time.Second

// caughtUp waits until sink has all that the server has executed.
func caughtUp(t testing.TB, sink *recorder, s *lab.Server) {
	t.Helper()
	text, err := s.GTIDExecuted(context.Background())
	require.NoError(t, err)
	want := set(t.(*testing.T), text)
	require.Eventually(t, func() bool { return sink.set().Contains(want) }, limit, 5*time.Millisecond)
}

// sameFiles compares what was recorded of a server with its own files: nothing but the mark of the
// file still in use may differ. The server must be at rest.
func sameFiles(t testing.TB, sink *recorder, s *lab.Server) {
	t.Helper()
	id, err := s.UUID(context.Background())
	require.NoError(t, err)
	paths, err := filepath.Glob(filepath.Join(s.DataDir, "binlog.[0-9]*"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	const inUse = binlog.FileHeaderSize + 17 // the flags of the first event
	for _, path := range paths {
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		want[inUse] &^= byte(binlog.FlagInUse)
		require.Eventually(t, func() bool {
			sink.mu.Lock()
			defer sink.mu.Unlock()
			return len(sink.files[id+"/"+filepath.Base(path)]) >= len(want)
		}, limit, 5*time.Millisecond, path)
		sink.mu.Lock()
		got := bytes.Clone(sink.files[id+"/"+filepath.Base(path)])
		sink.mu.Unlock()
		copy(got, binlog.FileMagic())
		require.Equal(t, len(want), len(got), path)
		require.True(t, bytes.Equal(want, got), "%s differs", path)
	}
}
