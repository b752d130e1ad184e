package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"lastwrite/integration/lab"
)

// Each thing that can be wrong with the source is one line with what to do, and takes the archive from nobody.
func TestASourceThatRefusesIsSaidInOneLine(t *testing.T) {
	t.Parallel()
	b := newBed(t, lab.Options{})
	b.with("SOURCE_PASSWORD", "wrong").run(t.Context(), "run").fails(t, exitSource, "access denied", "source.password_file")
	b.with("SOURCE_USER", "nobody").run(t.Context(), "run").fails(t, exitSource, "access denied")
	b.with("SOURCE_ADDRESS", "no-such-host.invalid").run(t.Context(), "run").fails(t, exitSource, "unknown host", "source.address")
	b.with("SOURCE_USER", lab.ReplicationUser).run(t.Context(), "run").
		fails(t, exitSource, "missing privilege", "run: GRANT REPLICATION CLIENT ON *.* TO 'repl'@'%'")
	b.with("SOURCE_TLS_MODE", "verify-identity").run(t.Context(), "run").fails(t, exitSource, "TLS", "source.tls")
	b.with("SOURCE_USER", lab.ReplicationUser).run(t.Context(), "backup", "take", "--method", "mysqldump").fails(t, exitSource, "missing privilege", "GRANT")
	b.with("MYSQLD", "/nonexistent/mysqld").run(t.Context(), "backup", "take").fails(t, exitLocal, "program not found", "--mysqld")
	b.exec(t, "SET GLOBAL binlog_format = STATEMENT")
	b.run(t.Context(), "run").fails(t, exitSource, "the server cannot be a source: binlog_format is STATEMENT", "SET PERSIST binlog_format = ROW")
	require.NoDirExists(t, filepath.Join(b.lab.Dir(), "store", "shop", "epoch"), "a refused start must not claim the archive")
}

func TestAConfigurationFileIsNamedWithLineAndKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lastwrite.yaml")
	require.NoError(t, os.WriteFile(path, []byte("cluster: shop\nsource:\n  adress: db1\n"), 0o600))
	for _, command := range []string{"run", "status", "log", "restore --latest --dry-run", "config check"} {
		cli{dir: "/"}.run(t.Context(), append(strings.Fields(command), "--config", path)...).
			fails(t, exitUsage, path+":3: unknown key source.adress (did you mean source.address?)")
	}
}

// A source that is not there yet is waited for, also at the start.
func TestASourceThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	b := newBed(t, lab.Options{})
	require.NoError(t, b.primary.Stop(t.Context()))
	daemon := b.start(t)
	daemon.says(t, "waiting for the source")
	require.NoError(t, b.primary.Start(t.Context()))
	daemon.says(t, "archive opened")
	b.exec(t, "CREATE DATABASE one")
	b.archived(t)
	require.NoError(t, b.primary.Kill())
	daemon.says(t, "stream interrupted")
	s := b.status(t, func(s statusReport) bool { return !s.Source.Reachable && len(s.Warnings) > 0 })
	require.Contains(t, strings.Join(s.Warnings, "\n"), "the source does not answer")
	require.NoError(t, b.primary.Start(t.Context()))
	b.exec(t, "CREATE DATABASE two")
	b.archived(t)
	daemon.stop()
	require.Equal(t, exitOK, daemon.wait(t).code)
}

func TestAStoreThatRefusesIsSaidInOneLine(t *testing.T) {
	b := newBed(t, lab.Options{})
	server, err := b.lab.S3(t.Context())
	require.NoError(t, err)
	require.NoError(t, server.Bucket(t.Context(), "backups"))
	reader, err := server.ReadOnlyUser(t.Context(), "backups", "reader")
	require.NoError(t, err)
	t.Setenv("AWS_REGION", server.Region)
	t.Setenv("AWS_ACCESS_KEY_ID", reader.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", reader.SecretKey)
	at := func(bucket string) string { return "s3://" + bucket + "/db?endpoint=" + server.Endpoint }

	b.with("STORE", at("backups")).run(t.Context(), "run").fails(t, exitStore, "permission denied by the store", "read, write, list and delete")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
	b.with("STORE", at("backups")).run(t.Context(), "run").fails(t, exitStore, "permission denied by the store")
	t.Setenv("AWS_ACCESS_KEY_ID", server.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", server.SecretKey)
	b.with("STORE", at("nowhere")).run(t.Context(), "run").fails(t, exitStore, "store does not exist", "a bucket is not created")
	b.with("STORE", at("backups")).run(t.Context(), "log").fails(t, exitNotFound, `no archive of this cluster in the store: cluster "shop"`)
	b.with("STORE", "file:///nonexistent/store").run(t.Context(), "status").fails(t, exitStore, "store does not exist")

	// And one that works, works: over S3 as over files.
	s3 := b.with("STORE", at("backups"))
	daemon := s3.start(t)
	b.exec(t, "CREATE DATABASE one")
	s3.archived(t)
	// While the store is away the daemon goes on, and says so once; what came in meanwhile is stored afterwards.
	require.NoError(t, server.Kill())
	b.exec(t, "CREATE DATABASE two")
	require.NoError(t, server.Start(t.Context()))
	s3.archived(t)
	daemon.stop()
	require.Equal(t, exitOK, daemon.wait(t).code)
}

// Of two writers the older one ends and says who took over.
func TestWhoIsFencedSaysByWhom(t *testing.T) {
	t.Parallel()
	b := newBed(t, lab.Options{})
	first := b.start(t)
	b.exec(t, "CREATE DATABASE one")
	b.archived(t)
	b.run(t.Context(), "run").fails(t, exitLocal, "spool directory is in use", "--spool")

	// The first still has the spool and a connection; the source ends that when the second comes with the same UUID.
	second := b.with("SPOOL_DIR", filepath.Join(b.lab.Dir(), "spool2")).start(t)
	second.says(t, "archive opened")
	b.exec(t, "CREATE DATABASE two")
	b.archived(t)
	o := first.wait(t)
	o.fails(t, exitFenced, "another writer has taken over this archive: epoch 2 by ", "(this one had epoch 1)")
	second.stop()
	require.Equal(t, exitOK, second.wait(t).code)
}

// A purged log is a gap: it is refused, accepted when the operator says so, shown, and not restored across.
func TestAGapIsNeverPaperedOver(t *testing.T) {
	t.Parallel()
	b := newBed(t, lab.Options{})
	daemon := b.start(t)
	b.exec(t, "CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY)")
	b.archived(t)
	require.Equal(t, exitOK, b.run(t.Context(), "backup", "take", "--method", "mysqldump").code)
	daemon.stop()
	require.Equal(t, exitOK, daemon.wait(t).code)
	b.exec(t, "INSERT INTO shop.t VALUES (1)", "FLUSH BINARY LOGS", "INSERT INTO shop.t VALUES (2)", "PURGE BINARY LOGS TO 'binlog.000002'")

	b.start(t).wait(t).fails(t, exitHistory, "the log needed next is purged", "--accept-gap")
	daemon = b.start(t, "--accept-gap")
	daemon.says(t, "a gap was accepted")
	s := b.status(t, func(s statusReport) bool { return s.Archive != nil && len(s.Archive.Gaps) == 1 })
	require.Equal(t, int64(1), s.Archive.Gaps[0].Count)
	require.Contains(t, strings.Join(s.Warnings, "\n"), "moments in this gap cannot be restored")
	b.archived(t)
	b.run(t.Context(), "restore", "--latest", "--dry-run").fails(t, exitHistory, "transactions are missing in the archive", "recovery windows")
	b.run(t.Context(), "archive", "verify").fails(t, exitProof, "verify the archive: 1 problem")
}

// smallDisk mounts a file system of a size, which needs root.
func smallDisk(t *testing.T, size string) string {
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skip("cannot mount a small file system here: ", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	return dir
}

// A full disk under the spool is one line in the log; when there is room again, all of the log is archived.
func TestAFullSpoolIsSaidAndOutlived(t *testing.T) {
	t.Parallel()
	b := newBed(t, lab.Options{})
	spool := smallDisk(t, "3m")
	b = b.with("SPOOL_DIR", spool)
	b.exec(t, "CREATE DATABASE shop", "CREATE TABLE shop.t (v LONGBLOB)")
	daemon := b.start(t)
	b.archived(t)
	// More than fits in one transaction, and nothing that could be compressed.
	insert := "INSERT INTO shop.t VALUES (CONCAT(" + strings.TrimSuffix(strings.Repeat("RANDOM_BYTES(1024),", 1024), ",") + "))"
	statements := []string{"BEGIN"}
	for range 8 {
		statements = append(statements, insert)
	}
	b.exec(t, append(statements, "COMMIT")...)
	daemon.says(t, "cannot write to the spool")
	line := ""
	for _, l := range strings.Split(daemon.stderr.String(), "\n") {
		if strings.Contains(l, "cannot write to the spool") {
			line = l
		}
	}
	require.Contains(t, line, "no space left on device")
	require.Contains(t, line, "nothing is lost")
	require.NoError(t, syscall.Mount("tmpfs", spool, "tmpfs", syscall.MS_REMOUNT, "size=64m"))
	b.archived(t)
	daemon.stop()
	require.Equal(t, exitOK, daemon.wait(t).code)
	require.Equal(t, exitOK, b.run(t.Context(), "archive", "verify").code)
}

func TestAFullDiskUnderARestoreIsSaidInOneLine(t *testing.T) {
	t.Parallel()
	b := newBed(t, lab.Options{})
	daemon := b.start(t)
	b.exec(t, "CREATE DATABASE shop")
	b.archived(t)
	require.Equal(t, exitOK, b.run(t.Context(), "backup", "take", "--method", "mysqldump").code)
	daemon.stop()
	daemon.wait(t)
	dir := smallDisk(t, "40m")
	b.run(t.Context(), "restore", "--latest", "--target-dir", dir).fails(t, exitLocal, "no space left", "make room")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
	// The same for the store's own disk.
	store := smallDisk(t, "1m")
	require.NoError(t, os.WriteFile(filepath.Join(store, "filler"), make([]byte, 1<<20-8<<10), 0o600))
	b.with("STORE", "file://"+store).run(t.Context(), "backup", "take", "--method", "mysqldump").fails(t, exitStore, "no space left", "make room there")
}
