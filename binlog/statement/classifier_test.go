package statement

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// effectLines writes effects in one line each: "!" for one that destroys, the kind,
// each object with its class, the detail.
func effectLines(effects []Effect) []string {
	var lines []string
	for _, e := range effects {
		var b strings.Builder
		if e.Destroys {
			b.WriteString("! ")
		}
		b.WriteString(e.Kind.String())
		for _, o := range e.Objects {
			b.WriteString(" " + o.Class.String() + ":" + o.String())
		}
		if e.Detail != "" {
			b.WriteString(": " + e.Detail)
		}
		lines = append(lines, b.String())
	}
	return lines
}

func (c testCase) context() Context { return Context{DefaultSchema: "cur", SQLMode: c.mode} }

// Every text does what its table row says, and the grammar reads those it is said to read.
func TestClassify(t *testing.T) {
	c := New()
	for _, tc := range append(append([]testCase{}, destructive...), harmless...) {
		t.Run(tc.name, func(t *testing.T) {
			st := c.Classify([]byte(tc.sql), tc.context())
			require.Equal(t, tc.want, effectLines(st.Effects), tc.sql)
			require.Equal(t, tc.grammar, st.Parsed, "read by the grammar")
			require.Equal(t, strings.Contains(strings.Join(tc.want, " "), "!"), st.Destroys())
		})
	}
}

// The keywords alone say the same as the grammar, for every text of the tables.
func TestReadersAgree(t *testing.T) {
	for _, tc := range append(append([]testCase{}, destructive...), harmless...) {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, effectLines(read([]byte(tc.sql), tc.context())), tc.sql)
		})
	}
}

// Control knows transaction control from everything else, in the same words as Classify.
func TestControl(t *testing.T) {
	c := New()
	for _, tc := range append(append([]testCase{}, destructive...), harmless...) {
		st := c.Classify([]byte(tc.sql), tc.context())
		want := KindOther
		if len(st.Effects) == 1 && st.Kind().Control() {
			want = st.Kind()
		}
		require.Equal(t, want, Control([]byte(tc.sql)), tc.sql)
	}
	for _, sql := range []string{"BEGIN; DROP TABLE t", "BEGIN NOT ATOMIC drop table t; END", "COMMITTED", "XA RECOVER", "ROLLBACK x", "begin`"} {
		require.Equal(t, KindOther, Control([]byte(sql)), sql)
	}
	sql := []byte("/* x */ rollback to savepoint `s`")
	require.Zero(t, testing.AllocsPerRun(100, func() { Control(sql) }))
}

// A text that ends inside anything, is deeply nested or very long is classified in
// little time and never with a panic.
func TestHostileTexts(t *testing.T) {
	c := New()
	for name, tc := range map[string]struct{ sql, want string }{
		"200k parentheses":      {"select " + strings.Repeat("(", 200_000) + "1" + strings.Repeat(")", 200_000), "other"},
		"open parentheses":      {"alter table t add " + strings.Repeat("(", 1_000_000), "alter-table table:cur.t"},
		"nested executed":       {strings.Repeat("/*!50000 ", 100_000) + "drop database a", "! drop-database database:a"},
		"long insert":           {"insert into t values " + strings.Repeat("('x''\\'; drop database a'),", 400_000) + "(1)", "insert table:cur.t"},
		"long list":             {"drop table a" + strings.Repeat("/**/", 1<<20), "! drop-table table:cur.a"},
		"stars":                 {strings.Repeat("*/", 1<<20), "other"},
		"dashes":                {"drop database a " + strings.Repeat("-- ", 100_000), "! drop-database database:a"},
		"quotes":                {"drop table " + strings.Repeat("`", 99_999), "! drop-table table:cur." + strings.Repeat("`", 49_999)},
		"many clauses":          {"alter table t " + strings.Repeat("add c int, ", 300_000) + "drop column d", "! alter-table table:cur.t: drop column d"},
		"blanks of every kind":  {strings.Repeat("\x00\v\f\r\n\t ", 100_000) + "truncate t", "! truncate table:cur.t"},
		"every word a modifier": {"create " + strings.Repeat("unique ", 500_000) + "index i on t (a)", "create-index index:cur.i table:cur.t"},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			st := c.Classify([]byte(tc.sql), Context{DefaultSchema: "cur"})
			require.Less(t, time.Since(start), 10*time.Second)
			require.Len(t, st.Effects, 1)
			require.Equal(t, tc.want, effectLines(st.Effects)[0])
		})
	}
}

// What stands before a long text's cut is understood, and the caller is told that it was cut.
func TestLongTextIsNotParsed(t *testing.T) {
	sql := "delete from t where id in (" + strings.Repeat("1,", maxGrammar) + "1)"
	st := New().Classify([]byte(sql), Context{DefaultSchema: "cur"})
	require.Equal(t, []string{"delete table:cur.t"}, effectLines(st.Effects))
	require.False(t, st.Parsed)
}

// A panic inside the parser costs nothing but the parser.
func TestPanicOfParser(t *testing.T) {
	c := &Classifier{} // a nil parser panics
	st := c.Classify([]byte("drop database a"), Context{})
	require.Equal(t, []string{"! drop-database database:a"}, effectLines(st.Effects))
	require.False(t, st.Parsed)
	st = c.Classify([]byte("drop database a"), Context{})
	require.True(t, st.Parsed, "a new parser takes its place")
}

// One classifier serves events of different sql_mode in turn.
func TestSQLModePerEvent(t *testing.T) {
	c := New()
	for range 2 {
		st := c.Classify([]byte(`drop database "a7"`), Context{SQLMode: modeANSIQuotes})
		require.Equal(t, []string{"! drop-database database:a7"}, effectLines(st.Effects))
		st = c.Classify([]byte(`insert into t values ("a7")`), Context{})
		require.Equal(t, []string{"insert table:t"}, effectLines(st.Effects))
		require.True(t, st.Parsed)
	}
}

// Statements travel as JSON with stable names, and come back.
func TestJSON(t *testing.T) {
	st := New().Classify([]byte("alter table shop.orders drop column note"), Context{})
	text, err := json.Marshal(st)
	require.NoError(t, err)
	require.JSONEq(t, `{"effects":[{"kind":"alter-table","destroys":true,"objects":[{"class":"table","schema":"shop","name":"orders"}],
		"detail":"drop column note"}],"parsed":true}`, string(text))
	var back Statement
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, st, back)
	require.Equal(t, "alter-table shop.orders: drop column note", back.String())
}

// Every kind and class has a name of its own, and the name leads back to it.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for k := range kindEnd {
		text, err := k.MarshalText()
		require.NoError(t, err)
		require.NotEmpty(t, text)
		require.False(t, seen[string(text)], "%s twice", text)
		seen[string(text)] = true
		var back Kind
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, k, back)
	}
	for c := range classEnd {
		text, err := c.MarshalText()
		require.NoError(t, err)
		require.NotEmpty(t, text)
		var back Class
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, c, back)
	}
	_, err := kindEnd.MarshalText()
	require.Error(t, err)
	_, err = classEnd.MarshalText()
	require.Error(t, err)
	require.Error(t, new(Kind).UnmarshalText([]byte("drop-everything")))
	require.Error(t, new(Class).UnmarshalText([]byte("thing")))
}
