package restore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
	"lastwrite/pitr"
	"lastwrite/pitr/locate"
	"lastwrite/pitr/restore"
	"lastwrite/pitr/scratch"
	"lastwrite/replica"
)

// A base alone, without any log, is a server: for both methods it comes back with its rows, routines, events and accounts, starts under
// an ordinary mysqld, and bears the proof.
func TestRestoreBaseAlone(t *testing.T) {
	r := newRig(t)
	r.exec(t, "CREATE DATABASE shop", "USE shop", "CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, note VARBINARY(100))",
		`INSERT INTO orders (note) VALUES ('plain'), (X'00FF0A0D27225C'), ('-- Dump completed; \\'), (NULL)`,
		"CREATE PROCEDURE p() COMMENT 'two\nlines' SELECT /* kept */ COUNT(*) FROM orders",
		"CREATE TRIGGER tr BEFORE INSERT ON orders FOR EACH ROW BEGIN SET NEW.note = UPPER(NEW.note); END",
		"CREATE EVENT hourly ON SCHEDULE EVERY 1 HOUR STARTS '2099-01-01' DO DELETE FROM orders WHERE id > 1000",
		"CREATE VIEW v AS SELECT id FROM orders",
		"CREATE USER app IDENTIFIED BY 'app-Passw0rd'", "GRANT SELECT ON shop.* TO app")
	checksum := value(t, r.primary, "SELECT GROUP_CONCAT(id, HEX(note)) FROM shop.orders")
	for _, method := range []pitr.Method{pitr.MethodClone, pitr.MethodDump} {
		t.Run(string(method), func(t *testing.T) {
			base := r.take(t, method)
			plan, err := locate.Plan(t.Context(), nil, pitr.Latest(), []pitr.Base{base}, pitr.Options{})
			require.NoError(t, err)
			dir := filepath.Join(t.TempDir(), "new", "data")
			var stages []pitr.Stage
			result, err := r.restorer(t, nil).Run(t.Context(), plan, restore.Options{Dir: dir, LogDir: r.logDir, Progress: func(s pitr.Stage, _, _ int64) {
				if len(stages) == 0 || stages[len(stages)-1] != s {
					stages = append(stages, s)
				}
			}})
			require.NoError(t, err)
			require.Equal(t, base.Executed.String(), result.Executed.String())
			require.Empty(t, names(t, r.logDir))
			require.NoDirExists(t, filepath.Join(dir, ".lastwrite"))
			proof, err := restore.ReadProof(dir)
			require.NoError(t, err)
			require.Equal(t, base.ID, proof.Base)
			require.True(t, proof.Executed.Equal(base.Executed))
			require.False(t, proof.Finished.IsZero())
			require.Contains(t, stages, pitr.StageShutdown)

			s := r.open(t, dir)
			require.Equal(t, checksum, value(t, s, "SELECT GROUP_CONCAT(id, HEX(note)) FROM shop.orders"))
			set, err := s.GTIDExecuted(t.Context())
			require.NoError(t, err)
			require.Equal(t, base.Executed.String(), set)
			require.Equal(t, "two\nlines", value(t, s, "SELECT routine_comment FROM information_schema.routines WHERE routine_name = 'p'"))
			require.Contains(t, value(t, s, "SELECT routine_definition FROM information_schema.routines WHERE routine_name = 'p'"), "/* kept */")
			require.Equal(t, "ENABLED", value(t, s, "SELECT status FROM information_schema.events WHERE event_name = 'hourly'"))
			require.Equal(t, "4", value(t, s, "SELECT COUNT(*) FROM shop.v"))
			require.Equal(t, "0", value(t, s, "SELECT COUNT(*) FROM mysql.user WHERE user LIKE 'lastwrite\\_restore%'"))
			require.Equal(t, "1", value(t, s, "SELECT COUNT(*) FROM mysql.user WHERE user = 'app'"))
			require.NotEqual(t, value(t, r.primary, "SELECT @@server_uuid"), value(t, s, "SELECT @@server_uuid"), "a server of its own")
		})
	}
}

// history writes a log worth restoring: before the base, behind it, the mistake, and what came after.
func history(t *testing.T, r *rig) (dropped binlog.GTID) {
	t.Helper()
	r.exec(t, "CREATE DATABASE shop", "CREATE DATABASE other", "USE shop",
		"CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, v CHAR(20), n INT DEFAULT 0)", "CREATE TABLE other.t (id INT PRIMARY KEY AUTO_INCREMENT)",
		"INSERT INTO orders (v) VALUES ('before')")
	r.take(t, pitr.MethodClone)
	r.exec(t, "USE shop", "CREATE USER late IDENTIFIED BY 'late-Passw0rd'", "GRANT SELECT ON shop.* TO late",
		"ALTER TABLE orders ADD COLUMN extra JSON", "CREATE TABLE photos (id INT PRIMARY KEY, content LONGBLOB)",
		"INSERT INTO photos VALUES (1, REPEAT('x', 3000000))",
		"CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2099-01-01' DO DELETE FROM orders",
		"DROP DATABASE IF EXISTS nosuch")
	for i := range 60 {
		r.exec(t, fmt.Sprintf("INSERT INTO shop.orders (v, extra) VALUES ('o%d', '[%d]')", i, i),
			fmt.Sprintf("UPDATE shop.orders SET n = n + 1 WHERE id = %d", i), "INSERT INTO other.t VALUES ()")
	}
	r.exec(t, "XA START 'undecided'", "INSERT INTO other.t VALUES ()", "XA END 'undecided'", "XA PREPARE 'undecided'")
	if v, err := replica.ParseVersion(value(t, r.primary, "SELECT VERSION()")); err == nil && v.AtLeast(8, 3, 0) {
		r.exec(t, "SET gtid_next = 'AUTOMATIC:nightly'", "UPDATE shop.orders SET v = 'tagged' WHERE id = 2")
	}
	before := r.executed(t)
	r.exec(t, "DROP DATABASE shop")
	gone := r.executed(t).Subtract(before)
	dropped, err := binlog.ParseGTID(gone.String())
	require.NoError(t, err)
	r.exec(t, "INSERT INTO other.t VALUES ()", "INSERT INTO other.t VALUES ()")
	return dropped
}

// The whole way: base, log, cut; every kind of target; and a copy of the dropped database back into the live server.
func TestRestoreFromLog(t *testing.T) {
	r := newRig(t)
	dropped := history(t, r)

	for _, step := range []struct {
		name string
		test func(t *testing.T)
	}{
		{"before the statement, left running, copied back", func(t *testing.T) { beforeStatement(t, r, dropped) }},
		{"latest without the one transaction", func(t *testing.T) { withoutOne(t, r, dropped) }},
		{"a transaction that cannot be applied", func(t *testing.T) { inapplicable(t, r) }},
		{"ended in the middle", func(t *testing.T) { endedInTheMiddle(t, r) }},
		{"full disk", func(t *testing.T) { fullDisk(t, r) }},
		{"places that are refused", func(t *testing.T) { refusals(t, r) }},
	} {
		r.logDir = t.TempDir()
		t.Run(step.name, step.test)
	}
}

func beforeStatement(t *testing.T, r *rig, dropped binlog.GTID) {
	plan, restorer := r.plan(t, pitr.Before("drop schema shop"), pitr.Options{})
	require.Equal(t, dropped, plan.Cut.Next.GTID)
	require.False(t, plan.Expect.Has(dropped))
	dir := t.TempDir()
	var last int64
	result, err := restorer.Run(t.Context(), plan, restore.Options{Dir: dir, Running: true, LogDir: r.logDir, Progress: func(s pitr.Stage, done, total int64) {
		if s == pitr.StageReplay {
			require.GreaterOrEqual(t, done, last)
			require.Equal(t, plan.Transactions, total)
			last = done
		}
	}})
	require.NoError(t, err)
	require.Equal(t, plan.Transactions, last)
	require.Equal(t, plan.Expect.String(), result.Executed.String())
	require.Len(t, result.Notes, 2)
	require.Contains(t, result.Notes[0], "shop.nightly")
	require.Contains(t, result.Notes[1], "1 XA transactions were prepared")
	require.NoFileExists(t, filepath.Join(dir, restore.MarkerName), "not yet a data directory")

	db := result.Server.DB()
	var rows, photos int64
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*), (SELECT LENGTH(content) FROM shop.photos) FROM shop.orders").Scan(&rows, &photos))
	require.EqualValues(t, 61, rows)
	require.EqualValues(t, 3000000, photos)
	var channels int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM mysql.slave_master_info").Scan(&channels))
	require.Zero(t, channels, "it will not replicate from anybody on its own")

	copyBack(t, r, result)

	require.NoError(t, result.Finish(t.Context()))
	s := r.open(t, dir)
	require.Equal(t, "61", value(t, s, "SELECT COUNT(*) FROM shop.orders"))
	require.Equal(t, "1", value(t, s, "SELECT COUNT(*) FROM mysql.user WHERE user = 'late'"), "accounts made behind the base are there")
	require.Equal(t, "0", value(t, s, "SELECT COUNT(*) FROM mysql.user WHERE user LIKE 'lastwrite\\_restore%'"))
	require.Equal(t, "60", value(t, s, "SELECT COUNT(*) FROM other.t"))
}

func withoutOne(t *testing.T, r *rig, dropped binlog.GTID) {
	behind := r.archivedAfter(t, dropped, 2)
	plan, restorer := r.plan(t, pitr.ToGTID(behind), pitr.Options{Skip: binlog.NewGTIDSet(dropped)})
	dir := t.TempDir()
	result, err := restorer.Run(t.Context(), plan, restore.Options{Dir: dir, Running: true, LogDir: r.logDir})
	require.NoError(t, err)
	require.False(t, result.Executed.Has(dropped))
	require.True(t, result.Executed.Has(behind))
	var orders, others int
	require.NoError(t, result.Server.DB().QueryRowContext(t.Context(), "SELECT (SELECT COUNT(*) FROM shop.orders), (SELECT COUNT(*) FROM other.t)").Scan(&orders, &others))
	require.Equal(t, []int{61, 62}, []int{orders, others}, "what came after is there, and so is what was dropped")
	require.NoError(t, result.Discard())
	require.Empty(t, names(t, dir))
	require.Empty(t, names(t, r.logDir))
}

// archivedAfter is the nth transaction behind g.
func (r *rig) archivedAfter(t *testing.T, g binlog.GTID, n int64) binlog.GTID {
	t.Helper()
	g.N += n
	require.True(t, r.executed(t).Has(g))
	return g
}

// Leaving out a CREATE TABLE makes an INSERT fail: the error names that INSERT's transaction and MySQL's number, and nothing is left.
func inapplicable(t *testing.T, r *rig) {
	a := r.archived(t)
	var create binlog.GTID
	for f, err := range a.Transactions(t.Context(), query("CREATE TABLE shop.photos")) {
		require.NoError(t, err)
		create = f.GTID
	}
	insert := create
	insert.N++
	plan, restorer := r.plan(t, pitr.ToGTID(insert), pitr.Options{Skip: binlog.NewGTIDSet(create)})
	dir := filepath.Join(t.TempDir(), "made")
	_, err := restorer.Run(t.Context(), plan, restore.Options{Dir: dir, LogDir: r.logDir})
	var failed *restore.ReplayError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, insert.String(), failed.GTID)
	require.Equal(t, 1146, failed.Number)
	require.ErrorContains(t, err, "shop.photos")
	require.NotContains(t, err.Error(), "\n")
	r.requireClean(t, dir, err)
	require.NoDirExists(t, dir, "a directory that we made is gone too")
}

// A restore that is cancelled, or whose server is killed, leaves no file and no process, at whatever stage.
func endedInTheMiddle(t *testing.T, r *rig) {
	enough := errors.New("enough")
	plan, restorer := r.plan(t, pitr.Latest(), pitr.Options{})
	for _, stage := range []pitr.Stage{pitr.StageFetch, pitr.StageStart, pitr.StageReplay} {
		ctx, cancel := context.WithCancelCause(t.Context())
		dir := t.TempDir()
		_, err := restorer.Run(ctx, plan, restore.Options{Dir: dir, LogDir: r.logDir, Progress: func(s pitr.Stage, _, _ int64) {
			if s == stage {
				cancel(enough)
			}
		}})
		require.ErrorIs(t, err, enough, stage)
		require.EqualError(t, err, "restore into "+dir+": enough", "the reason, and not what follows from it")
		r.requireClean(t, dir, err)
	}
	dir := t.TempDir()
	_, err := restorer.Run(t.Context(), plan, restore.Options{Dir: dir, LogDir: r.logDir, Progress: func(s pitr.Stage, _, _ int64) {
		if s == pitr.StageReplay {
			killServerOf(t, dir)
		}
	}})
	require.ErrorIs(t, err, scratch.ErrEnded)
	require.ErrorContains(t, err, "killed")
	r.requireClean(t, dir, err)
}

// killServerOf kills the mysqld that has a data directory open.
func killServerOf(t *testing.T, dir string) {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, path := range found {
		text, err := os.ReadFile(path)
		if err != nil || !containsArg(text, "--datadir="+dir) {
			continue
		}
		var pid int
		_, err = fmt.Sscanf(path, "/proc/%d/cmdline", &pid)
		require.NoError(t, err)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// On a file system that is too small, whether that is seen beforehand or not, one line says so and nothing is left.
func fullDisk(t *testing.T, r *rig) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	plan, restorer := r.plan(t, pitr.Latest(), pitr.Options{})
	for _, size := range []string{"40m", "200m", "260m"} {
		dir := t.TempDir()
		require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size))
		t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
		hidden := plan
		hidden.Base.Bytes = 0 // as if the estimate were wrong
		for _, p := range []pitr.Plan{plan, hidden} {
			_, err := restorer.Run(t.Context(), p, restore.Options{Dir: dir, LogDir: r.logDir})
			require.Error(t, err)
			t.Log(size, err)
			require.NotContains(t, err.Error(), "\n")
			require.Regexp(t, `[Nn]o space left|is full|errno: 28|Disk is full`, err.Error())
			r.requireClean(t, dir, err)
		}
	}
}

func refusals(t *testing.T, r *rig) {
	plan, restorer := r.plan(t, pitr.Latest(), pitr.Options{})
	dir := t.TempDir()
	precious := filepath.Join(dir, "precious")
	require.NoError(t, os.WriteFile(precious, []byte("x"), 0o600))
	_, err := restorer.Run(t.Context(), plan, restore.Options{Dir: dir, LogDir: r.logDir})
	require.ErrorIs(t, err, restore.ErrNotEmpty)
	require.ErrorContains(t, err, "precious is in it; nothing was touched")
	require.Equal(t, []string{"precious"}, names(t, dir))
	_, err = restorer.Run(t.Context(), plan, restore.Options{Dir: precious, LogDir: r.logDir})
	require.ErrorContains(t, err, "is not a directory")
	_, err = restorer.Run(t.Context(), plan, restore.Options{Dir: "data", LogDir: r.logDir})
	require.ErrorContains(t, err, "want an absolute path")

	other := plan
	other.Base.Server.Version = "8.4.7"
	_, err = restorer.Run(t.Context(), other, restore.Options{Dir: filepath.Join(dir, "new"), LogDir: r.logDir})
	require.ErrorIs(t, err, scratch.ErrVersion)

	wrong := plan
	wrong.Base.Executed = plan.Base.Executed.Add(binlog.GTID{SID: binlog.SID{Tag: "x"}, N: 1})
	_, err = restorer.Run(t.Context(), wrong, restore.Options{Dir: filepath.Join(dir, "new"), LogDir: r.logDir})
	require.ErrorIs(t, err, restore.ErrNotProved)
	require.Equal(t, []string{"precious"}, names(t, dir))
	require.Empty(t, names(t, r.logDir))
}
