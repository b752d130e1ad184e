package binlog

import (
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

const (
	uuidA = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
	uuidB = "7b2c1a90-0000-11ef-8000-0242ac120002"
)

func set(t *testing.T, text string) GTIDSet {
	t.Helper()
	s, err := ParseGTIDSet(text)
	require.NoError(t, err)
	return s
}

func TestGTIDSetReadsAndWritesMySQLsNotation(t *testing.T) {
	for in, want := range map[string]string{
		"":                                      "",
		uuidA + ":1":                            uuidA + ":1",
		uuidA + ":1-3:5:4":                      uuidA + ":1-5",
		uuidA + ":7-5":                          "",
		" " + uuidB + ":1-2 ,\n" + uuidA + ":9": uuidA + ":9," + uuidB + ":1-2",
		uuidA + ":1-3:Blue:4-6:7":               uuidA + ":1-3:blue:4-7",
		uuidA + ":blue:1," + uuidA + ":2":       uuidA + ":2:blue:1",
	} {
		require.Equal(t, want, set(t, in).String(), in)
	}
	for _, bad := range []string{"x", uuidA, uuidA + ":", uuidA + ":0", uuidA + ":1-x", uuidA + ":1;2", uuidA + ":9223372036854775807"} {
		_, err := ParseGTIDSet(bad)
		require.ErrorIs(t, err, ErrGTIDSyntax, bad)
	}
}

func TestParseGTIDTakesOneOnly(t *testing.T) {
	g, err := ParseGTID(uuidA + ":blue:17")
	require.NoError(t, err)
	require.Equal(t, uuidA+":blue:17", g.String())
	for _, bad := range []string{"", uuidA + ":1-2", uuidA + ":1," + uuidB + ":1"} {
		_, err := ParseGTID(bad)
		require.ErrorIs(t, err, ErrGTIDSyntax, bad)
	}
}

// The set operations are compared with the same operations on plain maps.
func TestGTIDSetOperationsAgreeWithPlainSets(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	sids := []SID{{UUID: uuid.MustParse(uuidA)}, {UUID: uuid.MustParse(uuidA), Tag: "t"}, {UUID: uuid.MustParse(uuidB)}}
	draw := func() (GTIDSet, map[GTID]bool) {
		plain := map[GTID]bool{}
		b := NewGTIDSetBuilder(GTIDSet{})
		for range rnd.IntN(40) {
			g := GTID{SID: sids[rnd.IntN(len(sids))], N: int64(1 + rnd.IntN(20))}
			require.Equal(t, !plain[g], b.Add(g))
			plain[g] = true
		}
		return b.Set(), plain
	}
	filter := func(keep func(GTID) bool) GTIDSet {
		var out []GTID
		for _, sid := range sids {
			for n := int64(1); n <= 20; n++ {
				if g := (GTID{sid, n}); keep(g) {
					out = append(out, g)
				}
			}
		}
		return NewGTIDSet(out...)
	}
	for range 2000 {
		a, pa := draw()
		b, pb := draw()
		before := a.String()
		require.Equal(t, filter(func(g GTID) bool { return pa[g] || pb[g] }).String(), a.Union(b).String())
		require.Equal(t, filter(func(g GTID) bool { return pa[g] && !pb[g] }).String(), a.Subtract(b).String())
		require.Equal(t, filter(func(g GTID) bool { return pa[g] && pb[g] }).String(), a.Intersect(b).String())
		require.Equal(t, int64(len(pa)), a.Count())
		require.Equal(t, a.Union(b).Equal(a), a.Contains(b))
		for g := range pb {
			require.Equal(t, pa[g], a.Has(g))
		}
		require.Equal(t, before, a.String(), "operations must not change their operands")

		bin, err := a.AppendBinary(nil)
		require.NoError(t, err)
		back, err := DecodeGTIDSet(bin)
		require.NoError(t, err)
		require.True(t, back.Equal(a))
	}
}

func FuzzDecodeGTIDSet(f *testing.F) {
	for _, text := range []string{"", uuidA + ":1-3:5", uuidA + ":1:blue:4"} {
		s, _ := ParseGTIDSet(text)
		bin, _ := s.AppendBinary(nil)
		f.Add(bin)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeGTIDSet(b)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		again, err := ParseGTIDSet(s.String())
		require.NoError(t, err)
		require.True(t, again.Equal(s))
	})
}
