package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	startTimeout = 60 * time.Second // for a context without a deadline
	stopTimeout  = 60 * time.Second
	readyPoll    = 10 * time.Millisecond
)

// errRunning says that a server is to be started that runs already.
var errRunning = errors.New("it is running")

// child is one run of a program. Its zero value is not usable; see startChild.
type child struct {
	pid  int
	done chan struct{} // closed when the child has ended and was waited for
	err  error         // how it ended; read after done
}

// startChild starts a program with its output appended to the file log and env added to our environment.
//
// The kernel sends the parent-death signal when the thread that forked the child ends, not when
// the process does, and Go moves goroutines between threads and ends idle ones. So the child is started from, and
// waited for on, a goroutine that keeps its thread to itself for the child's whole life.
func startChild(log string, env []string, path string, args ...string) (*child, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the log of a child process: %w", err)
	}
	defer out.Close() // the child has its own
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, childAttributes()
	run := &child{done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		run.pid = cmd.Process.Pid
		started <- nil
		run.err = cmd.Wait()
		close(run.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return run, nil
}

// running tells whether the child has not ended yet.
func (c *child) running() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// signal sends a signal; a child that has ended is no error.
func (c *child) signal(sig syscall.Signal) error {
	if !c.running() {
		return nil
	}
	if err := syscall.Kill(c.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %v to process %d: %w", sig, c.pid, err)
	}
	return nil
}

// kill ends the child at once and waits until it is gone.
func (c *child) kill() error {
	if err := c.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-c.done
	return nil
}

// terminate asks the child to end (SIGTERM) and waits; when ctx is over first it kills the child and says so.
func (c *child) terminate(ctx context.Context) error {
	if err := c.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("wait for process %d to end: %w", c.pid, ctx.Err()), c.kill())
	}
}

// Process is what the servers of a lab have in common: a program that can be stopped in several ways and started again.
type Process struct {
	name string
	log  string // file that its output is appended to

	mu     sync.Mutex
	run    *child // nil before the first start
	ended  bool   // for good: the lab is closed
	frozen bool
}

// current is the last run, or nil.
func (p *Process) current() *child {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.run
}

// launch starts the program and waits until ready says so; ready is given a run to watch for an early end. When
// that fails, the error holds the end of the log of this run and the program is gone. Kill and the like may be
// called meanwhile.
func (p *Process) launch(env []string, path string, args []string, ready func(*child) error) error {
	before := len(p.Log())
	run, err := p.begin(env, path, args)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	if err := ready(run); err != nil {
		killErr := run.kill()
		return errors.Join(&launchError{p.name, err, p.Log()[before:]}, killErr)
	}
	return nil
}

// begin starts a run, unless there is one or the lab is closed.
func (p *Process) begin(env []string, path string, args []string) (*child, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return nil, ErrClosed
	}
	if p.run != nil && p.run.running() {
		return nil, errRunning
	}
	run, err := startChild(p.log, env, path, args...)
	if err != nil {
		return nil, err
	}
	p.run, p.frozen = run, false
	return run, nil
}

// launchError says why a program did not come up, and shows what it said.
type launchError struct {
	name string
	err  error
	log  string
}

func (e *launchError) Error() string {
	return fmt.Sprintf("start %s: %v\n%s", e.name, e.err, tail(e.log, 10))
}
func (e *launchError) Unwrap() error { return e.err }

// await calls answers until it says yes; it ends early when the run has ended or ctx is over.
func (c *child) await(ctx context.Context, answers func() bool) error {
	ticker := time.NewTicker(readyPoll)
	defer ticker.Stop()
	for {
		select {
		case <-c.done:
			return fmt.Errorf("it ended: %w", c.err)
		case <-ctx.Done():
			return fmt.Errorf("wait for an answer: %w", ctx.Err())
		case <-ticker.C:
		}
		if answers() {
			return nil
		}
	}
}

// Stop shuts the server down cleanly and waits for it (60 s if ctx has no deadline). When that takes too
// long the server is killed and an error returned. A server that does not run is no error.
func (p *Process) Stop(ctx context.Context) error {
	ctx, cancel := withDefaultDeadline(ctx, stopTimeout)
	defer cancel()
	if run := p.current(); run != nil {
		if err := run.terminate(ctx); err != nil {
			return fmt.Errorf("stop %s: %w", p.name, err)
		}
	}
	return nil
}

// Kill ends the server at once, as kill -9 does, and waits until it is gone.
func (p *Process) Kill() error {
	if run := p.current(); run != nil {
		if err := run.kill(); err != nil {
			return fmt.Errorf("kill %s: %w", p.name, err)
		}
	}
	return nil
}

// end kills the server and lets it not be started again.
func (p *Process) end() error {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	return p.Kill()
}

// Freeze stops the server's every thread (SIGSTOP) and returns when all have stopped: connections stay open and
// nothing answers.
func (p *Process) Freeze() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.frozen {
		return nil // there would be no second report to wait for
	}
	if err := p.run.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	// The signal is only under way when kill(2) returns: a thread on another processor can still answer.
	if err := waitStopped(p.run.pid); err != nil {
		return fmt.Errorf("freeze %s: %w", p.name, err)
	}
	p.frozen = true
	return nil
}

// Thaw lets a frozen server go on.
func (p *Process) Thaw() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frozen = false
	return p.run.signal(syscall.SIGCONT)
}

// Running tells whether the server's process lives.
func (p *Process) Running() bool {
	run := p.current()
	return run != nil && run.running()
}

// PID is the process id of the last run.
func (p *Process) PID() int { return p.current().pid }

// Log returns what the server has logged over all its runs.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return "" // not started yet
	}
	return string(text)
}

// state says in a word whether and how the server ended.
func (p *Process) state() string {
	run := p.current()
	switch {
	case run == nil:
		return "never started"
	case run.running():
		return "running"
	case run.err != nil:
		return "ended: " + run.err.Error()
	}
	return "ended"
}
