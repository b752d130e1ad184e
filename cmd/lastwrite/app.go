package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"lastwrite/cmd/lastwrite/config"
	"lastwrite/internal/objstore/meter"
)

// environment is the process around a command; tests give their own.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	// asks and shows tell whether standard input and standard error are a terminal: whether a question can be answered, and
	// whether a progress bar can be drawn.
	asks, shows bool
	getenv      func(string) string
	dir         string // working directory
	now         func() time.Time
	zone        *time.Location // of times that are typed without one
	fallback    string         // configuration file if none is named
	interrupt   func(context.Context) (context.Context, func())
}

// system is the environment of the real process.
func system() environment {
	dir, err := os.Getwd()
	if err != nil {
		dir = string(filepath.Separator)
	}
	return environment{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		asks:   term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd())),
		shows:  term.IsTerminal(int(os.Stderr.Fd())),
		getenv: os.Getenv, dir: dir, now: time.Now, zone: time.Local,
		fallback: config.DefaultPath, interrupt: onSignals,
	}
}

// errInterrupted is the cause of a context that a signal ended.
var errInterrupted = errors.New("interrupted")

// onSignals returns a context that SIGINT or SIGTERM ends. A second signal ends the process at once: child processes go with it,
// and what was being written is under a temporary name, or is not there without its manifest.
func onSignals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for count := 0; ; count++ {
			select {
			case <-done:
				return
			case sig := <-signals:
				if count > 0 {
					os.Exit(exitInterrupted)
				}
				cancel(fmt.Errorf("%w (%s)", errInterrupted, sig))
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}

// app is one run of the program.
type app struct {
	environment

	configPath string // --config
	json       bool   // --json
	quiet      bool   // --quiet
	flags      map[string]*settingFlag

	cfg  config.Config
	path string // of the configuration file that was read
	log  zerolog.Logger

	meter   *meter.Store // counts what is asked of the store, once it is open
	started bool         // flags and arguments were in order, and the command began
}

// begin reads the configuration. It runs before every command that needs one.
func (a *app) begin(cmd *cobra.Command, _ []string) error {
	given := map[string]string{}
	for name, flag := range a.flags {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			given[name] = flag.raw
		}
	}
	var err error
	a.cfg, a.path, err = config.Loader{
		Path: a.configPath, Fallback: a.fallback, Flags: given, Getenv: a.getenv, Dir: a.dir,
	}.Load()
	if err != nil {
		return coded(err, exitUsage, "")
	}
	a.log, err = newLogger(a.stderr, a.now, a.cfg.Log, a.shows, a.quiet)
	return err
}

// newLogger makes the logger that everything is injected with.
func newLogger(w io.Writer, now func() time.Time, cfg config.Log, terminal, quiet bool) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(cfg.Level)
	if err != nil {
		return zerolog.Nop(), fmt.Errorf("set up logging: %w", err)
	}
	if quiet {
		level = max(level, zerolog.ErrorLevel)
	}
	if cfg.Format == "text" || cfg.Format == "auto" && terminal {
		w = zerolog.ConsoleWriter{Out: w, NoColor: !terminal, TimeFormat: "2006-01-02 15:04:05.000"}
	}
	return zerolog.New(w).Level(level).Hook(stamp(now)), nil
}

// stamp gives each log line its time, in milliseconds: zerolog's own stamp has seconds unless a global is changed.
func stamp(now func() time.Time) zerolog.Hook {
	return zerolog.HookFunc(func(e *zerolog.Event, _ zerolog.Level, _ string) {
		e.Str(zerolog.TimestampFieldName, now().UTC().Format("2006-01-02T15:04:05.000Z07:00"))
	})
}

// backgroundLog is the logger for parts whose story the command tells by itself: only their warnings are worth a line, unless people debug.
func (a *app) backgroundLog() zerolog.Logger {
	if a.log.GetLevel() == zerolog.InfoLevel {
		return a.log.Level(zerolog.WarnLevel)
	}
	return a.log
}
