package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"
)

// show runs a lastwrite command and shows it with what it prints.
func (d *demo) show(ctx context.Context, args ...string) error {
	var quoted []string
	for _, a := range args {
		if strings.Contains(a, " ") {
			a = "'" + a + "'"
		}
		quoted = append(quoted, a)
	}
	d.command(d.short("$ lastwrite " + strings.Join(quoted, " ")))
	cmd := d.side.Command(ctx, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("lastwrite %s: %w", args[0], err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		d.say("%s", d.short(lines.Text()))
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("lastwrite %s: %w", args[0], err)
	}
	return nil
}

// short leaves the lab's directory out of a line.
func (d *demo) short(line string) string { return strings.ReplaceAll(line, d.lab.Dir(), "…") }
