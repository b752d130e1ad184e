package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lastwrite/binlog"
	"lastwrite/binlog/archive"
	"lastwrite/binlog/statement"
	"lastwrite/pitr"
)

// logFlags are what `lastwrite log` is asked for, as it was typed.
type logFlags struct {
	from, to, gtids, database, table, statement string
	kinds                                       []string
	destructive, reverse                        bool
	limit                                       int
}

func (a *app) logCommand() *cobra.Command {
	f := logFlags{}
	cmd := &cobra.Command{
		Use:   "log",
		Short: "List and search archived transactions",
		Long: `Lists archived transactions, oldest first: when they were committed (UTC), their GTID, their size, and what they did. What is asked for must all
hold. Segments whose summary shows that they cannot hold it are not read.

Statements are searched by what they do, not by their text: --statement 'DROP DATABASE shop' finds DROP SCHEMA IF EXISTS shop
too. Names without quotes match in any case, and * stands for any part of a name. An exclamation mark shows what destroys data.

Kinds: insert, update and delete find changed rows; ddl finds every statement that is logged as text; create-table, alter-table,
drop-database, truncate and so on find one kind of statement.`,
		Example: `  lastwrite log --destructive
  lastwrite log --from 2h --database shop
  lastwrite log --statement 'DROP TABLE shop.*'
  lastwrite log --from '2026-11-21 14:00' --to '2026-11-21 14:05' --table shop.orders --kind delete --json
  lastwrite log --reverse --limit 20`,
		Args:    noArguments,
		PreRunE: a.begin,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.searchLog(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.from, "from", "", "committed at or after this time, or this long ago (2h)")
	flags.StringVar(&f.to, "to", "", "committed at or before this time, or this long ago")
	flags.StringVar(&f.gtids, "gtid", "", "a GTID or a GTID set")
	flags.StringVar(&f.database, "database", "", "changes something in this database")
	flags.StringVar(&f.table, "table", "", "changes this table: name, or database.name")
	flags.StringSliceVar(&f.kinds, "kind", nil, "does something of this kind; may be given several times")
	flags.StringVar(&f.statement, "statement", "", "has a statement that does this")
	flags.BoolVar(&f.destructive, "destructive", false, "has a statement that destroys data or definitions")
	flags.BoolVar(&f.reverse, "reverse", false, "newest first")
	flags.IntVar(&f.limit, "limit", 0, "at most so many (default: all)")
	return cmd
}

func (a *app) searchLog(ctx context.Context, f logFlags) (err error) {
	q, err := f.query(a.now(), a.zone)
	if err != nil {
		return err
	}
	ar, _, closeStore, err := a.openArchive(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	for found, err := range ar.Transactions(ctx, q) {
		if err != nil {
			return err
		}
		entry := newLogEntry(found)
		if a.json {
			err = a.printLine(entry)
		} else {
			err = a.print("%s\n", entry)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// query reads the flags.
func (f logFlags) query(now time.Time, zone *time.Location) (q archive.Query, err error) {
	q = archive.Query{Schema: f.database, Table: f.table, Destructive: f.destructive, Reverse: f.reverse, Limit: f.limit}
	if q.From, err = parseWhen("--from", f.from, now, zone); err != nil {
		return q, err
	}
	if q.To, err = parseWhen("--to", f.to, now, zone); err != nil {
		return q, err
	}
	if f.limit < 0 {
		return q, usage("--limit must not be negative", "")
	}
	if q.GTIDs, err = binlog.ParseGTIDSet(f.gtids); err != nil {
		return q, fmt.Errorf("read --gtid: %w", err)
	}
	if schema, table, dotted := strings.Cut(f.table, "."); dotted {
		if f.database != "" && f.database != schema {
			return q, usage(fmt.Sprintf("--database %s and --table %s contradict each other", f.database, f.table), "")
		}
		q.Schema, q.Table = schema, table
	}
	if f.statement != "" {
		pattern, err := statement.ParsePattern(f.statement)
		if err != nil {
			return q, fmt.Errorf("read --statement: %w", err)
		}
		q.Pattern = &pattern
	}
	return q, f.addKinds(&q)
}

// addKinds sorts kinds into those of row changes and those of statements.
func (f logFlags) addKinds(q *archive.Query) error {
	for _, kind := range f.kinds {
		switch kind {
		case "insert":
			q.Ops |= binlog.Insert
		case "update":
			q.Ops |= binlog.Update
		case "delete":
			q.Ops |= binlog.Delete
		case "ddl":
			q.Kinds = append(q.Kinds, kind)
		default:
			if _, err := statement.ParseKind(kind); err != nil {
				return usage(fmt.Sprintf("unknown --kind %q", kind), "want insert, update, delete, ddl, or a kind of statement such as create-table, drop-database, truncate, grant")
			}
			q.Kinds = append(q.Kinds, kind)
		}
	}
	if q.Ops != 0 && len(q.Kinds) > 0 {
		return usage("kinds of row changes and kinds of statements cannot be asked for together: no transaction is both", "ask twice")
	}
	return nil
}

// parseWhen reads a time, or how long ago it was; empty is no time.
func parseWhen(flag, text string, now time.Time, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	t, err := pitr.ParseTime(text, zone)
	if err != nil {
		return t, coded(fmt.Errorf("read %s: %w", flag, err), exitUsage, "a time such as '2026-11-21 14:03:11', or a duration such as 90m for so long ago")
	}
	return t, nil
}
