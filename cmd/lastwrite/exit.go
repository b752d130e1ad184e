package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// The exit codes. They are stable; docs/reference/exit-codes.md and `lastwrite help exit-codes` explain them.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitSource      = 3
	exitStore       = 4
	exitHistory     = 5
	exitFenced      = 6
	exitNotFound    = 7
	exitProof       = 8
	exitLocal       = 9
	exitInterrupted = 130
)

// exitCodes says what each code means, for help and the reference page.
func exitCodes() []struct {
	code    int
	meaning string
} {
	return []struct {
		code    int
		meaning string
	}{
		{exitOK, "done; for run: ended in order after a signal"},
		{exitFailure, "a failure that is none of those below"},
		{exitUsage, "command line or configuration: an unknown flag or key, a value that is wrong or missing, a question that nobody answered"},
		{exitSource, "MySQL server: unreachable, log-in or TLS refused, privilege missing, or not fit to be a source"},
		{exitStore, "object store: unreachable, permission refused, without conditional writes, or holding an archive of another format"},
		{exitHistory, "history: the log that is needed next, or on the way to the target, is gone; or the source's history is another one"},
		{exitFenced, "fenced: another lastwrite has taken over this archive"},
		{exitNotFound, "nothing, or more than one thing, is what was asked for; or it lies outside the recovery windows"},
		{exitProof, "a proof failed: what was read back, restored or verified is not what it has to be"},
		{exitLocal, "this machine: disk full, directory in use, not empty or not writable, one of MySQL's programs missing"},
		{exitInterrupted, "interrupted by a signal before it was done; nothing is left half done"},
	}
}

// hinted is an error with what can be done about it.
type hinted struct {
	err  error
	code int // exitFailure: find it by the error
	hint string
}

func (e *hinted) Error() string { return e.err.Error() }

func (e *hinted) Unwrap() error { return e.err }

// hint adds what can be done about an error; nil stays nil.
func hint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err: err, code: exitFailure, hint: fmt.Sprintf(format, args...)}
}

// usage is an error of the command line.
func usage(text, advice string) error {
	return &hinted{err: errors.New(text), code: exitUsage, hint: advice}
}

// coded gives an error its exit code; nil stays nil.
func coded(err error, code int, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err: err, code: code, hint: fmt.Sprintf(format, args...)}
}

// report prints an error for people and returns the exit code that goes with it.
func report(w io.Writer, ctx context.Context, err error) int {
	code, advice := explain(err)
	if cause := context.Cause(ctx); errors.Is(cause, errInterrupted) && (errors.Is(err, context.Canceled) || errors.Is(err, errInterrupted)) {
		code, advice, err = exitInterrupted, "", cause
	}
	fmt.Fprintf(w, "lastwrite: %s\n", oneLine(err.Error()))
	if advice != "" {
		fmt.Fprintf(w, "hint: %s\n", oneLine(advice))
	}
	return code
}

// oneLine puts a text on one line. Parts that errors.Join put on lines of their own are separated by semicolons.
func oneLine(text string) string {
	var parts []string
	for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line = strings.TrimSpace(line); line != "" {
			parts = append(parts, line)
		}
	}
	return strings.Join(parts, "; ")
}

// exitCodesTopic is `lastwrite help exit-codes`.
func exitCodesTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString("lastwrite ends with one of these codes; scripts may rely on them.\n\n")
	for _, c := range exitCodes() {
		fmt.Fprintf(&b, "%4d  %s\n", c.code, c.meaning)
	}
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: strings.TrimRight(b.String(), "\n")}
}
