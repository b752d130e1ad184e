package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"lastwrite/pitr"
)

// lineEvery is how often a stage that goes on says how far it is where no bar can be drawn.
const lineEvery = 10 * time.Second

// progress shows how far a long operation is: a bar for each stage on a terminal, else a line now and then.
type progress struct {
	mu    sync.Mutex
	out   io.Writer
	now   func() time.Time
	draw  bool          // bars, not lines
	bars  *mpb.Progress // of the stages since the beginning or the last finish; nil: none yet
	bar   *mpb.Bar
	stage pitr.Stage
	begun time.Time // of the stage
	said  time.Time // when the last line was written
	done  int64
	total int64
}

// newProgress shows nothing if people want quiet.
func (a *app) newProgress() *progress {
	p := &progress{out: a.stderr, now: a.now}
	switch {
	case a.quiet:
		p.out = io.Discard
	case a.shows:
		p.draw = true
	}
	return p
}

// report is a pitr.Progress.
func (p *progress) report(stage pitr.Stage, done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if stage != p.stage {
		p.next(stage)
	}
	p.done, p.total = done, total
	if p.bar != nil {
		p.bar.SetTotal(total, false)
		p.bar.SetCurrent(done)
		return
	}
	if !p.draw && done > 0 && p.now().Sub(p.said) >= lineEvery {
		p.line("")
	}
}

// next ends the stage at hand and begins another; an empty one is the end.
func (p *progress) next(stage pitr.Stage) {
	if p.stage != "" {
		if p.bar != nil {
			p.bar.SetTotal(-1, true) // what was done is all there was
			p.bar.Wait()
		} else if !p.draw {
			p.total = 0 // what was done is all there was
			p.line(" in " + span(p.now().Sub(p.begun)))
		}
	}
	p.stage, p.begun, p.said, p.bar, p.done, p.total = stage, p.now(), p.now(), nil, 0, 0
	if stage == "" || !p.draw {
		return
	}
	if p.bars == nil {
		p.bars = mpb.New(mpb.WithOutput(p.out), mpb.WithWidth(50), mpb.WithRefreshRate(120*time.Millisecond))
	}
	words, unit := stageWords(stage)
	name := mpb.PrependDecorators(decor.Name(words, decor.WC{W: 26, C: decor.DindentRight}))
	elapsed := decor.Elapsed(decor.ET_STYLE_GO)
	switch unit {
	case uncounted:
		p.bar = p.bars.New(0, mpb.SpinnerStyle().PositionLeft(), name, mpb.BarWidth(2), mpb.AppendDecorators(elapsed))
	case inBytes:
		p.bar = p.bars.AddBar(0, name, mpb.AppendDecorators(decor.CountersKibiByte("% .1f of % .1f"), decor.Name("  "), elapsed))
	default:
		p.bar = p.bars.AddBar(0, name, mpb.AppendDecorators(decor.CountersNoUnit("%d of %d"), decor.Name("  "), elapsed))
	}
}

// line writes how far the stage is.
func (p *progress) line(suffix string) {
	words, unit := stageWords(p.stage)
	text := words
	if p.done > 0 {
		number := func(n int64) string {
			if unit == inBytes {
				return pitr.FormatBytes(n)
			}
			return fmt.Sprint(n)
		}
		text += ": " + number(p.done)
		if p.total > p.done {
			text += " of " + number(p.total)
		}
	}
	fmt.Fprintln(p.out, text+suffix)
	p.said = p.now()
}

// finish ends the last stage. It is called on every way out, before anything else is printed. What is reported afterwards begins anew.
func (p *progress) finish(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		p.next("")
	case p.bar != nil:
		p.bar.Abort(false)
	}
	p.stage, p.bar = "", nil
	if p.bars != nil {
		p.bars.Wait()
		p.bars = nil
	}
}

// unit is what a stage counts.
type unit int

const (
	uncounted unit = iota
	inBytes
	inPieces
)

// stageWords says a stage in words, and what it counts.
func stageWords(stage pitr.Stage) (words string, counts unit) {
	switch stage {
	case pitr.StageCheck:
		return "checking", uncounted
	case pitr.StageClone:
		return "copying the data", inBytes
	case pitr.StageProve:
		return "proving the copy", uncounted
	case pitr.StageUpload:
		return "storing the base", inBytes
	case pitr.StageFetch:
		return "fetching the base", inBytes
	case pitr.StageStart:
		return "starting a server on it", uncounted
	case pitr.StageLoad:
		return "loading the dump", inBytes
	case pitr.StageReplay:
		return "replaying transactions", inPieces
	case pitr.StageShutdown:
		return "shutting it down", uncounted
	case pitr.StageCopy:
		return "copying back", inBytes
	case pitr.StageCompare:
		return "comparing tables", inPieces
	case stageExport:
		return "exporting", inBytes
	case stageVerify:
		return "verifying", inBytes
	}
	return string(stage), uncounted
}

// Stages of commands that are not restores or backups. Both count bytes.
const (
	stageExport pitr.Stage = "export"
	stageVerify pitr.Stage = "verify"
)
