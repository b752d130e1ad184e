package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"lastwrite/binlog/archive"
	"lastwrite/internal/objstore"
	"lastwrite/pitr"
	"lastwrite/pitr/restore"
	"lastwrite/replica"
)

// Every kind of error has a code, however deep it is wrapped, and what it says takes one line.
func TestErrorsFindTheirExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
	}{
		{errors.New("anything"), exitFailure},
		{archive.ErrFenced, exitFenced},
		{replica.ErrPurged, exitHistory},
		{archive.ErrDiverged, exitHistory},
		{replica.ErrAccessDenied, exitSource},
		{replica.ErrUnreachable, exitSource},
		{archive.ErrNoArchive, exitNotFound},
		{&pitr.MissingError{Reason: pitr.ErrNoBase}, exitNotFound},
		{&pitr.MissingError{Reason: pitr.ErrGap}, exitHistory},
		{&restore.ReplayError{Number: 1062, Text: "Duplicate entry"}, exitProof},
		{objstore.ErrPermission, exitStore},
		{ofStore(fs.ErrPermission), exitStore},
		{ofStore(syscall.ENOSPC), exitStore},
		{ofStore(errors.New("connection refused")), exitStore},
		{fmt.Errorf("%w: %w", archive.ErrSpool, syscall.ENOSPC), exitLocal},
		{restore.ErrNotEmpty, exitLocal},
		{syscall.ENOSPC, exitLocal},
		{coded(archive.ErrNotFound, exitProof, ""), exitProof},
	} {
		code, _ := explain(fmt.Errorf("do something: %w", fmt.Errorf("more: %w", c.err)))
		require.Equal(t, c.code, code, c.err)
	}
	_, advice := explain(ofStore(syscall.ENOSPC))
	require.Contains(t, advice, "make room")
	_, advice = explain(hint(archive.ErrGap, "do %s", "this"))
	require.Equal(t, "do this", advice)
}

func TestReportsAreOneLineAndAHint(t *testing.T) {
	var out strings.Builder
	err := errors.Join(errors.New("first\nsecond"), fmt.Errorf("third: %w", archive.ErrFenced))
	require.Equal(t, exitFenced, report(&out, t.Context(), err))
	require.Equal(t, 2, strings.Count(out.String(), "\n"), out.String())
	require.True(t, strings.HasPrefix(out.String(), "lastwrite: first; second; third: another writer has taken over this archive\nhint: "))
}

func TestAnInterruptionIsNoFailure(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errInterrupted)
	var out strings.Builder
	require.Equal(t, exitInterrupted, report(&out, ctx, fmt.Errorf("restore: %w", context.Canceled)))
	require.Equal(t, "lastwrite: interrupted\n", out.String())
	// What failed for another reason before is still said.
	out.Reset()
	require.Equal(t, exitProof, report(&out, ctx, fmt.Errorf("restore: %w", restore.ErrNotProved)))
}

// A store's errors say that they are a store's, and stay what they were.
func TestTheStoresErrorsAreMarked(t *testing.T) {
	require.NoError(t, ofStore(nil))
	err := fmt.Errorf("get: %w", ofStore(fmt.Errorf("x: %w", objstore.ErrNotExist)))
	require.ErrorIs(t, err, errStore)
	require.ErrorIs(t, err, objstore.ErrNotExist)
	require.NotErrorIs(t, err, errStoreFull)
	require.NotErrorIs(t, ofStore(context.Canceled), errStore)
}
