package pitr_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lastwrite/pitr"
)

func TestParseTarget(t *testing.T) {
	for text, want := range map[string]string{
		"latest":                                    "latest",
		"before:DROP DATABASE shop":                 "before:DROP DATABASE shop",
		"before: drop table a:b ":                   "before:drop table a:b",
		"before-gtid:" + origin + ":7":              "before-gtid:" + origin + ":7",
		"to-gtid:" + origin + ":Nightly:7":          "to-gtid:" + origin + ":nightly:7",
		"to-time:2026-11-21T14:03:11.00025+02:00":   "to-time:2026-11-21T12:03:11.000250Z",
		"to-time:2026-11-21 14:03:11.000250":        "to-time:2026-11-21T13:03:11.000250Z",
		"to-time:2026-11-21 14:03":                  "to-time:2026-11-21T13:03:00.000000Z",
		"to-time:2026-11-21 14:03:11Z":              "to-time:2026-11-21T14:03:11.000000Z",
		"to-time:2026-11-21 14:03:11.999999 -03:30": "to-time:2026-11-21T17:33:11.999999Z",
	} {
		target, err := pitr.ParseTarget(text, time.FixedZone("here", 3600))
		require.NoError(t, err, text)
		require.Equal(t, want, target.String())
		again, err := pitr.ParseTarget(target.String(), time.UTC)
		require.NoError(t, err)
		require.Equal(t, want, again.String(), "what String writes reads back as itself")
	}
	for _, text := range []string{
		"", "yesterday", "latest:x", "before:", "before-gtid:" + origin, "to-gtid:" + origin + ":1-5", "to-time:", "to-time:14:03",
		"to-time:2026-11-21T14:03:11.0000001Z", "to-time:2026-02-30 10:00:00",
	} {
		_, err := pitr.ParseTarget(text, time.UTC)
		require.ErrorIs(t, err, pitr.ErrTarget, text)
	}
}

func FuzzParseTarget(f *testing.F) {
	f.Add("to-time:2026-11-21T14:03:11.000250Z")
	f.Add("before-gtid:" + origin + ":7")
	f.Fuzz(func(t *testing.T, text string) {
		target, err := pitr.ParseTarget(text, time.UTC)
		if err != nil {
			require.ErrorIs(t, err, pitr.ErrTarget)
			return
		}
		again, err := pitr.ParseTarget(target.String(), time.UTC)
		require.NoError(t, err)
		require.Equal(t, target.String(), again.String())
	})
}
