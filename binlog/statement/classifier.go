package statement

import (
	"unicode/utf8"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"
	// The parser builds literals through a driver; this is the small one, which
	// does not bring the database along.
	_ "github.com/pingcap/tidb/pkg/parser/test_driver"
)

const (
	// maxGrammar is the longest text given to the grammar, in bytes. For each of them
	// it takes about 100 ns and 30 bytes of garbage, so this is some 25 ms.
	maxGrammar = 256 << 10
	// maxRead is how much of a longer text is read by keywords, in bytes. What a
	// statement does stands at its beginning; only a list of thousands of names or
	// clauses could go on behind this.
	maxRead = 4 << 20
)

// Classifier reads texts. It is not safe for concurrent use (the parser inside is
// not): give each goroutine its own.
type Classifier struct {
	parser *parser.Parser
}

// New returns a Classifier. It costs some tens of microseconds.
func New() *Classifier {
	return &Classifier{parser: parser.New()}
}

// Classify says what the text does. It never fails: what cannot be understood is an
// effect of KindOther. The result holds copies of names and keeps nothing of sql.
func (c *Classifier) Classify(sql []byte, ctx Context) Statement {
	if k := Control(sql); k != KindOther {
		return Statement{Effects: []Effect{{Kind: k}}, Parsed: true}
	}
	if len(sql) > maxGrammar {
		if len(sql) > maxRead {
			sql = sql[:maxRead]
		}
		return Statement{Effects: read(decode(sql, ctx.Charset), ctx)}
	}
	text := decode(sql, ctx.Charset)
	if !utf8.Valid(text) { // the grammar would put "?" into names
		return Statement{Effects: read(text, ctx)}
	}
	nodes, ok := c.parse(clean(text, ctx.SQLMode), ctx.SQLMode)
	if !ok {
		return Statement{Effects: read(text, ctx)}
	}
	g := grammar{schema: ctx.DefaultSchema}
	for _, n := range nodes {
		g.statement(n)
	}
	return Statement{Effects: g.effects, Parsed: true}
}

// parse asks the grammar. The parser is a generated one of 200,000 lines fed with
// texts from anywhere: a panic in it costs the parser, not the process.
func (c *Classifier) parse(sql []byte, sqlMode uint64) (nodes []ast.StmtNode, ok bool) {
	defer func() {
		if recover() != nil {
			c.parser = parser.New()
			nodes, ok = nil, false
		}
	}()
	c.parser.SetSQLMode(mysql.SQLMode(sqlMode))
	nodes, _, err := c.parser.ParseSQL(string(sql))
	return nodes, err == nil
}
