package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"lastwrite/internal/objstore"
)

const (
	writers = 32
	rounds  = 15
)

// contest lets n writers attempt the same conditional write at the same moment and
// returns the one content that won, with its version.
func contest(t *testing.T, s objstore.Store, n int, key string, cond objstore.Cond, body func(i int) []byte) ([]byte, objstore.Version) {
	t.Helper()
	versions, errs := make([]objstore.Version, n), make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			content := objstore.Bytes(body(i))
			<-start
			versions[i], errs[i] = s.PutIf(t.Context(), key, content, cond)
		})
	}
	close(start)
	wg.Wait()
	winner := -1
	for i, err := range errs {
		if err == nil {
			require.Equal(t, -1, winner, "writers %d and %d both won", winner, i)
			winner = i
			continue
		}
		require.ErrorIs(t, err, objstore.ErrPrecondition)
	}
	require.NotEqual(t, -1, winner, "nobody won")
	return body(winner), versions[winner]
}

func raceAbsent(t *testing.T, s objstore.Store) {
	for round := range rounds {
		key := fmt.Sprintf("race/%03d", round)
		content, v := contest(t, s, writers, key, objstore.IfAbsent(), func(i int) []byte {
			return fmt.Appendf(nil, "round %d writer %d", round, i)
		})
		same(t, s, key, content, v)
	}
	require.Len(t, list(t, s, "race/", ""), rounds)
}

func raceMatch(t *testing.T, s objstore.Store) {
	v := put(t, s, "race/lease", "start")
	for round := range rounds {
		var content []byte
		content, v = contest(t, s, writers, "race/lease", objstore.IfMatch(v), func(i int) []byte {
			return fmt.Appendf(nil, "round %d writer %d", round, i)
		})
		same(t, s, "race/lease", content, v)
	}
}

func largeRace(t *testing.T, s objstore.Store) {
	if testing.Short() {
		t.Skip("large objects")
	}
	contents := make([][]byte, 3)
	for i := range contents {
		contents[i] = noise(17<<20+i, uint64(10+i))
	}
	content, v := contest(t, s, len(contents), "race/large", objstore.IfAbsent(), func(i int) []byte { return contents[i] })
	same(t, s, "race/large", content, v)
}

// counter: each successful compare-and-swap is counted exactly once. What is written
// says who writes it, as with everything that writers compete for.
func counter(t *testing.T, s objstore.Store) {
	const workers, steps = 8, 12
	put(t, s, "counter", "0 start")
	var unsure atomic.Int64 // of these a write may have landed, and been replaced since
	var group errgroup.Group
	for worker := range workers {
		group.Go(func() error {
			for done := 0; done < steps; {
				content, info, err := objstore.ReadAll(t.Context(), s, "counter", 100)
				if err != nil {
					return err
				}
				next := fmt.Sprintf("%d by worker %d, step %d", number(content)+1, worker, done)
				_, err = s.PutIf(t.Context(), "counter", text(next), objstore.IfMatch(info.Version))
				switch {
				case err == nil:
					done++
				case !errors.Is(err, objstore.ErrPrecondition):
					return err
				case !objstore.Definite(err):
					unsure.Add(1)
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	content, _ := read(t, s, "counter")
	require.GreaterOrEqual(t, number([]byte(content)), workers*steps)
	require.LessOrEqual(t, number([]byte(content)), workers*steps+int(unsure.Load()))
}

// number is the number that a content begins with.
func number(content []byte) (n int) {
	_, _ = fmt.Sscanf(string(content), "%d ", &n)
	return n
}

// replaced: a reader gets one content or another, never a mixture, and never a
// version that is newer than its content.
func replaced(t *testing.T, s objstore.Store) {
	const contents, size, readers = 30, 300_000, 4
	content := func(i int) []byte { return bytes.Repeat([]byte{byte('A' + i)}, size+i) }
	order := map[objstore.Version]int{put(t, s, "k", string(content(0))): 0}
	type sight struct {
		version objstore.Version
		content int
	}
	sights := make([][]sight, readers)
	var group errgroup.Group
	stop := make(chan struct{})
	for r := range readers {
		group.Go(func() error {
			for {
				got, info, err := objstore.ReadAll(t.Context(), s, "k", 1<<20)
				if err != nil {
					return err
				}
				i := int(got[0] - 'A')
				if !bytes.Equal(got, content(i)) {
					return fmt.Errorf("mixed content of %d bytes", len(got))
				}
				sights[r] = append(sights[r], sight{info.Version, i})
				select {
				case <-stop:
					return nil
				default:
				}
			}
		})
	}
	for i := 1; i < contents; i++ {
		v, err := s.Put(t.Context(), "k", objstore.Bytes(content(i)))
		require.NoError(t, err)
		order[v] = i
	}
	close(stop)
	require.NoError(t, group.Wait())
	for _, seen := range slices.Concat(sights...) {
		// A Put that was sent twice has written a version that nobody was told of.
		if written, known := order[seen.version]; known {
			require.LessOrEqual(t, written, seen.content, "a version newer than the content")
		}
	}
}
