package statement

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever the bytes: no panic, no more effects than the text has room for, the same
// answer twice, transaction control known alike by both ways in, and what the
// grammar calls a loss the keywords do not miss.
func FuzzClassify(f *testing.F) {
	for _, tc := range append(append([]testCase{}, destructive...), harmless...) {
		f.Add([]byte(tc.sql), tc.mode, uint16(0))
	}
	f.Add([]byte("truncate `\x95\x60`"), uint64(0), uint16(28))
	c := New()
	f.Fuzz(func(t *testing.T, sql []byte, mode uint64, charset uint16) {
		ctx := Context{DefaultSchema: "cur", SQLMode: mode, Charset: charset}
		st := c.Classify(sql, ctx)
		require.LessOrEqual(t, len(st.Effects), len(sql))
		require.Equal(t, st, c.Classify(sql, ctx))
		if k := Control(sql); k != KindOther {
			require.Equal(t, []Effect{{Kind: k}}, st.Effects)
		}
		_ = st.String()
		text := decode(sql, charset)
		byWords := read(text, ctx)
		require.LessOrEqual(t, len(byWords), len(text))
		if st.Parsed && st.Destroys() {
			require.True(t, Statement{Effects: byWords}.Destroys(), st.String())
		}
	})
}

// Whatever a person types: an error or a pattern that can be used.
func FuzzParsePattern(f *testing.F) {
	for _, s := range []string{"DROP DATABASE shop", "alter table `a`.b* drop column %", "drop user 'a'@h", "rename table a to b", "drop table ~=*"} {
		f.Add(s)
	}
	st := New().Classify([]byte("alter table shop.orders drop column note, rename to x"), Context{})
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePattern(text)
		if err != nil {
			require.ErrorIs(t, err, ErrPattern)
			return
		}
		p.Matches(st)
		p.Near(st)
	})
}
