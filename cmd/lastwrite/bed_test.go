package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lastwrite/integration/lab"
)

// patience bounds every wait of these tests for a real component.
const patience = 90 * time.Second

// bed is a MySQL server and lastwrite beside it.
type bed struct {
	cli
	lab     *lab.Lab
	primary *lab.Server
}

func newBed(t *testing.T, opts lab.Options) *bed {
	l := lab.New(t)
	primary, err := l.MySQL(t.Context(), opts)
	require.NoError(t, err)
	tools, err := l.Tools(t.Context())
	require.NoError(t, err)
	return &bed{lab: l, primary: primary, cli: cli{dir: l.Dir(), env: map[string]string{
		"LASTWRITE_STORE":          "file://" + filepath.Join(l.Dir(), "store"),
		"LASTWRITE_SPOOL_DIR":      filepath.Join(l.Dir(), "spool"),
		"LASTWRITE_CLUSTER":        "shop",
		"LASTWRITE_SOURCE_ADDRESS": primary.Addr(), "LASTWRITE_SOURCE_USER": lab.AdminUser, "LASTWRITE_SOURCE_PASSWORD": lab.Password,
		"LASTWRITE_MYSQLD":       tools.Mysqld,
		"LASTWRITE_STREAM_FLUSH": "50ms", "LASTWRITE_RESTORE_BUFFER_POOL": "64MiB",
	}}}
}

// with is the same bed with other settings: pairs of name and value, the names without LASTWRITE_.
func (b *bed) with(pairs ...string) *bed {
	other := *b
	other.env = map[string]string{}
	for name, value := range b.env {
		other.env[name] = value
	}
	for i := 0; i < len(pairs); i += 2 {
		other.env["LASTWRITE_"+pairs[i]] = pairs[i+1]
	}
	return &other
}

func (b *bed) exec(t *testing.T, statements ...string) {
	t.Helper()
	require.NoError(t, b.primary.Exec(t.Context(), statements...))
}

// running is a `lastwrite run` inside the test.
type running struct {
	stop   context.CancelFunc
	ended  chan struct{}
	code   int
	stderr *safeBuffer
}

// start starts the daemon; it is stopped with the test at the latest.
func (b *bed) start(t *testing.T, args ...string) *running {
	return b.startCommand(t, append([]string{"run"}, args...)...)
}

// startCommand starts a command; it gets a Ctrl-C at the end of the test at the latest.
func (b *bed) startCommand(t *testing.T, args ...string) *running {
	ctx, stop := context.WithCancel(context.Background())
	r := &running{stop: stop, ended: make(chan struct{}), stderr: &safeBuffer{}}
	go func() {
		defer close(r.ended)
		r.code = b.runInto(ctx, &safeBuffer{}, r.stderr, args...)
	}()
	t.Cleanup(func() {
		stop()
		<-r.ended
	})
	return r
}

// wait waits until the daemon has ended, and returns what it left behind.
func (r *running) wait(t *testing.T) outcome {
	t.Helper()
	select {
	case <-r.ended:
	case <-time.After(patience):
		require.Fail(t, "the daemon does not end", r.stderr.String())
	}
	return outcome{code: r.code, stderr: r.stderr.String()}
}

// says waits until the daemon's log has a text.
func (r *running) says(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(r.stderr.String(), text) }, patience, 20*time.Millisecond, "the daemon does not say %q", text)
}

// status asks for the status until it is as wanted.
func (b *bed) status(t *testing.T, wanted func(statusReport) bool) statusReport {
	t.Helper()
	var s statusReport
	require.Eventually(t, func() bool {
		o := b.run(t.Context(), "status", "--json")
		if o.code != exitOK {
			return false
		}
		s = statusReport{}
		readJSON(t, o.stdout, &s)
		return wanted(s)
	}, patience, 50*time.Millisecond, "the status is not as wanted")
	return s
}

// archived waits until everything that the source has executed is in the archive.
func (b *bed) archived(t *testing.T) statusReport {
	t.Helper()
	return b.status(t, func(s statusReport) bool {
		return s.Source.Reachable && s.Source.Transactions == 0 && s.Archive != nil
	})
}

// readJSON reads a document and refuses members that its type does not have.
func readJSON(t *testing.T, text string, into any) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(into), text)
}
