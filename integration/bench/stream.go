package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"lastwrite/integration/lab"
	"lastwrite/integration/sidecar"
)

// stream compares how fast a log of small transactions is taken from the server. lastwrite checks, indexes, compresses and
// stores it; mysqlbinlog --raw writes it to files. Both take it from the same server, which is otherwise idle.
func stream(ctx context.Context, b *bench) error {
	size, err := setting("SIZE", 512)
	if err != nil {
		return err
	}
	primary, err := b.lab.MySQL(ctx, lab.Options{Name: "primary", Extra: []string{
		"--sync-binlog=0", "--innodb-flush-log-at-trx-commit=0", "--max-binlog-size=256M", "--innodb-doublewrite=OFF"}})
	if err != nil {
		return err
	}
	row, err := setting("ROW", 128)
	if err != nil {
		return err
	}
	bytes, err := fillLog(ctx, primary, int64(size)<<20, row)
	if err != nil {
		return err
	}
	var speed, cpu []float64
	for i := range b.pairs + 1 {
		ours, err := b.streamOurs(ctx, primary, i)
		if err != nil {
			return err
		}
		theirs, err := b.streamTheirs(ctx, primary, i)
		if err != nil {
			return err
		}
		mb := float64(bytes) / 1e6
		fmt.Printf("pair %d: lastwrite %6.1f MB/s, cpu %5.2f s, %d MiB; mysqlbinlog --raw %6.1f MB/s, cpu %5.2f s\n", i,
			mb/ours.wall.Seconds(), ours.cpu.Seconds(), ours.memory>>20, mb/theirs.wall.Seconds(), theirs.cpu.Seconds())
		if i == 0 {
			continue // warms the page cache
		}
		speed = append(speed, theirs.wall.Seconds()/ours.wall.Seconds())
		cpu = append(cpu, theirs.cpu.Seconds()/ours.cpu.Seconds())
	}
	report("stream cpu", cpu)
	report("stream", speed)
	return nil
}

// fillLog writes transactions of one row, of at least row bytes, until the server's log has the size, and returns the size.
func fillLog(ctx context.Context, s *lab.Server, size int64, row int) (int64, error) {
	err := s.Exec(ctx, "CREATE DATABASE shop",
		"CREATE TABLE shop.orders (id BIGINT AUTO_INCREMENT PRIMARY KEY, customer INT, total DECIMAL(10,2), note LONGTEXT)",
		`CREATE PROCEDURE shop.load_orders(n INT, row_size INT) BEGIN
			DECLARE i INT DEFAULT 0;
			WHILE i < n DO
				INSERT INTO shop.orders (customer, total, note) VALUES (RAND()*100000, RAND()*1000, REPEAT(CONCAT(SHA2(RAND(), 256), SHA2(i, 256)), CEIL(row_size / 128)));
				SET i = i + 1;
			END WHILE;
		END`)
	if err != nil {
		return 0, err
	}
	for {
		n, err := logSize(s)
		if err != nil || n >= size {
			return n, err
		}
		fmt.Fprintf(os.Stderr, "filling the log: %d of %d MB\n", n/1e6, size/1e6)
		failed := make(chan error, 2)
		for range cap(failed) {
			go func() {
				_, err := s.DB().ExecContext(ctx, "CALL shop.load_orders(?, ?)", max(1, min(20000, 16<<20/row)), row)
				failed <- err
			}()
		}
		for range cap(failed) {
			if err := <-failed; err != nil {
				return 0, err
			}
		}
	}
}

func logSize(s *lab.Server) (total int64, err error) {
	paths, err := filepath.Glob(filepath.Join(s.DataDir, "binlog.[0-9]*"))
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return 0, err
		}
		total += info.Size()
	}
	return total, err
}

func (b *bench) streamOurs(ctx context.Context, primary *lab.Server, i int) (m measured, err error) {
	dir := filepath.Join(b.lab.Dir(), fmt.Sprintf("ours%d", i))
	side, err := sidecar.New(b.program, b.tools.Mysqld, dir, primary)
	if err != nil {
		return m, err
	}
	defer os.RemoveAll(dir)
	side.Env = append(side.Env, "LASTWRITE_STREAM_FLUSH=200ms", "LASTWRITE_LOG_LEVEL=warn")
	started := time.Now()
	d, err := side.Start()
	if err != nil {
		return m, err
	}
	waitCtx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	err = side.WaitArchived(waitCtx, primary)
	m.wall = time.Since(started)
	stopErr := d.Stop()
	if err == nil {
		err = stopErr
	}
	m.cpu, m.memory = d.Usage()
	return m, err
}

func (b *bench) streamTheirs(ctx context.Context, primary *lab.Server, i int) (m measured, err error) {
	dir := filepath.Join(b.lab.Dir(), fmt.Sprintf("theirs%d", i))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return m, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.CommandContext(ctx, b.tools.Mysqlbinlog, "--no-defaults", "--read-from-remote-server", "--raw", "--to-last-log",
		"--host="+primary.Host, fmt.Sprintf("--port=%d", primary.Port), "--user="+lab.AdminUser, "--result-file="+dir+"/", "binlog.000001")
	cmd.Env = append(os.Environ(), "MYSQL_PWD="+lab.Password)
	started := time.Now()
	out, err := cmd.CombinedOutput()
	m.wall = time.Since(started)
	if err != nil {
		return m, fmt.Errorf("mysqlbinlog: %w: %s", err, out)
	}
	m.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		m.memory = u.Maxrss << 10
	}
	return m, nil
}
