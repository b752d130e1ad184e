package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// story writes what happens for somebody who watches.
type story struct {
	out     io.Writer
	color   bool
	started time.Time
	n       int
}

func newStory(out *os.File) *story {
	return &story{out: out, color: term.IsTerminal(int(out.Fd())), started: time.Now()}
}

const (
	bold  = "\033[1m"
	green = "\033[32m"
	blue  = "\033[36m"
	plain = "\033[0m"
)

func (s *story) paint(code, text string) string {
	if !s.color {
		return text
	}
	return code + text + plain
}

func (s *story) chapter(title string) {
	s.n++
	fmt.Fprintf(s.out, "\n%s\n", s.paint(bold, fmt.Sprintf("%d. %s  [%.1fs]", s.n, title, time.Since(s.started).Seconds())))
}

func (s *story) say(format string, args ...any) {
	fmt.Fprintf(s.out, "   %s\n", fmt.Sprintf(format, args...))
}

func (s *story) command(line string) { fmt.Fprintf(s.out, "   %s\n", s.paint(blue, line)) }

func (s *story) done(line string) {
	fmt.Fprintf(s.out, "\n%s\n", s.paint(green, fmt.Sprintf("DONE in %.1fs: %s", time.Since(s.started).Seconds(), line)))
}

func (s *story) compareTables(before, after contents) {
	fmt.Fprintf(s.out, "   %-12s %10s %10s   %12s %12s\n", "table", "rows then", "rows now", "checksum then", "now")
	for i, t := range before.tables {
		var now table
		if i < len(after.tables) {
			now = after.tables[i]
		}
		fmt.Fprintf(s.out, "   %-12s %10d %10d   %12d %12d\n", t.name, t.rows, now.rows, t.checksum.Int64, now.checksum.Int64)
	}
}
