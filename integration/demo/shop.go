package main

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lastwrite/integration/lab"
)

// fill makes a database with three tables of different kinds, a view and a trigger, and rows in them.
func fill(ctx context.Context, s *lab.Server, schema string, rows int) error {
	return s.Exec(ctx,
		"CREATE DATABASE "+schema,
		"CREATE TABLE "+schema+".customers (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(80) NOT NULL, since DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6), notes JSON)",
		"CREATE TABLE "+schema+".orders (id BIGINT AUTO_INCREMENT PRIMARY KEY, customer INT NOT NULL, total DECIMAL(10,2), placed TIMESTAMP(6) DEFAULT CURRENT_TIMESTAMP(6), KEY (customer))",
		"CREATE TABLE "+schema+".photos (id INT PRIMARY KEY, picture LONGBLOB)",
		"CREATE VIEW "+schema+".big_orders AS SELECT * FROM "+schema+".orders WHERE total > 900",
		"CREATE TRIGGER "+schema+".no_debt BEFORE INSERT ON "+schema+".orders FOR EACH ROW SET NEW.total = ABS(NEW.total)",
		fmt.Sprintf(`INSERT INTO %s.customers (name, notes) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 1000)
			SELECT CONCAT('customer ', i), JSON_OBJECT('vip', i %% 7 = 0) FROM n LIMIT %d`, schema, min(rows, 1000)),
		fmt.Sprintf(`INSERT INTO %s.orders (customer, total) SELECT 1 + a.id %% 1000, a.id * 7 %% 1000 FROM %s.customers a, %s.customers b LIMIT %d`, schema, schema, schema, rows),
		"INSERT INTO "+schema+".photos SELECT id, REPEAT(SHA2(id, 512), 2000) FROM "+schema+".customers LIMIT 10",
	)
}

// writer places orders, one a transaction, until it is stopped.
type writer struct {
	server *lab.Server
	schema string
	placed atomic.Int64 // confirmed to us
	first  int64        // rows before
}

func newWriter(s *lab.Server, schema string) *writer { return &writer{server: s, schema: schema} }

// start writes in the background; the function it returns stops it, and may be called twice.
func (w *writer) start(ctx context.Context) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	failed := make(chan error, 1)
	go func() { failed <- w.write(ctx) }()
	return sync.OnceValue(func() error {
		cancel()
		return <-failed
	})
}

func (w *writer) write(ctx context.Context) error {
	rows, err := w.rows(ctx)
	if err != nil {
		return err
	}
	w.first = rows
	// The statement itself is not cut off by the stop, so that what is counted is what was confirmed.
	sure := context.WithoutCancel(ctx)
	for i := 0; ctx.Err() == nil; i++ {
		if err := w.server.Exec(sure, fmt.Sprintf("INSERT INTO %s.orders (customer, total) VALUES (%d, %d)", w.schema, 1+i%1000, i%997)); err != nil {
			return fmt.Errorf("write to %s: %w", w.schema, err)
		}
		w.placed.Add(1)
	}
	return nil
}

func (w *writer) written() int64 { return w.first + w.placed.Load() }

func (w *writer) rows(ctx context.Context) (n int64, err error) {
	err = w.server.DB().QueryRowContext(ctx, "SELECT COUNT(*) FROM "+w.schema+".orders").Scan(&n)
	return n, err
}

// enough is how many transactions each writer makes before the mistake.
const enough = 300

// waitWritten waits until each writer has written enough.
func waitWritten(ctx context.Context, writers ...*writer) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if !slices.ContainsFunc(writers, func(w *writer) bool { return w.placed.Load() < enough }) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for the writers: %w", ctx.Err())
		}
	}
}

// contents is what a database holds.
type contents struct{ tables []table }

type table struct {
	name     string
	rows     int64
	checksum sql.NullInt64
}

// fingerprint counts the rows of each table and takes its CHECKSUM TABLE.
func fingerprint(ctx context.Context, s *lab.Server, schema string) (c contents, err error) {
	names, err := s.DB().QueryContext(ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND table_type = 'BASE TABLE' ORDER BY table_name", schema)
	if err != nil {
		return c, err
	}
	defer names.Close()
	for names.Next() {
		var t table
		if err := names.Scan(&t.name); err != nil {
			return c, err
		}
		c.tables = append(c.tables, t)
	}
	for i := range c.tables {
		t := &c.tables[i]
		if err := s.DB().QueryRowContext(ctx, fmt.Sprintf("SELECT COUNT(*) FROM `%s`.`%s`", schema, t.name)).Scan(&t.rows); err != nil {
			return c, err
		}
		var full string
		if err := s.DB().QueryRowContext(ctx, fmt.Sprintf("CHECKSUM TABLE `%s`.`%s`", schema, t.name)).Scan(&full, &t.checksum); err != nil {
			return c, err
		}
	}
	return c, names.Err()
}

func (c contents) equal(o contents) bool {
	return len(c.tables) > 0 && slices.Equal(c.tables, o.tables)
}

func (c contents) String() string {
	var parts []string
	for _, t := range c.tables {
		parts = append(parts, fmt.Sprintf("%d %s", t.rows, t.name))
	}
	return strings.Join(parts, ", ")
}
