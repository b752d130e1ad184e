package main

import (
	"fmt"
	"io"
	"time"

	"lastwrite/binlog"
	"lastwrite/pitr"
)

// print writes the report for people.
func (r *statusReport) print(w io.Writer) error {
	p := &printer{w: w}
	p.fields("", []field{{"cluster", r.Cluster}, {"store", r.Store}})
	r.printDaemon(p)
	r.printArchive(p)
	r.printSource(p)
	r.printBases(p)
	p.heading("warnings")
	if len(r.Warnings) == 0 {
		p.line("  none")
	}
	for _, text := range r.Warnings {
		p.line("  ! " + text)
	}
	return p.err
}

// printer writes until something fails.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(text string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, text)
	}
}

func (p *printer) heading(text string) { p.line("\n" + text) }

func (p *printer) fields(indent string, list []field) {
	if p.err == nil {
		p.err = fields(p.w, indent, list)
	}
}

func (r *statusReport) printDaemon(p *printer) {
	p.heading("daemon")
	d := r.Daemon
	if d == nil {
		p.line("  none answers in this spool directory")
		return
	}
	spool := fmt.Sprintf("%s of %s", pitr.FormatBytes(d.Spool.Bytes), pitr.FormatBytes(d.Spool.Max))
	if d.Spool.Pending > 0 {
		spool += fmt.Sprintf(", %s not stored yet", count(d.Spool.Pending, "segment"))
	}
	p.fields("  ", []field{
		{"running", fmt.Sprintf("pid %d since %s, epoch %d", d.PID, when(d.Started), d.Epoch)},
		{"stream", fmt.Sprintf("%s %s since %s, at %s", d.Stream.Phase, d.Stream.Source, when(d.Stream.Since), d.Stream.Received)},
		{"rate", pitr.FormatBytes(int64(d.Stream.BytesPerSecond)) + "/s"},
		{"stored", stored(d.Spool)},
		{"spool", spool},
		{"requests", d.Requests.String()},
	})
}

func stored(s spoolStatus) string {
	if s.Stored == "" {
		return ""
	}
	if s.StoredAt.IsZero() {
		return "up to " + s.Stored
	}
	return fmt.Sprintf("up to %s, at %s", s.Stored, when(s.StoredAt))
}

func (r *statusReport) printArchive(p *printer) {
	p.heading("archive")
	a := r.Archive
	if a == nil {
		p.line("  nothing is archived of this cluster")
		return
	}
	end := "-"
	if a.File != "" {
		end = fmt.Sprintf("%s of server %s, last commit %s", binlog.Position{File: a.File, Offset: a.Offset}, a.Server, when(a.Committed))
	}
	p.fields("  ", []field{
		{"log", fmt.Sprintf("%s in %s, %s (%s stored)", count(a.Transactions, "transaction"), count(a.Segments, "segment"), pitr.FormatBytes(a.Bytes), pitr.FormatBytes(a.Stored))},
		{"ends at", end},
		{"executed", shortSet(a.Executed)},
		{"writer", fmt.Sprintf("epoch %d, claimed by %s at %s", a.Epoch, a.Holder, when(a.HeldSince))},
	})
	for _, g := range a.Gaps {
		p.line(fmt.Sprintf("  gap: %s missing between %s and %s", count(g.Count, "transaction"), when(g.After), when(g.Before)))
	}
}

func (r *statusReport) printSource(p *printer) {
	s := r.Source
	if s == nil {
		return
	}
	p.heading("source")
	lag := "none: everything it has executed is archived"
	switch {
	case !s.Reachable:
		lag = "unknown: it does not answer"
	case s.Transactions > 0 && s.Seconds > 0:
		lag = fmt.Sprintf("%s, at most %s", count(s.Transactions, "transaction"), span(time.Duration(s.Seconds*float64(time.Second))))
	case s.Transactions > 0:
		lag = count(s.Transactions, "transaction")
	}
	p.fields("  ", []field{{"address", s.Address}, {"lag", lag}})
}

func (r *statusReport) printBases(p *printer) {
	p.heading("base backups")
	if len(r.Bases) == 0 {
		p.line("  none")
	} else if p.err == nil {
		p.err = table(p.w, baseRows(r.Bases, "  "))
	}
	p.heading("recovery windows: any moment in these can be restored")
	if len(r.Windows) == 0 {
		p.line("  none")
	}
	for _, w := range r.Windows {
		p.line("  " + w.String())
	}
}

// baseRows is a table of base backups.
func baseRows(bases []pitr.Base, indent string) [][]string {
	rows := [][]string{{indent + "ID", "METHOD", "TAKEN", "DATA", "STORED", "MYSQL", "TRANSACTIONS"}}
	for _, b := range bases {
		rows = append(rows, []string{
			indent + b.ID, string(b.Method), when(b.Taken), pitr.FormatBytes(b.Bytes), pitr.FormatBytes(b.Stored), b.Server.Version, fmt.Sprint(b.Executed.Count()),
		})
	}
	return rows
}
