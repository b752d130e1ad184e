package main

import (
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// A wrong argument is refused before anything is fetched.
func TestWrongArgumentIsRefused(t *testing.T) {
	require.ErrorIs(t, run(t.Context(), []string{"mysql", "postgres"}, zerolog.Nop()), errUsage)
}
