package main

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lastwrite/pitr"
)

// Without a terminal a stage is one line at its end, and one now and then while it lasts.
func TestStagesAreLinesWithoutATerminal(t *testing.T) {
	out, clock := &safeBuffer{}, time.Unix(0, 0)
	a := &app{environment: environment{stderr: out, now: func() time.Time { return clock }}}
	p := a.newProgress()
	p.report(pitr.StageCheck, 0, 0)
	clock = clock.Add(time.Second)
	p.report(pitr.StageUpload, 1<<20, 4<<20)
	clock = clock.Add(5 * time.Second)
	p.report(pitr.StageUpload, 2<<20, 4<<20)
	clock = clock.Add(6 * time.Second)
	p.report(pitr.StageUpload, 3<<20, 4<<20)
	p.report(pitr.StageReplay, 7, 7)
	p.finish(nil)
	require.Equal(t, "checking in 1s\nstoring the base: 3.0 MiB of 4.0 MiB\nstoring the base: 3.0 MiB in 11s\nreplaying transactions: 7 in 0s\n", out.String())
}

// A part that keeps its progress may report again after everything seemed done, and a failure ends a bar where it stands.
func TestBarsBeginAnewAfterFinish(t *testing.T) {
	out := &safeBuffer{}
	a := &app{environment: environment{stderr: out, now: time.Now, shows: true}}
	p := a.newProgress()
	for _, err := range []error{nil, errors.New("failed"), nil} {
		p.report(pitr.StageFetch, 1, 2)
		p.report(pitr.StageStart, 0, 0)
		p.report(pitr.StageReplay, 1, 2)
		p.finish(err)
	}
	p.finish(nil)
}

func TestQuietIsQuiet(t *testing.T) {
	out := &safeBuffer{}
	a := &app{environment: environment{stderr: out, now: time.Now, shows: true}, quiet: true}
	p := a.newProgress()
	p.report(pitr.StageFetch, 1, 2)
	p.finish(nil)
	a.tell("something")
	require.Empty(t, out.String())
}
