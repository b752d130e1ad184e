package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"lastwrite/integration/lab"
	"lastwrite/integration/sidecar"
)

// scratchFlags are the settings that lastwrite's scratch server replays with, so that the peer has them too.
var scratchFlags = []string{
	"--skip-log-bin", "--innodb-doublewrite=OFF", "--innodb-flush-log-at-trx-commit=0", "--loose-innodb-redo-log-capacity=1G",
	"--innodb-log-buffer-size=64M", "--innodb-io-capacity=4000", "--innodb-io-capacity-max=20000", "--innodb-buffer-pool-size=512M",
	"--max-allowed-packet=1G",
}

// replay compares how long it takes to have a base and the log behind it back: lastwrite restore, against the same base started with
// the same settings and mysqlbinlog | mysql.
func replay(ctx context.Context, b *bench) error {
	transactions, err := setting("TRANSACTIONS", 20000)
	if err != nil {
		return err
	}
	primary, err := b.lab.MySQL(ctx, lab.Options{Name: "primary", Clone: true, Extra: []string{
		"--sync-binlog=0", "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=512M"}})
	if err != nil {
		return err
	}
	side, err := sidecar.New(b.program, b.tools.Mysqld, filepath.Join(b.lab.Dir(), "side"), primary)
	if err != nil {
		return err
	}
	side.Env = append(side.Env, "LASTWRITE_LOG_LEVEL=warn")
	if err := b.record(ctx, side, primary, transactions); err != nil {
		return err
	}
	want, err := checksums(ctx, primary)
	if err != nil {
		return err
	}
	var ratios []float64
	for i := range b.pairs {
		ours, err := b.replayOurs(ctx, side, want, i)
		if err != nil {
			return err
		}
		theirs, err := b.replayTheirs(ctx, side, primary, want, i)
		if err != nil {
			return err
		}
		fmt.Printf("pair %d: lastwrite restore %5.1f s; base copied, mysqlbinlog | mysql %5.1f s; checksums equal\n", i+1, ours.Seconds(), theirs.Seconds())
		ratios = append(ratios, theirs.Seconds()/ours.Seconds())
	}
	report("replay", ratios)
	return nil
}

const tables = 4

// record makes a base, and a log of small transactions behind it: one insert, two updates and one delete each.
func (b *bench) record(ctx context.Context, side *sidecar.Sidecar, primary *lab.Server, transactions int) error {
	statements := []string{"CREATE DATABASE shop"}
	for i := range tables {
		t := fmt.Sprintf("shop.orders%d", i)
		statements = append(statements,
			"CREATE TABLE "+t+" (id BIGINT AUTO_INCREMENT PRIMARY KEY, k INT, c CHAR(120), KEY(k))",
			"INSERT INTO "+t+" (k, c) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 1000) SELECT i, SHA2(i, 256) FROM n",
			"INSERT INTO "+t+" (k, c) SELECT a.k, a.c FROM "+t+" a, (SELECT 1 FROM "+t+" LIMIT 30) b",
			fmt.Sprintf(`CREATE PROCEDURE shop.load%d(n INT) BEGIN
				DECLARE i INT DEFAULT 0; DECLARE top, x, y, z BIGINT;
				SELECT MAX(id) INTO top FROM %[2]s;
				WHILE i < n DO
					SET x = 1 + FLOOR(RAND()*top), y = 1 + FLOOR(RAND()*top), z = 1 + FLOOR(RAND()*top);
					START TRANSACTION;
					INSERT INTO %[2]s (k, c) VALUES (RAND()*10000, SHA2(RAND(), 256));
					UPDATE %[2]s SET k = k + 1 WHERE id = x;
					UPDATE %[2]s SET c = SHA2(RAND(), 256) WHERE id = y;
					DELETE FROM %[2]s WHERE id = z;
					COMMIT;
					SET i = i + 1;
				END WHILE;
			END`, i, t))
	}
	if err := primary.Exec(ctx, statements...); err != nil {
		return err
	}
	if out, err := side.Command(ctx, "backup", "take", "--method", "clone").CombinedOutput(); err != nil {
		return fmt.Errorf("backup: %w: %s", err, out)
	}
	held, err := primary.GTIDExecuted(ctx)
	if err != nil {
		return err
	}
	b.baseEnd = strings.Replace(held, ":1-", ":", 1)
	fmt.Fprintf(os.Stderr, "writing %d transactions behind the base\n", transactions)
	failed := make([]error, tables)
	var wg sync.WaitGroup
	for i := range tables {
		wg.Go(func() {
			_, failed[i] = primary.DB().ExecContext(ctx, fmt.Sprintf("CALL shop.load%d(%d)", i, transactions/tables))
		})
	}
	wg.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	daemon, err := side.Start()
	if err != nil {
		return err
	}
	defer daemon.Stop()
	waitCtx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	return side.WaitArchived(waitCtx, primary)
}

// checksums returns CHECKSUM TABLE of each table.
func checksums(ctx context.Context, s *lab.Server) (out []int64, err error) {
	for i := range tables {
		var name string
		var sum int64
		if err := s.DB().QueryRowContext(ctx, fmt.Sprintf("CHECKSUM TABLE shop.orders%d", i)).Scan(&name, &sum); err != nil {
			return nil, err
		}
		out = append(out, sum)
	}
	return out, nil
}

// requireEqual starts a server on a restored directory and compares its tables.
func (b *bench) requireEqual(ctx context.Context, dir string, want []int64) error {
	s, err := b.lab.MySQL(ctx, lab.Options{DataDir: dir, Extra: []string{"--skip-log-bin"}})
	if err != nil {
		return err
	}
	got, err := checksums(ctx, s)
	if err != nil {
		return err
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("checksums %v in %s, want %v", got, dir, want)
	}
	return s.Stop(ctx)
}

func (b *bench) replayOurs(ctx context.Context, side *sidecar.Sidecar, want []int64, i int) (time.Duration, error) {
	dir := filepath.Join(b.lab.Dir(), fmt.Sprintf("restored%d", i))
	defer os.RemoveAll(dir)
	started := time.Now()
	if out, err := side.Command(ctx, "restore", "--latest", "--target-dir", dir, "--yes").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("restore: %w: %s", err, out)
	}
	took := time.Since(started)
	return took, b.requireEqual(ctx, dir, want)
}

func (b *bench) replayTheirs(ctx context.Context, side *sidecar.Sidecar, primary *lab.Server, want []int64, i int) (time.Duration, error) {
	base := filepath.Join(b.lab.Dir(), "base")
	if _, err := os.Stat(base); err != nil { // the base alone, as a peer's tool would have left it
		if out, err := side.Command(ctx, "restore", "--to-gtid", b.baseEnd, "--target-dir", base, "--yes").CombinedOutput(); err != nil {
			return 0, fmt.Errorf("restore the base: %w: %s", err, out)
		}
	}
	dir := filepath.Join(b.lab.Dir(), fmt.Sprintf("replayed%d", i))
	defer os.RemoveAll(dir)
	logs, err := filepath.Glob(filepath.Join(primary.DataDir, "binlog.[0-9]*"))
	if err != nil {
		return 0, err
	}
	started := time.Now()
	if out, err := exec.CommandContext(ctx, "cp", "-a", base, dir).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("copy the base: %w: %s", err, out)
	}
	s, err := b.lab.MySQL(ctx, lab.Options{DataDir: dir, Extra: scratchFlags})
	if err != nil {
		return 0, err
	}
	if err := b.pipe(ctx, logs, s); err != nil {
		return 0, err
	}
	if err := s.Stop(ctx); err != nil {
		return 0, err
	}
	took := time.Since(started)
	return took, b.requireEqual(ctx, dir, want)
}

// pipe runs mysqlbinlog | mysql.
func (b *bench) pipe(ctx context.Context, logs []string, s *lab.Server) error {
	read := exec.CommandContext(ctx, b.tools.Mysqlbinlog, append([]string{"--no-defaults"}, logs...)...)
	write := exec.CommandContext(ctx, b.tools.Mysql, "--no-defaults", "--user=root", "--socket="+s.Socket, "--binary-mode", "--max-allowed-packet=1G")
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	read.Stdout, write.Stdin = w, r
	read.Stderr, write.Stderr = os.Stderr, os.Stderr
	for _, cmd := range []*exec.Cmd{read, write} {
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		if err := cmd.Start(); err != nil {
			return err
		}
	}
	w.Close()
	r.Close()
	readErr := read.Wait()
	if err := write.Wait(); err != nil {
		return fmt.Errorf("mysql: %w", err)
	}
	return readErr
}
