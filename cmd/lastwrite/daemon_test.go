package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"lastwrite/binlog/archive"
	"lastwrite/binlog/segment"
	"lastwrite/cmd/lastwrite/config"
)

// The socket works in any directory, however long its path, and a dead one in its place does no harm.
func TestTheStatusSocketAnswers(t *testing.T) {
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), strings.Repeat("long/", 30))} {
		require.NoError(t, os.MkdirAll(dir, 0o700))
		_, err := askDaemon(t.Context(), dir)
		require.Error(t, err, "nobody is there")
		require.NoError(t, os.WriteFile(filepath.Join(dir, socketName), nil, 0o600))
		server, err := serveStatus(dir, func() daemonStatus { return daemonStatus{PID: 7, Cluster: "main"} })
		require.NoError(t, err)
		got, err := askDaemon(t.Context(), dir)
		require.NoError(t, err)
		require.Equal(t, 7, got.PID)
		info, err := os.Stat(filepath.Join(dir, socketName))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		server.close()
		_, err = askDaemon(t.Context(), dir)
		require.Error(t, err)
	}
}

// An outage of the store is said when it begins, once a minute, and when it is over.
func TestAnOutageIsAStoryNotNoise(t *testing.T) {
	clock, out := time.Unix(0, 0), &safeBuffer{}
	s := newStory(zerolog.New(out), func() time.Time { return clock })
	for attempt := range 100 {
		s.noteFailing("segment", errors.New("refused"), attempt+1)
		clock = clock.Add(2 * time.Second)
	}
	require.Equal(t, 4, strings.Count(out.String(), "the store takes nothing"))
	s.noteStored(&archive.Entry{Summary: segment.Summary{Transactions: 1}}, time.Second)
	require.Contains(t, out.String(), "the store takes segments again")
	require.Contains(t, out.String(), `"outage":"3m20s"`)
	s.noteFailing("segment", errors.New("refused"), 1)
	require.Equal(t, 5, strings.Count(out.String(), "the store takes nothing"))

	full := archive.State{SpoolBytes: 95, SpoolPending: 1}
	for range 10 {
		s.look(full, 100)
	}
	require.Equal(t, 1, strings.Count(out.String(), "the spool is full"))
	s.look(archive.State{}, 100)
	require.Equal(t, 1, strings.Count(out.String(), "the spool has room again"))
}

// Towards the source lastwrite is one and the same replica at every start, and another one for another cluster.
func TestTheIdentityIsStable(t *testing.T) {
	c := config.Defaults()
	one, again := newIdentity(c), newIdentity(c)
	require.Equal(t, one, again)
	require.NotZero(t, one.serverID)
	require.LessOrEqual(t, len(one.reportHost), maxReportHost)
	c.Cluster = "other"
	other := newIdentity(c)
	require.NotEqual(t, one.serverID, other.serverID)
	require.NotEqual(t, one.uuid, other.uuid)
	c.Source.ServerID, c.Source.ReportHost = 17, "here"
	require.Equal(t, uint32(17), newIdentity(c).serverID)
	require.Equal(t, "here", newIdentity(c).reportHost)
}
