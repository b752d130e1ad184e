// Command setup fetches and builds what tests, demo and benchmarks run against, so that they start without delay
// and without a network: go run ./integration/lab/setup [mysql] [s3] [tools], all of them by default.
//
// Progress goes to standard error; each program's name and path, separated by a tab, to standard output. It exits with 1 if
// something cannot be had on this machine and with 2 on a wrong argument.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/rs/zerolog"
	"golang.org/x/term"

	"lastwrite/integration/lab"
)

// errUsage says that an argument names no component.
var errUsage = errors.New("usage: go run ./integration/lab/setup [mysql] [s3] [tools]")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := zerolog.New(zerolog.ConsoleWriter{Out: os.Stderr, TimeFormat: "15:04:05", NoColor: !term.IsTerminal(int(os.Stderr.Fd()))}).With().Timestamp().Logger()
	if err := run(ctx, os.Args[1:], log); err != nil {
		fmt.Fprintln(os.Stderr, "setup:", err)
		if errors.Is(err, errUsage) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

// run prepares the named components in order.
func run(ctx context.Context, names []string, log zerolog.Logger) error {
	known := []string{"mysql", "s3", "tools"}
	if len(names) == 0 {
		names = known
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return errUsage
		}
	}
	for _, name := range names {
		if err := prepare(ctx, name, log); err != nil {
			return err
		}
	}
	return nil
}

// prepare fetches or builds one component and prints where it is.
func prepare(ctx context.Context, name string, log zerolog.Logger) error {
	switch name {
	case "mysql":
		tools, err := lab.Prepare(ctx, log)
		if err != nil {
			return err
		}
		for _, path := range []string{tools.Mysqld, tools.Mysql, tools.Mysqldump, tools.Mysqlbinlog, tools.Mysqladmin} {
			show(path)
		}
	case "s3":
		path, err := lab.Versitygw(ctx, log)
		if err != nil {
			return err
		}
		show(path)
	case "tools":
		path, err := lab.Staticcheck(ctx, log)
		if err != nil {
			return err
		}
		show(path)
	}
	return nil
}

// show prints a program's name and path.
func show(path string) { fmt.Printf("%s\t%s\n", filepath.Base(path), path) }
