package integration

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lastwrite/binlog/archive"
	"lastwrite/integration/lab"
	"lastwrite/integration/sidecar"
)

// scene is a short history in an S3 store: a base backup, then a row for each transaction into shop.steps, with a database that is
// dropped twice in between.
type scene struct {
	t       *testing.T
	lab     *lab.Lab
	side    *sidecar.Sidecar
	history []*archive.Found // what came after the base
}

func newScene(t *testing.T) *scene {
	ctx := t.Context()
	l := lab.New(t)
	tools, err := l.Tools(ctx)
	require.NoError(t, err)
	program, err := l.Lastwrite(ctx)
	require.NoError(t, err)
	store, err := l.S3(ctx)
	require.NoError(t, err)
	primary, err := l.MySQL(ctx, lab.Options{Name: "primary", Clone: true})
	require.NoError(t, err)
	side, err := sidecar.New(program, tools.Mysqld, t.TempDir(), primary)
	require.NoError(t, err)
	require.NoError(t, side.UseS3(ctx, store, "targets"))
	daemon, err := side.Start()
	require.NoError(t, err)
	t.Cleanup(daemon.Kill)

	require.NoError(t, primary.Exec(ctx, "CREATE DATABASE shop", "CREATE TABLE shop.steps (id INT AUTO_INCREMENT PRIMARY KEY)"))
	require.NoError(t, side.WaitArchived(ctx, primary))
	out, err := side.Command(ctx, "backup", "take", "--method", "clone").CombinedOutput()
	require.NoError(t, err, string(out))
	before, err := primary.GTIDExecuted(ctx)
	require.NoError(t, err)
	for i := range 12 {
		require.NoError(t, primary.Exec(ctx, "INSERT INTO shop.steps VALUES ()"))
		switch i {
		case 2:
			require.NoError(t, primary.Exec(ctx, "CREATE DATABASE victim", "CREATE TABLE victim.t (id INT PRIMARY KEY)"))
		case 5, 8:
			require.NoError(t, primary.Exec(ctx, "DROP DATABASE IF EXISTS victim", "FLUSH BINARY LOGS", "CREATE DATABASE IF NOT EXISTS victim"))
		}
	}
	require.NoError(t, side.WaitArchived(ctx, primary))
	require.NoError(t, daemon.Stop(), side.Log())

	objects, closeStore, err := side.OpenStore(ctx)
	require.NoError(t, err)
	defer func() { _ = closeStore() }()
	a, err := archive.Open(ctx, objects, sidecar.Cluster)
	require.NoError(t, err)
	s := &scene{t: t, lab: l, side: side}
	for f, err := range a.Transactions(ctx, archive.Query{}) {
		require.NoError(t, err)
		if !strings.Contains(before, f.GTID.SID.String()) || f.GTID.N > int64(gtidCount(t, before)) {
			s.history = append(s.history, f)
		}
	}
	return s
}

// gtidCount is the number of transactions in a set of one server without holes.
func gtidCount(t *testing.T, set string) (n int) {
	_, rest, found := strings.Cut(set, ":")
	require.True(t, found)
	if _, last, ranged := strings.Cut(rest, "-"); ranged {
		rest = last
	}
	_, err := fmt.Sscan(rest, &n)
	require.NoError(t, err)
	return n
}

// insert returns the transaction that wrote row n of shop.steps.
func (s *scene) insert(n int) *archive.Found {
	for _, f := range s.history {
		if len(f.Tables) == 1 && f.Tables[0].Table == "steps" {
			if n--; n == 0 {
				return f
			}
		}
	}
	s.t.Fatal("no such row")
	return nil
}

func (s *scene) drops() (out []*archive.Found) {
	for _, f := range s.history {
		if len(f.Statements) == 1 && strings.HasPrefix(f.Statements[0].Text, "DROP DATABASE") {
			out = append(out, f)
		}
	}
	return out
}

// restore runs lastwrite restore into a new directory, and returns the rows of shop.steps and whether the victim is there.
func (s *scene) restore(args ...string) (rows int, victim bool) {
	ctx := s.t.Context()
	dir := filepath.Join(s.t.TempDir(), "restored")
	out, err := s.side.Command(ctx, append([]string{"restore", "--target-dir", dir, "--yes"}, args...)...).CombinedOutput()
	require.NoError(s.t, err, string(out))
	server, err := s.lab.MySQL(ctx, lab.Options{DataDir: dir})
	require.NoError(s.t, err)
	require.NoError(s.t, server.DB().QueryRowContext(ctx, "SELECT COUNT(*) FROM shop.steps").Scan(&rows))
	require.NoError(s.t, server.DB().QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'victim'").Scan(&victim))
	require.NoError(s.t, server.Stop(ctx))
	require.NoError(s.t, os.RemoveAll(dir))
	return rows, victim
}

// refused runs lastwrite restore, which must not do anything, and returns its exit code and what it said.
func (s *scene) refused(args ...string) (code int, said string) {
	dir := filepath.Join(s.t.TempDir(), "untouched")
	out, err := s.side.Command(s.t.Context(), append([]string{"restore", "--target-dir", dir, "--yes"}, args...)...).CombinedOutput()
	var exit *exec.ExitError
	require.True(s.t, errors.As(err, &exit), "%v: %s", err, out)
	require.NoDirExists(s.t, dir)
	return exit.ExitCode(), string(out)
}

// Every kind of target, from an archive in S3.
func TestEveryRestoreTarget(t *testing.T) {
	s := newScene(t)
	drops := s.drops()
	require.Len(t, drops, 2)
	micros := func(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000000Z") }
	for _, c := range []struct {
		name   string
		args   []string
		rows   int
		victim bool
	}{
		{"before one of several statements", []string{"--before", "DROP DATABASE victim", "--match", "1"}, 6, true},
		{"before a GTID", []string{"--before-gtid", s.insert(5).GTID.String()}, 4, true},
		{"up to a GTID", []string{"--to-gtid", drops[0].GTID.String()}, 6, false},
		{"up to the microsecond", []string{"--to-time", micros(s.insert(8).Committed)}, 8, true},
		{"a microsecond less", []string{"--to-time", micros(s.insert(8).Committed.Add(-time.Microsecond))}, 7, true},
		{"all but one", []string{"--latest", "--skip", s.insert(3).GTID.String()}, 11, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			rows, victim := s.restore(c.args...)
			require.Equal(t, c.rows, rows)
			require.Equal(t, c.victim, victim)
		})
	}
	s.t = t

	const notFound = 7
	code, said := s.refused("--before", "DROP DATABASE victim")
	require.Equal(t, notFound, code, said)
	for _, d := range drops {
		require.Contains(t, said, d.GTID.String())
	}
	code, said = s.refused("--before", "DROP DATABASE nobody")
	require.Equal(t, notFound, code, said)
	code, said = s.refused("--to-time", "2020-01-01T00:00:00Z")
	require.Equal(t, notFound, code, said)
	require.Contains(t, said, s.insert(12).Committed.UTC().Format("2006-01-02"), "the window is named")
	code, said = s.refused("--to-time", "2099-01-01T00:00:00Z")
	require.Equal(t, notFound, code, said)
	require.Contains(t, said, "--latest")
	code, said = s.refused("--before-gtid", "3e11fa47-71ca-11e1-9e33-c80aa9429562:1")
	require.Equal(t, notFound, code, said)
}
