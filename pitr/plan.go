package pitr

import (
	"fmt"
	"slices"

	"lastwrite/binlog"
)

// Plan says what a restore will do. It is made by MakePlan and changed by nobody.
type Plan struct {
	Target Target         `json:"target"`
	Base   Base           `json:"base"`
	Cut    Cut            `json:"cut"`
	Skip   binlog.GTIDSet `json:"skip"`   // transactions left out on request
	Apply  binlog.GTIDSet `json:"apply"`  // transactions to be applied to the base
	Expect binlog.GTIDSet `json:"expect"` // what gtid_executed must be in the end
	// Transactions is the number to be applied. Bytes is the log they take, estimated from the stretch's average.
	Transactions int64 `json:"transactions"`
	Bytes        int64 `json:"bytes_estimate"`
}

// Options are a person's wishes beside the target.
type Options struct {
	Skip binlog.GTIDSet // transactions before the cut that shall not be applied
	Base string         // id of the base to use; empty: the one that leaves the least to apply
}

// MakePlan finds the base for a cut. It returns a *MissingError when the cut cannot be restored, which is
// ErrNoBase, ErrUnknownBase, ErrTooEarly, ErrGap or ErrSkip for errors.Is.
//
// A latest target is answered by a base alone where that is newer than the end of the archive.
func MakePlan(target Target, cut Cut, stretches []Stretch, bases []Base, opts Options) (Plan, error) {
	p := planner{target: target, cut: cut, stretches: stretches, bases: bases, opts: opts}
	if len(bases) == 0 {
		return Plan{}, p.missing(ErrNoBase, "no base backup of this cluster exists")
	}
	candidates, err := p.candidates()
	if err != nil {
		return Plan{}, err
	}
	if err := p.checkSkip(); err != nil {
		return Plan{}, err
	}
	for _, base := range candidates {
		if plan, ok := p.try(base); ok {
			return plan, nil
		}
	}
	return Plan{}, p.explain(candidates)
}

// planner holds the arguments of MakePlan.
type planner struct {
	target    Target
	cut       Cut
	stretches []Stretch
	bases     []Base
	opts      Options
}

// candidates are the bases to try, the one that leaves the least to apply first.
func (p *planner) candidates() ([]Base, error) {
	if p.opts.Base != "" {
		for _, b := range p.bases {
			if b.ID == p.opts.Base {
				return []Base{b}, nil
			}
		}
		return nil, p.missing(ErrUnknownBase, fmt.Sprintf("there is no base backup %s", p.opts.Base))
	}
	sorted := slices.Clone(p.bases)
	slices.SortStableFunc(sorted, func(a, b Base) int {
		if d := b.Executed.Count() - a.Executed.Count(); d != 0 {
			return sign(d)
		}
		return b.Finished.Compare(a.Finished)
	})
	return sorted, nil
}

func sign(d int64) int {
	if d < 0 {
		return -1
	}
	return 1
}

// archived is the set of transactions that can be served for the cut.
func (p *planner) archived() binlog.GTIDSet {
	if p.cut.Stretch < 0 || p.cut.Stretch >= len(p.stretches) {
		return binlog.GTIDSet{}
	}
	return p.stretches[p.cut.Stretch].Added()
}

// checkSkip refuses to skip what would not have been applied anyway: it is a typing error more often than not.
func (p *planner) checkSkip() error {
	if stray := p.opts.Skip.Subtract(p.cut.Executed); !stray.IsEmpty() {
		return p.missing(ErrSkip, fmt.Sprintf("transactions to be skipped are not before the target: %s", stray))
	}
	return nil
}

// try makes the plan for one base if it fits.
func (p *planner) try(base Base) (Plan, bool) {
	cut := p.cut
	if p.target.Kind == KindLatest && p.opts.Skip.IsEmpty() && base.Executed.Contains(cut.Executed) {
		notes := cut.Notes
		cut = CutOfBase(base)
		cut.Notes = notes
	}
	if !cut.Executed.Contains(base.Executed) || !base.Executed.Intersect(p.opts.Skip).IsEmpty() {
		return Plan{}, false
	}
	apply := cut.Executed.Subtract(base.Executed).Subtract(p.opts.Skip)
	if !p.archived().Contains(apply) {
		return Plan{}, false
	}
	plan := Plan{
		Target: p.target, Base: base, Cut: cut, Skip: p.opts.Skip,
		Apply: apply, Expect: cut.Executed.Subtract(p.opts.Skip), Transactions: apply.Count(),
	}
	if plan.Transactions > 0 {
		s := p.stretches[p.cut.Stretch]
		plan.Bytes = int64(float64(s.Bytes) * float64(plan.Transactions) / float64(max(s.Transactions, 1)))
	}
	return plan, true
}
