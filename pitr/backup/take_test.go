package backup_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"lastwrite/binlog"
	"lastwrite/integration/lab"
	"lastwrite/internal/objstore"
	"lastwrite/internal/objstore/mem"
	"lastwrite/pitr"
	"lastwrite/pitr/backup"
	"lastwrite/pitr/program"
	"lastwrite/pitr/scratch"
	"lastwrite/replica"
	"lastwrite/replica/node"
)

// rig is a real server, an empty repository, and what Take needs.
type rig struct {
	server   *lab.Server
	store    *mem.Store
	repo     *backup.Repository
	programs program.Set
	cloneDir string
	logDir   string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	l := lab.New(t)
	server, err := l.MySQL(t.Context(), lab.Options{Clone: true})
	require.NoError(t, err)
	tools, err := l.Tools(t.Context())
	require.NoError(t, err)
	store := mem.New()
	require.NoError(t, server.Exec(t.Context(), "CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY AUTO_INCREMENT, v CHAR(50))",
		"CREATE TABLE shop.old (id INT) ENGINE=MyISAM", "CREATE USER app IDENTIFIED BY 'x'"))
	return &rig{
		server: server, store: store, repo: backup.NewRepository(store, "main"),
		programs: program.Set{Mysqld: tools.Mysqld, Mysql: tools.Mysql, Mysqldump: tools.Mysqldump},
		cloneDir: t.TempDir(), logDir: t.TempDir(),
	}
}

func (r *rig) options(method pitr.Method) backup.Options {
	return backup.Options{Method: method, Programs: r.programs, CloneDir: r.cloneDir, LogDir: r.logDir}
}

// source logs in over TCP as a user.
func (r *rig) source(t *testing.T, user string) backup.Source {
	t.Helper()
	endpoint, err := replica.ParseEndpoint(r.server.Addr())
	require.NoError(t, err)
	login := node.Config{Endpoint: endpoint, User: user, Password: lab.Password}
	n, err := node.Open(t.Context(), login)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	return backup.Source{Node: n, Login: login}
}

// write inserts a row a transaction until stop is called.
func (r *rig) write(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var writers errgroup.Group
	for range 2 {
		writers.Go(func() error {
			for ctx.Err() == nil {
				if _, err := r.server.DB().ExecContext(ctx, "INSERT INTO shop.t (v) VALUES ('written meanwhile')"); err != nil && ctx.Err() == nil {
					return err
				}
			}
			return nil
		})
	}
	return func() {
		cancel()
		require.NoError(t, writers.Wait())
	}
}

// nothingLeft looks for traces in the store and in the directories.
func (r *rig) nothingLeft(t *testing.T) {
	t.Helper()
	for info, err := range r.store.List(t.Context(), "", "") {
		require.NoError(t, err)
		t.Errorf("left in the store: %s", info.Key)
	}
	for _, dir := range []string{r.cloneDir, r.logDir} {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, entries)
	}
}

// Both methods, while the server is written to: the set they record is exactly the set of transactions whose rows they hold (shown here for the
// clone, by opening it; package restore's tests load the dump). A MyISAM table is warned of. Nothing but the backup is left behind.
func TestTakeWhileWriting(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	setup, err := r.server.GTIDExecuted(ctx)
	require.NoError(t, err)
	source := r.source(t, lab.LastwriteUser)
	stop := r.write(t)
	var stages []pitr.Stage
	opts := r.options(pitr.MethodClone)
	opts.Progress = func(stage pitr.Stage, _, _ int64) {
		if len(stages) == 0 || stages[len(stages)-1] != stage {
			stages = append(stages, stage)
		}
	}
	clone, err := r.repo.Take(ctx, source, opts)
	require.NoError(t, err)
	dump, err := r.repo.Take(ctx, source, r.options(pitr.MethodDump))
	stop()
	require.NoError(t, err)

	require.Contains(t, stages, pitr.StageProve)
	require.Contains(t, stages, pitr.StageUpload)
	before, err := binlog.ParseGTIDSet(setup)
	require.NoError(t, err)
	require.True(t, clone.Executed.Contains(before))
	require.True(t, dump.Executed.Contains(clone.Executed))
	for _, b := range []pitr.Base{clone, dump} {
		require.Len(t, b.Warnings, 1)
		require.Contains(t, b.Warnings[0], "shop.old")
		require.Equal(t, "0", b.Server.Settings["lower_case_table_names"])
		require.NoError(t, r.repo.Verify(ctx, b.ID, nil))
	}
	bases, err := r.repo.List(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{clone.ID, dump.ID}, []string{bases[0].ID, bases[1].ID})

	held, rows := r.open(t, clone)
	require.Equal(t, clone.Executed.String(), held.String())
	require.Equal(t, held.Count()-before.Count(), rows, "as many rows as transactions")
	require.NotZero(t, rows)
	for _, b := range bases {
		require.NoError(t, r.repo.Delete(ctx, b.ID))
	}
	r.nothingLeft(t)
}

// open extracts a clone and opens it as a restore would.
func (r *rig) open(t *testing.T, base pitr.Base) (held binlog.GTIDSet, rows int64) {
	t.Helper()
	dir, work := t.TempDir(), t.TempDir()
	require.NoError(t, r.repo.Extract(t.Context(), base.ID, dir, nil))
	require.NoFileExists(t, filepath.Join(dir, "auto.cnf"))
	server, err := scratch.Start(t.Context(), scratch.Config{
		Mysqld: r.programs.Mysqld, DataDir: dir, WorkDir: work, LogFile: filepath.Join(work, "log"), Settings: base.Server.Settings,
	})
	require.NoError(t, err)
	defer server.Kill()
	var text string
	require.NoError(t, server.DB().QueryRowContext(t.Context(), "SELECT @@GLOBAL.gtid_executed").Scan(&text))
	held, err = binlog.ParseGTIDSet(text)
	require.NoError(t, err)
	require.NoError(t, server.DB().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM shop.t").Scan(&rows))
	accounts := 0
	require.NoError(t, server.DB().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM mysql.user WHERE user LIKE 'lastwrite\\_restore%'").Scan(&accounts))
	require.Equal(t, 1, accounts, "only the account of this very server, not that of the one which proved the backup")
	return held, rows
}

// A backup that is cancelled, at whatever stage, leaves nothing on the server, on the disk or in the store.
func TestCancelLeavesNothing(t *testing.T) {
	r := newRig(t)
	source := r.source(t, lab.LastwriteUser)
	require.NoError(t, r.server.Exec(t.Context(), "INSERT INTO shop.t (v) WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i+1 FROM n WHERE i < 1000) SELECT RAND() FROM n"))
	enough := errors.New("enough")
	for _, c := range []struct {
		method pitr.Method
		at     pitr.Stage
	}{{pitr.MethodClone, pitr.StageProve}, {pitr.MethodClone, pitr.StageUpload}, {pitr.MethodDump, pitr.StageUpload}} {
		ctx, cancel := context.WithCancelCause(t.Context())
		opts := r.options(c.method)
		opts.Progress = func(stage pitr.Stage, _, _ int64) {
			if stage == c.at {
				cancel(enough)
			}
		}
		_, err := r.repo.Take(ctx, source, opts)
		require.ErrorIs(t, err, enough, "%s at %s", c.method, c.at)
		r.nothingLeft(t)
	}
	left, err := r.server.Value(t.Context(), "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'CLONE%'")
	require.NoError(t, err)
	require.Equal(t, "0", left)
}

// What keeps a backup from being taken is said in one line that names the remedy, and nothing is left behind.
func TestRefusals(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	require.NoError(t, r.server.CreateUser(ctx, "clerk", lab.Password, "SELECT, REPLICATION CLIENT ON *.*"))
	for method, grant := range map[pitr.Method]string{
		pitr.MethodClone: "GRANT BACKUP_ADMIN ON *.* TO 'clerk'@'%'",
		pitr.MethodDump:  "GRANT RELOAD, ",
	} {
		_, err := r.repo.Take(ctx, r.source(t, "clerk"), r.options(method))
		require.ErrorIs(t, err, replica.ErrPrivilege)
		require.ErrorContains(t, err, grant)
		require.NotContains(t, err.Error(), "\n")
	}

	lastwrite := r.source(t, lab.LastwriteUser)
	opts := r.options(pitr.MethodClone)
	opts.Programs = program.Set{}
	_, err := r.repo.Take(ctx, lastwrite, opts)
	require.ErrorIs(t, err, program.ErrNotFound)
	require.ErrorContains(t, err, "mysqld")

	opts = r.options(pitr.MethodClone)
	opts.Programs.Mysqld = filepath.Join(t.TempDir(), "mysqld")
	require.NoError(t, os.WriteFile(opts.Programs.Mysqld, []byte("#!/bin/sh\necho 'mysqld  Ver 8.4.7 for Linux'\n"), 0o755))
	_, err = r.repo.Take(ctx, lastwrite, opts)
	require.ErrorIs(t, err, scratch.ErrVersion)

	opts = r.options(pitr.MethodClone)
	opts.CloneDir = "/no/such/directory"
	_, err = r.repo.Take(ctx, lastwrite, opts)
	require.ErrorIs(t, err, os.ErrNotExist)

	dump := r.options(pitr.MethodDump)
	denied := lastwrite
	denied.Login.Password = "wrong"
	_, err = r.repo.Take(ctx, denied, dump)
	require.ErrorContains(t, err, "Access denied for user 'lastwrite'@")
	require.NotContains(t, err.Error(), "\n")

	refused := backup.NewRepository(refusing{r.store}, "main")
	for _, method := range []pitr.Method{pitr.MethodClone, pitr.MethodDump} {
		_, err = refused.Take(ctx, lastwrite, r.options(method))
		require.ErrorIs(t, err, objstore.ErrPermission)
		require.NotContains(t, err.Error(), "broken pipe", "the cause is named, not its consequence")
	}
	outside := t.TempDir()
	require.NoError(t, r.server.Stop(ctx))
	require.NoError(t, r.server.Start(ctx, "--innodb-directories="+outside))
	require.NoError(t, r.server.Exec(ctx, "CREATE TABLE shop.outside (id INT PRIMARY KEY) DATA DIRECTORY='"+outside+"'"))
	_, err = r.repo.Take(ctx, lastwrite, r.options(pitr.MethodClone))
	require.ErrorIs(t, err, backup.ErrServer)
	require.ErrorContains(t, err, "files outside its data directory")
	require.FileExists(t, filepath.Join(outside, "shop", "outside.ibd"))

	require.NoError(t, r.server.Exec(ctx, "UNINSTALL PLUGIN clone"))
	_, err = r.repo.Take(ctx, lastwrite, r.options(pitr.MethodClone))
	require.ErrorIs(t, err, backup.ErrServer)
	require.ErrorContains(t, err, "INSTALL PLUGIN clone SONAME 'mysql_clone.so'")
	r.nothingLeft(t)
}

// refusing lets nobody write.
type refusing struct{ objstore.Store }

func (refusing) PutIf(context.Context, string, objstore.Body, objstore.Cond) (objstore.Version, error) {
	return "", objstore.ErrPermission
}
