package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"lastwrite/pitr"
	"lastwrite/pitr/locate"
)

// targetFlags say which moment is wanted. One of them is given.
type targetFlags struct {
	statement, beforeGTID, toGTID, toTime string
	latest                                bool
	match                                 int
}

func (f *targetFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.statement, "before", "", "just before the statement that does this, such as 'DROP DATABASE shop'")
	flags.IntVar(&f.match, "match", 0, "which one, when several statements match --before (they are listed)")
	flags.StringVar(&f.beforeGTID, "before-gtid", "", "just before this transaction")
	flags.StringVar(&f.toGTID, "to-gtid", "", "up to and with this transaction")
	flags.StringVar(&f.toTime, "to-time", "", "everything up to the first transaction committed after this time (microseconds; local time unless it has a zone)")
	flags.BoolVar(&f.latest, "latest", false, "everything that is archived")
	cmd.MarkFlagsMutuallyExclusive("before", "before-gtid", "to-gtid", "to-time", "latest")
}

func (f targetFlags) parse(zone *time.Location) (pitr.Target, error) {
	switch {
	case f.statement != "":
		return pitr.NewTarget(pitr.KindBeforeStatement, f.statement, zone)
	case f.beforeGTID != "":
		return pitr.NewTarget(pitr.KindBeforeGTID, f.beforeGTID, zone)
	case f.toGTID != "":
		return pitr.NewTarget(pitr.KindToGTID, f.toGTID, zone)
	case f.toTime != "":
		return pitr.NewTarget(pitr.KindToTime, f.toTime, zone)
	case f.latest:
		return pitr.Latest(), nil
	}
	return pitr.Target{}, usage("restore: which moment?", "want one of --before, --before-gtid, --to-gtid, --to-time and --latest")
}

// explain shows the statements among which a person has to choose, or which come near, and says what to do about an error of
// planning.
func (w *restoring) explain(err error) error {
	var several *locate.AmbiguousError
	var none *locate.NotFoundError
	var missing *pitr.MissingError
	switch {
	case errors.As(err, &several):
		w.report.Matches = several.Matches
		w.list("these match:", several.Matches)
		return coded(fmt.Errorf("restore: %w %q: %d", locate.ErrAmbiguous, several.Statement, len(several.Matches)), exitNotFound,
			"choose one: --match N, or --before-gtid GTID")
	case errors.As(err, &none):
		w.report.Near = append(w.report.Near, none.Near...)
		w.list("these come near:", none.Near)
		w.list("these match but changed nothing:", none.NoOps)
		return coded(fmt.Errorf("restore: no archived statement does what was asked for: %q", none.Statement), exitNotFound,
			"`lastwrite log --destructive` lists what destroyed data; --before-gtid takes any of it")
	case errors.As(err, &missing):
		return hint(err, "choose a target inside one of the recovery windows; `lastwrite status` shows them")
	}
	return err
}

// list shows transactions, numbered as --match counts them.
func (w *restoring) list(title string, points []pitr.Point) {
	if len(points) == 0 || w.app.json {
		return
	}
	fmt.Fprintln(w.app.stderr, title)
	for i, p := range points {
		fmt.Fprintf(w.app.stderr, "%4d  %s  %s  %s\n", i+1, when(p.Committed), p.GTID, cut(p.Text, maxLogText))
	}
}
