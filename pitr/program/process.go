package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// pipeGrace is how long, after a program has ended, its pipes may still be busy.
const pipeGrace = 5 * time.Second

// Command says what to run.
type Command struct {
	Path   string
	Args   []string
	Stdin  io.Reader // nil: empty
	Stdout io.Writer // nil: thrown away
	Stderr io.Writer // nil: thrown away but for what errors quote
}

// Process is a running program.
type Process struct {
	name   string
	pid    int
	stderr *tail
	done   chan struct{}
	err    error // read after done is closed
}

// Start starts a program. When ctx ends before the program does, its whole process group is killed. The
// caller waits for it with Wait, or on Done. ErrNotFound: there is no such program, or it cannot be executed.
func Start(ctx context.Context, c Command) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(c.Path), context.Cause(ctx))
	}
	p := &Process{name: filepath.Base(c.Path), stderr: &tail{}, done: make(chan struct{})}
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Stdin, cmd.Stdout = c.Stdin, c.Stdout
	cmd.Stderr = io.Writer(p.stderr)
	if c.Stderr != nil {
		cmd.Stderr = io.MultiWriter(p.stderr, c.Stderr)
	}
	cmd.Env = cleanEnvironment(os.Environ())
	cmd.SysProcAttr = childAttributes()
	cmd.WaitDelay = pipeGrace

	started := make(chan error, 1)
	go p.run(ctx, cmd, started)
	if err := <-started; err != nil {
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) || errors.Is(err, exec.ErrNotFound) {
			return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
		}
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	return p, nil
}

// run starts the child and waits for it on one thread that it keeps to itself: the kernel's parent-death signal is sent when the
// thread that forked the child ends, and Go ends idle threads at will (prctl(2), PR_SET_PDEATHSIG).
func (p *Process) run(ctx context.Context, cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	p.pid = cmd.Process.Pid
	stop := context.AfterFunc(ctx, p.Kill)
	started <- nil
	err := cmd.Wait()
	stop()
	p.err = p.explain(ctx, err)
	close(p.done)
}

// explain turns the way a program ended into an error that says why.
func (p *Process) explain(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("run %s: %w", p.name, context.Cause(ctx))
	}
	if line := p.stderr.lastLine(); line != "" {
		return fmt.Errorf("run %s: %w: %s", p.name, err, line)
	}
	return fmt.Errorf("run %s: %w", p.name, err)
}

// PID is the process id.
func (p *Process) PID() int { return p.pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the program's end. The error has the last line of its standard error; nil stands for exit code 0.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// Running tells whether the program has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Terminate asks the program to end (SIGTERM). It does not wait.
func (p *Process) Terminate() {
	if p.Running() {
		_ = syscall.Kill(p.pid, syscall.SIGTERM)
	}
}

// Kill ends the program's whole process group at once. It does not wait.
func (p *Process) Kill() {
	if p.Running() {
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	}
}

// Stderr is the end of what the program wrote to its standard error.
func (p *Process) Stderr() string { return p.stderr.String() }

// Run starts a program and waits for it.
func Run(ctx context.Context, c Command) error {
	p, err := Start(ctx, c)
	if err != nil {
		return err
	}
	return p.Wait()
}

// cleanEnvironment leaves out what would change what MySQL's programs do, and points them away from the user's login paths.
func cleanEnvironment(env []string) []string {
	var out []string
	for _, entry := range env {
		if !strings.HasPrefix(entry, "MYSQL") {
			out = append(out, entry)
		}
	}
	return append(out, "MYSQL_TEST_LOGIN_FILE="+os.DevNull)
}
