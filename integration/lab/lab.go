package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

const (
	// loopback is the only address anything here listens on.
	loopback = "127.0.0.1"
	// maxSocketDir is the longest directory, in bytes, in which a Unix socket's path is sure to fit into
	// the 107 bytes that the system, and the 104 that some clients, allow.
	maxSocketDir = 70
	// failureLogLines is how much of each server's log a failed test shows.
	failureLogLines = 40
)

// Lab owns a directory and the servers started in it. Its methods may be called from several goroutines.
type Lab struct {
	log     zerolog.Logger
	base    string // shared by all labs of this user: locks
	dir     string // this lab's own, removed by Close
	sockets string // where Unix sockets go; dir unless its path is too long
	lock    *os.File

	mu      sync.Mutex
	tools   *Tools
	tls     *TLSFiles
	servers []*Server
	stores  []*S3
	lastID  uint32
	binary  string // the lastwrite program, once built
	closed  bool
}

// ErrClosed is returned when something is started in a lab that has been closed.
var ErrClosed = errors.New("the lab is closed")

// New opens a lab for a test and closes it when the test and its subtests are done. If the test failed, the
// ends of the servers' logs are shown. With -short the test is skipped.
func New(t testing.TB) *Lab {
	t.Helper()
	if testing.Short() {
		t.Skip("needs real servers: not with -short")
	}
	l, err := Open(context.Background(), "", zerolog.New(zerolog.NewTestWriter(t)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(l.logTails(failureLogLines))
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// Open opens a lab in a fresh directory below dir, or below the system's temporary directory
// if dir is empty. Progress and events go to log. Nothing is fetched or started before it is asked for.
// The caller calls Close; what a killed process leaves in the temporary directory the next lab removes, but not
// what it leaves in a dir of the caller's.
func Open(ctx context.Context, dir string, log zerolog.Logger) (*Lab, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open a lab: %w", err)
	}
	base := filepath.Join(os.TempDir(), "lastwrite-lab-"+strconv.Itoa(os.Getuid()))
	if err := os.MkdirAll(base, 0o700); err != nil {
		return nil, fmt.Errorf("open a lab: %w", err)
	}
	if dir == "" {
		dir = base
	}
	// Making a lab and sweeping dead ones exclude each other, lest a lab be swept before it holds its lock.
	unlock, err := lockCache(ctx, base, "sweep", zerolog.Nop())
	if err != nil {
		return nil, fmt.Errorf("open a lab: %w", err)
	}
	defer unlock()
	sweep(base, log)
	l := &Lab{log: log, base: base}
	if l.dir, err = os.MkdirTemp(dir, "lab-*"); err != nil {
		return nil, fmt.Errorf("open a lab: %w", err)
	}
	if l.lock, err = os.Create(filepath.Join(l.dir, "lock")); err == nil {
		err = unix.Flock(int(l.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock a lab: %w", err), os.RemoveAll(l.dir))
	}
	if l.sockets, err = shortDir(l.dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(l.dir))
	}
	return l, nil
}

// shortDir returns dir if a socket's path below it fits, else a new directory with a short name.
func shortDir(dir string) (string, error) {
	if len(dir) <= maxSocketDir {
		return dir, nil
	}
	short, err := os.MkdirTemp("/tmp", "lw-lab-")
	if err != nil {
		return "", fmt.Errorf("make a directory for sockets: %w", err)
	}
	return short, nil
}

// sweep removes what labs of dead processes left below base.
func sweep(base string, log zerolog.Logger) {
	locks, _ := filepath.Glob(filepath.Join(base, "lab-*", "lock"))
	for _, path := range locks {
		file, err := os.Open(path)
		if err != nil {
			continue
		}
		if unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			log.Debug().Str("dir", filepath.Dir(path)).Msg("removing what a killed lab left")
			_ = os.RemoveAll(filepath.Dir(path))
		}
		_ = file.Close()
	}
}

// Dir is the lab's own directory, for a test's further files; it is removed by Close.
func (l *Lab) Dir() string { return l.dir }

// Tools returns the MySQL programs; see FindTools.
func (l *Lab) Tools(ctx context.Context) (Tools, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tools == nil {
		tools, err := FindTools(ctx, l.log)
		if err != nil {
			return Tools{}, err
		}
		l.tools = &tools
	}
	return *l.tools, nil
}

// Close kills every server, waits until each is gone and removes the lab's directory. It may be called twice.
func (l *Lab) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	servers, stores := l.servers, l.stores
	l.mu.Unlock()

	var errs []error
	for _, server := range servers {
		errs = append(errs, server.close())
	}
	for _, store := range stores {
		errs = append(errs, store.close())
	}
	errs = append(errs, os.RemoveAll(l.dir))
	if l.sockets != l.dir {
		errs = append(errs, os.RemoveAll(l.sockets))
	}
	errs = append(errs, l.lock.Close())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the lab: %w", err)
	}
	return nil
}

// refuseClosed returns ErrClosed after Close.
func (l *Lab) refuseClosed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	return nil
}

// nextID hands out server ids that are unique in the lab.
func (l *Lab) nextID() uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lastID++
	return l.lastID
}

// keep records a server to be ended by Close; a lab already closed refuses it.
func (l *Lab) keep(server *Server) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	l.servers = append(l.servers, server)
	return nil
}

// keepStore is keep for an S3 server.
func (l *Lab) keepStore(store *S3) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	l.stores = append(l.stores, store)
	return nil
}

// logTails returns the last lines of every server's log.
func (l *Lab) logTails(lines int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var text string
	for _, server := range l.servers {
		text += fmt.Sprintf("--- error log of %s, %s\n%s\n", server.Name, server.state(), tail(server.ErrorLog(), lines))
	}
	for _, store := range l.stores {
		text += fmt.Sprintf("--- log of %s, %s\n%s\n", store.name, store.state(), tail(store.Log(), lines))
	}
	return text
}

// withDefaultDeadline bounds ctx by limit if it has no deadline of its own.
func withDefaultDeadline(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}
