// Command demo runs lastwrite's main job on real MySQL servers and shows it: a database is dropped by mistake while others
// go on being written, is found in the log, restored to just before, and put back into the live server.
//
//	go run ./integration/demo --lastwrite bin/lastwrite
//
// It exits with 0 only if the database is back as it was and nothing else was touched. It leaves nothing behind.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/term"

	"lastwrite/integration/lab"
	"lastwrite/integration/sidecar"
)

func main() {
	program := flag.String("lastwrite", "bin/lastwrite", "the program to show")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *program); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "demo failed:", err)
		os.Exit(1)
	}
}

// demo is one run of the story.
type demo struct {
	*story
	lab     *lab.Lab
	primary *lab.Server
	replica *lab.Server
	side    *sidecar.Sidecar
	program string
	mysqld  string
}

func run(ctx context.Context, program string) (err error) {
	program, err = filepath.Abs(program)
	if err != nil {
		return err
	}
	l, err := lab.Open(ctx, "", zerolog.New(zerolog.ConsoleWriter{Out: os.Stderr, PartsExclude: []string{zerolog.TimestampFieldName}, NoColor: !term.IsTerminal(int(os.Stderr.Fd()))}).Level(zerolog.InfoLevel))
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := l.Close(); err == nil {
			err = closeErr
		}
	}()
	tools, err := l.Tools(ctx)
	if err != nil {
		return err
	}
	d := &demo{story: newStory(os.Stdout), lab: l, program: program, mysqld: tools.Mysqld}
	return d.tell(ctx)
}

// tell runs the chapters in order.
func (d *demo) tell(ctx context.Context) error {
	if err := d.servers(ctx); err != nil {
		return err
	}
	daemon, err := d.side.Start()
	if err != nil {
		return err
	}
	defer daemon.Stop()
	if err := d.archived(ctx); err != nil {
		return err
	}
	if err := d.backup(ctx); err != nil {
		return err
	}

	shop, crm := newWriter(d.primary, "shop"), newWriter(d.primary, "crm")
	stopShop, stopCRM := shop.start(ctx), crm.start(ctx)
	defer stopCRM()
	defer stopShop()
	d.chapter("Customers are buying, colleagues are working")
	if err := waitWritten(ctx, shop, crm); err != nil {
		return err
	}
	if err := stopShop(); err != nil {
		return err
	}
	before, err := fingerprint(ctx, d.primary, "shop")
	if err != nil {
		return err
	}
	d.say("shop now holds %s", before)
	if err := d.mistake(ctx); err != nil {
		return err
	}
	if err := d.rescue(ctx); err != nil {
		return err
	}
	if err := stopCRM(); err != nil {
		return err
	}
	return d.compare(ctx, before, crm)
}

func (d *demo) servers(ctx context.Context) (err error) {
	d.chapter("A primary, a replica, and two databases: shop and crm")
	if d.primary, err = d.lab.MySQL(ctx, lab.Options{Name: "primary", Clone: true}); err != nil {
		return err
	}
	if d.replica, err = d.lab.Replica(ctx, d.primary, lab.Options{Name: "replica"}); err != nil {
		return err
	}
	for _, schema := range []string{"shop", "crm"} {
		if err := fill(ctx, d.primary, schema, 2000); err != nil {
			return err
		}
	}
	if d.side, err = sidecar.New(d.program, d.mysqld, d.lab.Dir(), d.primary); err != nil {
		return err
	}
	version, err := d.primary.Value(ctx, "SELECT VERSION()")
	d.say("MySQL %s at %s, its replica at %s", version, d.primary.Addr(), d.replica.Addr())
	return err
}

// archived waits until everything done so far is in the store.
func (d *demo) archived(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return d.side.WaitArchived(ctx, d.primary)
}

func (d *demo) backup(ctx context.Context) error {
	d.chapter("lastwrite streams the log; one base backup is taken")
	if err := d.show(ctx, "backup", "take", "--method", "clone"); err != nil {
		return err
	}
	return d.show(ctx, "status")
}

func (d *demo) mistake(ctx context.Context) error {
	d.chapter("Somebody is in the wrong window")
	d.command("mysql> DROP DATABASE shop;")
	if err := d.primary.Exec(ctx, "DROP DATABASE shop"); err != nil {
		return err
	}
	d.say("shop is gone on the primary, and on the replica with it. crm goes on being written.")
	gone, err := d.primary.GTIDExecuted(ctx)
	if err != nil {
		return err
	}
	return d.replica.WaitGTID(ctx, gone)
}

func (d *demo) rescue(ctx context.Context) error {
	d.chapter("Find it, restore to just before it, put shop back into the live server")
	if err := d.archived(ctx); err != nil {
		return err
	}
	if err := d.show(ctx, "log", "--destructive"); err != nil {
		return err
	}
	started := time.Now()
	if err := d.show(ctx, "restore", "--before", "DROP DATABASE shop",
		"--target-dir", filepath.Join(d.lab.Dir(), "restored"), "--copy-back", "shop", "--yes"); err != nil {
		return err
	}
	d.say("restore and copy took %s", time.Since(started).Round(100*time.Millisecond))
	return nil
}

func (d *demo) compare(ctx context.Context, before contents, crm *writer) error {
	d.chapter("Is everything back?")
	after, err := fingerprint(ctx, d.primary, "shop")
	if err != nil {
		return err
	}
	d.compareTables(before, after)
	executed, err := d.primary.GTIDExecuted(ctx)
	if err != nil {
		return err
	}
	if err := d.replica.WaitGTID(ctx, executed); err != nil {
		return err
	}
	onReplica, err := fingerprint(ctx, d.replica, "shop")
	if err != nil {
		return err
	}
	if !before.equal(after) || !before.equal(onReplica) {
		return fmt.Errorf("shop is not what it was: %v before, %v now, %v on the replica", before, after, onReplica)
	}
	rows, err := crm.rows(ctx)
	if err != nil {
		return err
	}
	if rows != crm.written() {
		return fmt.Errorf("crm holds %d rows, %d were written", rows, crm.written())
	}
	d.say("crm holds all %d rows that were written to it meanwhile", rows)
	d.done("shop is back, on the primary and on the replica, as it was just before the drop")
	return nil
}
