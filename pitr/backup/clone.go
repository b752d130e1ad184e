package backup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"

	"lastwrite/binlog"
	"lastwrite/pitr"
	"lastwrite/pitr/program"
	"lastwrite/pitr/scratch"
	"lastwrite/replica/node"
)

const (
	// clonePoll is how often a running CLONE is asked how far it is.
	clonePoll = 250 * time.Millisecond
	// killTimeout bounds the wait for a CLONE that was told to end.
	killTimeout = 30 * time.Second
)

// clone copies the data by CLONE LOCAL, proves the copy and stores it.
func (t *taking) clone(ctx context.Context) (chunks []Chunk, err error) {
	mysqld, err := program.Need("mysqld", t.opts.Programs.Mysqld)
	if err != nil {
		return nil, err
	}
	if _, err := scratch.CheckVersion(ctx, mysqld, t.base.Server.Version); err != nil {
		return nil, err
	}
	if err := t.checkPlugin(ctx); err != nil {
		return nil, err
	}
	dir, err := t.makeCloneDir(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	data := filepath.Join(dir, "data")
	if err := t.runClone(ctx, data); err != nil {
		return nil, err
	}
	t.base.Taken = t.opts.Now().UTC()
	if err := t.prove(ctx, mysqld, dir, data); err != nil {
		return nil, err
	}
	if t.size, err = treeSize(data); err != nil {
		return nil, err
	}
	chunks, t.base.Bytes, err = t.repo.storeData(ctx, t.base.ID, t.opts.Parallel, t.reportUpload,
		func(ctx context.Context, w io.Writer) error { return pack(ctx, data, w) })
	return chunks, err
}

func (t *taking) checkPlugin(ctx context.Context) error {
	var status string
	err := t.src.Node.DB().QueryRowContext(ctx, "SELECT plugin_status FROM information_schema.plugins WHERE plugin_name = 'clone'").Scan(&status)
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && status != "ACTIVE":
		return fmt.Errorf("%w: the CLONE plugin is not active there; run: INSTALL PLUGIN clone SONAME 'mysql_clone.so'", ErrServer)
	case err != nil:
		return fmt.Errorf("look for the CLONE plugin: %w", node.Classify(err))
	}
	return nil
}

// makeCloneDir makes a directory in which the server can make its copy and we can open it.
func (t *taking) makeCloneDir(ctx context.Context) (string, error) {
	var datadir string
	if err := t.src.Node.DB().QueryRowContext(ctx, "SELECT @@GLOBAL.datadir").Scan(&datadir); err != nil {
		return "", fmt.Errorf("ask for the data directory: %w", node.Classify(err))
	}
	owner, err := os.Stat(datadir)
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%w: its data directory %s is not on this host, and CLONE writes to the server's own disk; use mysqldump", ErrServer, datadir)
	}
	if err != nil {
		return "", fmt.Errorf("look at the server's data directory: %w", err)
	}
	parent := t.opts.CloneDir
	if parent == "" {
		parent = filepath.Dir(filepath.Clean(datadir))
	}
	dir := filepath.Join(parent, "lastwrite-clone-"+t.base.ID)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("make a directory for the copy: %w", err)
	}
	if err := giveTo(dir, owner); err != nil {
		return "", errors.Join(err, os.Remove(dir))
	}
	return dir, nil
}

// giveTo lets the server's user write to dir. What the server writes there only its user and root can open.
func giveTo(dir string, owner os.FileInfo) error {
	stat, ok := owner.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) == os.Geteuid() {
		return nil
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: it runs as user %d, and a copy made by it can be opened by that user and by root only; run as one of them, or use mysqldump",
			ErrServer, stat.Uid)
	}
	if err := os.Chown(dir, int(stat.Uid), int(stat.Gid)); err != nil {
		return fmt.Errorf("give the directory for the copy to the server: %w", err)
	}
	return nil
}

// runClone runs the statement on a connection of its own. When ctx ends the statement is killed and waited for: the server would go on
// copying if only the connection broke.
func (t *taking) runClone(ctx context.Context, data string) error {
	conn, err := t.src.Node.DB().Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", node.Classify(err))
	}
	defer func() { _ = conn.Close() }()
	var id int64
	if err := conn.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		return fmt.Errorf("connect: %w", node.Classify(err))
	}
	done := make(chan error, 1)
	run, give := context.WithCancel(context.WithoutCancel(ctx))
	defer give()
	go func() {
		_, err := conn.ExecContext(run, t.src.Node.Dialect().CloneLocal(data))
		done <- err
	}()
	ticker := time.NewTicker(clonePoll)
	defer ticker.Stop()
	for {
		select {
		case err := <-done:
			return explainClone(data, err)
		case <-ctx.Done():
			t.killClone(ctx, id, done)
			give()
			return context.Cause(ctx)
		case <-ticker.C:
			if s, err := t.src.Node.CloneStatus(ctx); err == nil && s.State == "In Progress" {
				t.opts.Progress.Report(pitr.StageClone, int64(s.Done), int64(s.Estimate))
			}
		}
	}
}

// errFileExists is MySQL's ER_FILE_EXISTS_ERROR.
const errFileExists = 1086

// explainClone says what a failed CLONE means; nil for nil.
func explainClone(data string, err error) error {
	var theirs *mysql.MySQLError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &theirs) && theirs.Number == errFileExists:
		// A local clone wants to write files outside the data directory to where they are.
		return fmt.Errorf("%w: it has files outside its data directory (DATA DIRECTORY, or a tablespace with a path), which CLONE cannot copy on the same host; use mysqldump: %w",
			ErrServer, err)
	}
	return fmt.Errorf("clone the data into %s: %w", data, node.Classify(err))
}

// killClone ends the statement on the connection id and waits until it has ended.
func (t *taking) killClone(ctx context.Context, id int64, done <-chan error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), killTimeout)
	defer cancel()
	if err := t.src.Node.Exec(ctx, fmt.Sprintf("KILL QUERY %d", id)); err != nil {
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// prove opens the copy once, asks what it holds, and shuts it down cleanly, so that it needs no recovery when it is restored.
func (t *taking) prove(ctx context.Context, mysqld, dir, data string) error {
	t.opts.Progress.Report(pitr.StageProve, 0, 0)
	log, err := os.CreateTemp(t.opts.LogDir, "lastwrite-clone-*.log")
	if err != nil {
		return fmt.Errorf("prove the copy: %w", err)
	}
	_ = log.Close()
	held, err := t.open(ctx, scratch.Config{
		Mysqld: mysqld, DataDir: data, WorkDir: filepath.Join(dir, "work"), LogFile: log.Name(), Settings: t.base.Server.Settings, Mode: scratch.Prove,
	})
	if err != nil {
		if ctx.Err() != nil {
			return errors.Join(context.Cause(ctx), os.Remove(log.Name()))
		}
		return fmt.Errorf("%w: %w", ErrUnproved, err)
	}
	return errors.Join(t.checkSet(ctx, held), os.Remove(log.Name()))
}

// open starts a scratch server, reads gtid_executed and stops it.
func (t *taking) open(ctx context.Context, c scratch.Config) (binlog.GTIDSet, error) {
	server, err := scratch.Start(ctx, c)
	if err != nil {
		return binlog.GTIDSet{}, err
	}
	var text string
	if err := server.DB().QueryRowContext(ctx, "SELECT @@GLOBAL.gtid_executed").Scan(&text); err != nil {
		server.Kill()
		return binlog.GTIDSet{}, fmt.Errorf("read gtid_executed of the copy: %w", err)
	}
	if err := server.Stop(ctx); err != nil {
		return binlog.GTIDSet{}, err
	}
	return binlog.ParseGTIDSet(text)
}

// treeSize is the number of bytes in the files below dir.
func treeSize(dir string) (int64, error) {
	var n int64
	err := filepath.WalkDir(dir, func(_ string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("measure the copy: %w", err)
	}
	return n, nil
}
