package restore_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"lastwrite/binlog"
	"lastwrite/binlog/archive"
	"lastwrite/binlog/server"
	"lastwrite/integration/lab"
	"lastwrite/internal/objstore/mem"
	"lastwrite/pitr"
	"lastwrite/pitr/backup"
	"lastwrite/pitr/locate"
	"lastwrite/pitr/program"
	"lastwrite/pitr/restore"
	"lastwrite/replica"
	"lastwrite/replica/node"
	"lastwrite/replica/stream"
)

const cluster = "main"

// rig is a primary whose log is being archived, and everything around it.
type rig struct {
	lab      *lab.Lab
	primary  *lab.Server
	store    *mem.Store
	repo     *backup.Repository
	programs program.Set
	logDir   string
}

// newRig starts a primary and archives its log until the test ends.
func newRig(t *testing.T) *rig {
	t.Helper()
	l := lab.New(t)
	primary, err := l.MySQL(t.Context(), lab.Options{Clone: true})
	require.NoError(t, err)
	tools, err := l.Tools(t.Context())
	require.NoError(t, err)
	store := mem.New()
	r := &rig{
		lab: l, primary: primary, store: store, repo: backup.NewRepository(store, cluster), logDir: t.TempDir(),
		programs: program.Set{Mysqld: tools.Mysqld, Mysql: tools.Mysql, Mysqldump: tools.Mysqldump},
	}
	r.stream(t)
	return r
}

// stream reads the primary's log into the archive.
func (r *rig) stream(t *testing.T) {
	t.Helper()
	log := zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)
	s, err := stream.New(stream.Config{Source: r.login(t, lab.LastwriteUser), ServerID: 4711, UUID: uuid.NewString(), HostName: "archive"}, log, nil)
	require.NoError(t, err)
	w, err := archive.OpenWriter(t.Context(), r.store, archive.Config{Cluster: cluster, SpoolDir: t.TempDir(), Holder: "test", Flush: 50 * time.Millisecond}, archive.Observer{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var group errgroup.Group
	group.Go(func() error { return s.Run(ctx, w) })
	t.Cleanup(func() {
		cancel()
		require.NoError(t, group.Wait())
		require.NoError(t, w.Close(context.Background()))
	})
}

func (r *rig) login(t *testing.T, user string) node.Config {
	t.Helper()
	endpoint, err := replica.ParseEndpoint(r.primary.Addr())
	require.NoError(t, err)
	return node.Config{Endpoint: endpoint, User: user, Password: lab.Password}
}

// exec runs statements on the primary.
func (r *rig) exec(t *testing.T, statements ...string) {
	t.Helper()
	require.NoError(t, r.primary.Exec(t.Context(), statements...))
}

// executed is the primary's gtid_executed.
func (r *rig) executed(t *testing.T) binlog.GTIDSet {
	t.Helper()
	text, err := r.primary.GTIDExecuted(t.Context())
	require.NoError(t, err)
	set, err := binlog.ParseGTIDSet(text)
	require.NoError(t, err)
	return set
}

// take takes a base backup.
func (r *rig) take(t *testing.T, method pitr.Method) pitr.Base {
	t.Helper()
	login := r.login(t, lab.LastwriteUser)
	n, err := node.Open(t.Context(), login)
	require.NoError(t, err)
	defer n.Close()
	base, err := r.repo.Take(t.Context(), backup.Source{Node: n, Login: login},
		backup.Options{Method: method, Programs: r.programs, CloneDir: t.TempDir(), LogDir: r.logDir})
	require.NoError(t, err)
	return base
}

// archived opens the archive once it holds everything that the primary has executed.
func (r *rig) archived(t *testing.T) *archive.Archive {
	t.Helper()
	want := r.executed(t)
	var a *archive.Archive
	require.Eventually(t, func() bool {
		var err error
		a, err = archive.Open(t.Context(), r.store, cluster)
		require.NoError(t, err)
		return a.Tail().Executed.Contains(want)
	}, 20*time.Second, 20*time.Millisecond)
	return a
}

// plan plans a restore from what is archived now.
func (r *rig) plan(t *testing.T, target pitr.Target, opts pitr.Options) (pitr.Plan, restore.Restorer) {
	t.Helper()
	a := r.archived(t)
	bases, err := r.repo.List(t.Context())
	require.NoError(t, err)
	plan, err := locate.Plan(t.Context(), a, target, bases, opts)
	require.NoError(t, err)
	return plan, r.restorer(t, a)
}

func (r *rig) restorer(t *testing.T, a *archive.Archive) restore.Restorer {
	return restore.Restorer{
		Programs: r.programs, Bases: r.repo,
		Log:    func(serve, before binlog.GTIDSet) server.Log { return a.Log(serve, before) },
		Logger: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel),
	}
}

// open starts an ordinary server on a restored directory.
func (r *rig) open(t *testing.T, dir string) *lab.Server {
	t.Helper()
	s, err := r.lab.MySQL(t.Context(), lab.Options{DataDir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Kill() })
	return s
}

func value(t *testing.T, s *lab.Server, query string) string {
	t.Helper()
	text, err := s.Value(t.Context(), query)
	require.NoError(t, err)
	return text
}

// names lists a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	out := []string{}
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// requireClean proves that a failed restore left nothing: not in its directory, nor in the log directory but for the log its error names.
func (r *rig) requireClean(t *testing.T, dir string, err error) {
	t.Helper()
	require.Empty(t, names(t, dir))
	for _, name := range names(t, r.logDir) {
		path := filepath.Join(r.logDir, name)
		require.ErrorContains(t, err, path, "only a log that the error points to is kept")
		require.NoError(t, os.Remove(path))
	}
	accounts, globErr := filepath.Glob(filepath.Join(os.TempDir(), "lastwrite-client-*"))
	require.NoError(t, globErr)
	require.Empty(t, accounts, "no option file with a password is left")
}
