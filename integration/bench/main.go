// Command bench compares lastwrite with what people use today, on real servers, in turn in one run.
//
//	go run ./integration/bench stream   against mysqlbinlog --raw: MB/s and processor time
//	go run ./integration/bench replay   against mysqlbinlog | mysql: the time of a restore
//
// PAIRS (default 5), SIZE (MiB of log, default 512) and ROW (bytes, default 128) or TRANSACTIONS (default 20000) come from the environment. Each ends with a line
// "NAME ratio X.XX (median of N pairs)"; above 1 lastwrite is better.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/term"

	"lastwrite/integration/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	benches := map[string]func(context.Context, *bench) error{"stream": stream, "replay": replay}
	if len(args) != 1 || benches[args[0]] == nil {
		return fmt.Errorf("usage: go run ./integration/bench stream|replay")
	}
	b := &bench{}
	if b.pairs, err = setting("PAIRS", 5); err != nil {
		return err
	}
	if b.lab, err = lab.Open(ctx, "", zerolog.New(zerolog.ConsoleWriter{Out: os.Stderr, PartsExclude: []string{zerolog.TimestampFieldName}, NoColor: !term.IsTerminal(int(os.Stderr.Fd()))}).Level(zerolog.InfoLevel)); err != nil {
		return err
	}
	defer func() {
		if closeErr := b.lab.Close(); err == nil {
			err = closeErr
		}
	}()
	if b.tools, err = b.lab.Tools(ctx); err != nil {
		return err
	}
	if b.program, err = b.lab.Lastwrite(ctx); err != nil {
		return err
	}
	return benches[args[0]](ctx, b)
}

// bench is what both comparisons need.
type bench struct {
	lab     *lab.Lab
	tools   lab.Tools
	program string
	pairs   int
	baseEnd string // of the replay: the last transaction of the base
}

func setting(name string, def int) (int, error) {
	text := os.Getenv(name)
	if text == "" {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%s=%q: want a number above 0", name, text)
	}
	return n, nil
}

// measured is what one run of one side took.
type measured struct {
	wall, cpu time.Duration
	memory    int64 // bytes, the largest resident size
}

// median of at least one value.
func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

func report(name string, ratios []float64) {
	fmt.Printf("%s ratio %.2f (median of %d pairs)\n", name, median(ratios), len(ratios))
}
