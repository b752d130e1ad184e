// Package sidecar runs the lastwrite program as its users do, for the demo, the tests and the benchmarks: as a process of its own, set up by
// its environment, with a file store and a spool below one directory.
package sidecar

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"lastwrite/binlog"
	"lastwrite/binlog/archive"
	"lastwrite/integration/lab"
	"lastwrite/internal/objstore"
	"lastwrite/internal/objstore/file"
	"lastwrite/internal/objstore/s3"
)

// Cluster is the name of the cluster in the archive.
const Cluster = "demo"

// Sidecar is the set-up of the program beside one MySQL server.
type Sidecar struct {
	Program string   // path of lastwrite
	Dir     string   // where its archive, spool and log are
	Env     []string // settings, on top of the process's own environment
	s3      *lab.S3
	bucket  string
}

// New makes the directories for a sidecar of a server. Its store is the directory "archive" below dir.
func New(program, mysqld, dir string, source *lab.Server) (*Sidecar, error) {
	for _, d := range []string{"archive", "spool"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return nil, err
		}
	}
	return &Sidecar{Program: program, Dir: dir, Env: []string{
		"LASTWRITE_STORE=file://" + filepath.Join(dir, "archive"),
		"LASTWRITE_CLUSTER=" + Cluster,
		"LASTWRITE_SPOOL_DIR=" + filepath.Join(dir, "spool"),
		"LASTWRITE_SOURCE_ADDRESS=" + source.Addr(),
		"LASTWRITE_SOURCE_USER=" + lab.AdminUser,
		"LASTWRITE_SOURCE_PASSWORD=" + lab.Password,
		"LASTWRITE_MYSQLD=" + mysqld,
	}}, nil
}

// Daemon is a running `lastwrite run`.
type Daemon struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error
}

// Start starts the daemon. Its output is appended to daemon.log in the sidecar's directory.
func (s *Sidecar) Start(args ...string) (*Daemon, error) {
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(s.Program, append([]string{"run"}, args...)...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), s.Env...), log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start lastwrite: %w", err)
	}
	d := &Daemon{cmd: cmd, ended: make(chan struct{})}
	go func() {
		d.err = cmd.Wait()
		close(d.ended)
	}()
	return d, nil
}

func (s *Sidecar) log() string { return filepath.Join(s.Dir, "daemon.log") }

// Log returns what the daemons have written so far.
func (s *Sidecar) Log() string {
	text, err := os.ReadFile(s.log())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Ended is closed when the daemon has ended.
func (d *Daemon) Ended() <-chan struct{} { return d.ended }

// Kill ends the daemon at once, as kill -9 does.
func (d *Daemon) Kill() {
	_ = d.cmd.Process.Kill()
	<-d.ended
}

// Stop ends the daemon as a service manager does, and at once if that takes longer than 20 s. It returns how the process ended.
func (d *Daemon) Stop() error {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.ended:
		return d.err
	case <-time.After(20 * time.Second):
		d.Kill()
		return errors.New("lastwrite did not end within 20 s of SIGTERM")
	}
}

// Usage returns what the ended daemon has used: processor time, and its largest resident memory in bytes.
func (d *Daemon) Usage() (cpu time.Duration, memory int64) {
	<-d.ended
	state := d.cmd.ProcessState
	if u, ok := state.SysUsage().(*syscall.Rusage); ok {
		memory = u.Maxrss << 10
	}
	return state.UserTime() + state.SystemTime(), memory
}

// Command prepares a lastwrite command; ctx ends it as Ctrl-C does.
func (s *Sidecar) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.Program, args...)
	cmd.Env = append(os.Environ(), s.Env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 20 * time.Second
	return cmd
}

// UseS3 puts the archive into a bucket of its own of an S3 server, instead of the directory.
func (s *Sidecar) UseS3(ctx context.Context, server *lab.S3, bucket string) error {
	s.s3, s.bucket = server, bucket
	s.Env = append(s.Env,
		fmt.Sprintf("LASTWRITE_STORE=s3://%s/prefix?region=%s&path-style=true&endpoint=%s", bucket, server.Region, server.Endpoint),
		"AWS_ACCESS_KEY_ID="+server.AccessKey, "AWS_SECRET_ACCESS_KEY="+server.SecretKey)
	return server.Bucket(ctx, bucket)
}

// OpenStore opens the sidecar's store; the caller calls closeStore.
func (s *Sidecar) OpenStore(ctx context.Context) (store objstore.Store, closeStore func() error, err error) {
	if s.s3 == nil {
		f, err := file.Open(file.Options{Root: filepath.Join(s.Dir, "archive")})
		if err != nil {
			return nil, nil, err
		}
		return f, f.Close, nil
	}
	store, err = s3.New(aws.Config{Region: s.s3.Region, Credentials: credentials.NewStaticCredentialsProvider(s.s3.AccessKey, s.s3.SecretKey, "")},
		s3.Options{Bucket: s.bucket, Prefix: "prefix", Endpoint: s.s3.Endpoint, PathStyle: true})
	return store, func() error { return nil }, err
}

// WaitArchived waits until the archive holds everything that the server has executed by now.
func (s *Sidecar) WaitArchived(ctx context.Context, server *lab.Server) error {
	text, err := server.GTIDExecuted(ctx)
	if err != nil {
		return err
	}
	want, err := binlog.ParseGTIDSet(text)
	if err != nil {
		return err
	}
	store, closeStore, err := s.OpenStore(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = closeStore() }()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if a, err := archive.Open(ctx, store, Cluster); err == nil && a.Tail().Executed.Contains(want) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait until %s is archived: %w; the daemon's log:\n%s", want, ctx.Err(), s.Log())
		}
	}
}

// PID is the daemon's process id.
func (d *Daemon) PID() int { return d.cmd.Process.Pid }
