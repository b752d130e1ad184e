package pitr

import (
	"bufio"
	"fmt"
	"io"
	"slices"
)

// Print writes the plan for people, one fact a line. The error is w's.
func (p Plan) Print(w io.Writer) error {
	out := bufio.NewWriter(w)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(out, "  %-9s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintln(out, "Restore plan")
	line("target", "%s", p.Target.Describe())
	line("base", "%s: %s of MySQL %s, taken %s, %s", p.Base.ID, p.Base.Method, p.Base.Server.Version, FormatTime(p.Base.Taken), FormatBytes(p.Base.Bytes))
	if p.Transactions == 0 {
		line("replay", "nothing: the base is the target")
	} else {
		line("replay", "%s, about %s of log", countOf(p.Apply), FormatBytes(p.Bytes))
		line("", "%s", brief(p.Apply))
	}
	if !p.Skip.IsEmpty() {
		line("skip", "%s: %s", countOf(p.Skip), brief(p.Skip))
	}
	printPoint(line, "last", p.Cut.Last)
	printPoint(line, "left out", p.Cut.Next)
	line("result", "gtid_executed = %s", brief(p.Expect))
	for _, note := range slices.Concat(p.Cut.Notes, p.Base.Warnings) {
		line("note", "%s", note)
	}
	return out.Flush()
}

func printPoint(line func(name, format string, args ...any), name string, at *Point) {
	if at == nil {
		return
	}
	text := at.Text
	if text != "" {
		text = "  " + text
	}
	line(name, "%s  %s%s", FormatTime(at.Committed), at.GTID, text)
}

// FormatBytes writes a number of bytes with a binary unit, such as 1.5 GiB.
func FormatBytes(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/(1<<10), 0
	for value >= 1024 && unit < len(byteUnits)-1 {
		value /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f %ciB", value, byteUnits[unit])
}

const byteUnits = "KMGTP"
