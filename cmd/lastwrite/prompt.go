package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"
)

// confirm asks before something is done that cannot be undone. Without a terminal nobody can answer: then --yes must have been given.
func (a *app) confirm(ctx context.Context, yes bool, question string) error {
	if yes {
		return nil
	}
	if !a.asks {
		return usage("not confirmed: "+question, "say --yes to do it without being asked")
	}
	fmt.Fprintf(a.stderr, "%s [yes/no] ", question)
	answers := make(chan string, 1)
	go func() { // ends with the process if nobody answers: a read from a terminal cannot be taken back
		line, _ := bufio.NewReader(a.stdin).ReadString('\n')
		answers <- line
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(a.stderr)
		return context.Cause(ctx)
	case answer := <-answers:
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "yes", "y":
			return nil
		}
	}
	return usage("not confirmed, nothing was changed", "")
}
