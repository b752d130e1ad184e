package main

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// cli runs the program inside the test, with an environment of its own.
type cli struct {
	env map[string]string
	dir string
	// answer is what a person at a terminal types; empty: there is no terminal.
	answer string
}

// outcome is what a run left behind.
type outcome struct {
	code           int
	stdout, stderr string
}

// run runs a command until it ends; the end of ctx is a Ctrl-C.
func (c cli) run(ctx context.Context, args ...string) outcome {
	var stdout, stderr safeBuffer
	return outcome{c.runInto(ctx, &stdout, &stderr, args...), stdout.String(), stderr.String()}
}

func (c cli) runInto(ctx context.Context, stdout, stderr *safeBuffer, args ...string) int {
	env := environment{
		stdin: strings.NewReader(c.answer), stdout: stdout, stderr: stderr, asks: c.answer != "",
		getenv: func(name string) string { return c.env[name] }, dir: c.dir, now: time.Now, zone: time.UTC,
		interrupt: func(context.Context) (context.Context, func()) {
			own, cancel := context.WithCancelCause(context.Background())
			stop := context.AfterFunc(ctx, func() { cancel(errInterrupted) })
			return own, func() {
				stop()
				cancel(nil)
			}
		},
	}
	return execute(args, env)
}

// safeBuffer may be written by several goroutines and read meanwhile.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// fails requires a code and one line of error, which says what it must say; at most one hint follows.
func (o outcome) fails(t *testing.T, code int, says ...string) {
	t.Helper()
	require.Equal(t, code, o.code, o.stderr)
	var errors, hints []string
	for _, line := range strings.Split(strings.TrimSpace(o.stderr), "\n") {
		if strings.HasPrefix(line, "lastwrite: ") {
			errors = append(errors, line)
		}
		if strings.HasPrefix(line, "hint: ") {
			hints = append(hints, line)
		}
	}
	require.Len(t, errors, 1, o.stderr)
	require.LessOrEqual(t, len(hints), 1, o.stderr)
	for _, text := range says {
		require.Contains(t, errors[0]+"\n"+strings.Join(hints, ""), text)
	}
}

func TestTheCommandLineIsCheckedBeforeAnythingElse(t *testing.T) {
	c := cli{dir: t.TempDir(), env: map[string]string{"LASTWRITE_STORE": "file://" + t.TempDir()}}
	for line, says := range map[string]string{
		"statsu":                                   `unknown command "statsu" for lastwrite (did you mean status?)`,
		"backup tak":                               `unknown command "tak" for lastwrite backup (did you mean take?)`,
		"status now":                               `lastwrite status takes no argument, got "now"`,
		"status --jsno":                            "unknown flag: --jsno",
		"run --flush 30":                           `"30" has no unit (want, for example, 30s)`,
		"run --spool-max 4":                        `"4" has no unit`,
		"run":                                      "source.address is not set",
		"restore":                                  "which moment?",
		"restore --latest":                         "--target-dir is needed",
		"restore --latest --before-gtid x":         "none of the others can be",
		"restore --to-time yesterday --dry-run":    "not a restore target",
		"restore --before-gtid 1:2 --dry-run":      "not a GTID set",
		"restore --latest --dry-run --as x":        "--as and --overwrite are about --copy-back",
		"restore --latest --dry-run --match 2":     "--match is a number from 1 on",
		"archive export":                           `required flag(s) "to" not set`,
		"backup take --method tar":                 `unknown backup method "tar"`,
		"log --from tomorrow":                      "read --from: not a restore target",
		"log --gtid 17":                            "read --gtid: not a GTID set",
		"log --kind delete --kind ddl":             "cannot be asked for together",
		"log --kind bogus":                         `unknown --kind "bogus"`,
		"log --statement hello":                    "not a statement to look for",
		"log --limit -1":                           "--limit must not be negative",
		"log --table a.b --database c":             "contradict each other",
		"status --store http://x":                  "want file:///path or s3://bucket/prefix",
		"status --source lw:secret@db1":            "a password does not belong in an address",
		"status --config /nonexistent/config.yaml": "read configuration: stat /nonexistent/config.yaml",
	} {
		c.run(t.Context(), strings.Fields(line)...).fails(t, exitUsage, says)
	}
}

func TestHelpNamesEveryExitCodeAndEveryCommandHasAnExample(t *testing.T) {
	c := cli{}
	help := c.run(t.Context(), "help", "exit-codes")
	require.Equal(t, exitOK, help.code)
	for _, code := range exitCodes() {
		require.Contains(t, help.stdout, code.meaning)
	}
	for _, command := range []string{"run", "status", "log", "backup take", "backup list", "backup verify", "restore", "archive export", "archive verify",
		"config check", "version"} {
		help := c.run(t.Context(), append(strings.Fields(command), "--help")...)
		require.Equal(t, exitOK, help.code)
		require.Contains(t, help.stdout, "Examples:\n", command)
	}
}

func TestAPasswordIsNeverPrinted(t *testing.T) {
	c := cli{env: map[string]string{"LASTWRITE_SOURCE_PASSWORD": "topsecret"}}
	for _, args := range [][]string{{"config", "check"}, {"config", "check", "--json"}} {
		o := c.run(t.Context(), args...)
		require.Equal(t, exitOK, o.code)
		require.NotContains(t, o.stdout+o.stderr, "topsecret")
		require.Contains(t, o.stdout, "(set)")
	}
}

func TestQuestionsAreAnsweredByPeopleOrByYes(t *testing.T) {
	ask := func(answer string, yes bool) error {
		a := &app{environment: environment{stdin: strings.NewReader(answer), stderr: &safeBuffer{}, asks: answer != ""}}
		return a.confirm(t.Context(), yes, "Really?")
	}
	require.NoError(t, ask("yes\n", false))
	require.NoError(t, ask("", true))
	require.ErrorContains(t, ask("no\n", false), "nothing was changed")
	require.ErrorContains(t, ask("\n", false), "nothing was changed")
	err := ask("", false)
	require.ErrorContains(t, err, "not confirmed: Really?")
	code, advice := explain(err)
	require.Equal(t, exitUsage, code)
	require.Contains(t, advice, "--yes")
}
