package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"lastwrite/binlog"
	"lastwrite/pitr"
)

// printJSON writes one document, indented.
func (a *app) printJSON(document any) error {
	text, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the result: %w", err)
	}
	return a.print("%s\n", text)
}

// printLine writes one document on one line.
func (a *app) printLine(document any) error {
	text, err := json.Marshal(document)
	if err != nil {
		return fmt.Errorf("encode the result: %w", err)
	}
	return a.print("%s\n", text)
}

// print writes to standard output. A reader that has gone away (a pager that was left) is an error like any other.
func (a *app) print(format string, args ...any) error {
	if _, err := fmt.Fprintf(a.stdout, format, args...); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// tell writes a line to standard error for people, unless they want quiet.
func (a *app) tell(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.stderr, format+"\n", args...)
	}
}

// table writes rows in columns; the first row is the heading.
func table(w io.Writer, rows [][]string) error {
	out := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, row := range rows {
		// tabwriter pads the last column too unless its cell is not ended.
		fmt.Fprintln(out, strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// field is a line "name: value" of a report.
type field struct{ name, value string }

// fields writes lines with their values in one column. A field without a name continues the one above; one without a value is left out.
func fields(w io.Writer, indent string, list []field) error {
	width := 0
	for _, f := range list {
		if f.value != "" {
			width = max(width, len(f.name))
		}
	}
	for _, f := range list {
		if f.value == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s%-*s  %s\n", indent, width, f.name, f.value); err != nil {
			return fmt.Errorf("write the result: %w", err)
		}
	}
	return nil
}

// when writes a time for people: UTC, microseconds, as it can be typed back.
func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return pitr.FormatTime(t)
}

// span writes a duration for people, in at most two units.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	case d < 48*time.Hour:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}

// count writes "1 transaction" or "2 transactions".
func count[N int | int64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// shortSet writes a GTID set for people, cut where it is long.
func shortSet(s binlog.GTIDSet) string {
	const most = 200
	text := s.String()
	if text == "" {
		return "(none)"
	}
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}

// cut shortens a text to a number of characters and puts it on one line.
func cut(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
