package statement

import (
	"errors"
	"fmt"
	"strings"
)

// ErrPattern is the error of a pattern that is not understood.
var ErrPattern = errors.New("not a statement to look for")

const patternHelp = `write a verb and names, as in "DROP DATABASE shop", "DROP TABLE shop.orders", ` +
	`"TRUNCATE shop.orders" or "ALTER TABLE shop.orders DROP COLUMN note"; ` +
	`* stands for any part of a name, and a table without a database is looked for in all of them`

// Pattern names statements in the words of the statements themselves, as far as
// the objects: "DROP DATABASE shop", "DROP TABLE orders", "ALTER TABLE shop.orders
// DROP PARTITION p*". The zero Pattern matches nothing.
//
// A pattern is compared with effects and objects, not with text: DROP SCHEMA is
// DROP DATABASE, comments and IF EXISTS do not matter, and of a statement with
// several objects one has to fit each that the pattern names.
//
//   - Names without quotes match in any case (servers differ in whether they fold
//     it), and "*" or "%" in them stands for any run of characters.
//   - Names in backticks or quotes match exactly, case included, and hold no wildcards.
//   - A name without a database is looked for in all databases; a verb without a
//     name ("DROP TABLE") matches every statement of that kind.
//   - A user without a host is looked for on all hosts.
//
// A pattern does not match what came about another way: "DROP TABLE shop.orders" is
// not met by DROP DATABASE shop, nor by TRUNCATE. Near tells of those.
type Pattern struct {
	text    string
	effects []Effect // their names are marked, see mark
}

// ParsePattern reads a pattern. Its errors wrap ErrPattern and fit on one line.
func ParsePattern(text string) (Pattern, error) {
	p := Pattern{text: strings.TrimSpace(text)}
	r := reader{scan: newScanner([]byte(p.text), modeANSIQuotes), pattern: true}
	r.scan.wild = true
	r.advance()
	if r.end() {
		return Pattern{}, fmt.Errorf("parse pattern: %w: it is empty: %s", ErrPattern, patternHelp)
	}
	r.statement()
	r.acceptPunct(';')
	if r.tok.kind != tokenEnd {
		r.pass()
	}
	p.effects = r.effects
	switch {
	case len(p.effects) == 0 || p.effects[0].Kind == KindOther:
		return Pattern{}, fmt.Errorf("parse pattern %q: %w: %s", p.text, ErrPattern, patternHelp)
	case r.ignored != "":
		return Pattern{}, fmt.Errorf("parse pattern %q: %w: do not know what to do with %q: %s",
			p.text, ErrPattern, r.ignored, patternHelp)
	}
	return p, nil
}

// String returns the pattern as it was typed.
func (p Pattern) String() string { return p.text }

// Matches reports whether the statement does all that the pattern says.
func (p Pattern) Matches(st Statement) bool {
	for _, want := range p.effects {
		if !meets(want, st.Effects) {
			return false
		}
	}
	return len(p.effects) > 0
}

// Near reports whether the statement does not match but destroyed, or renamed, what
// the pattern names or something in or around it: for "DROP TABLE shop.orders" that
// is DROP DATABASE shop, TRUNCATE shop.orders or RENAME TABLE shop.orders TO … It
// is for a hint when nothing matches.
func (p Pattern) Near(st Statement) bool {
	if p.Matches(st) {
		return false
	}
	for _, e := range st.Effects {
		if !e.Destroys && e.Kind != KindRenameTable && e.Kind != KindRenameUser {
			continue
		}
		for _, want := range p.effects {
			if overlap(want.Objects, e.Objects) {
				return true
			}
		}
	}
	return false
}

func meets(want Effect, effects []Effect) bool {
	for _, e := range effects {
		if e.Kind == want.Kind && matchDetail(want.Detail, e.Detail) && matchObjects(want, e) {
			return true
		}
	}
	return false
}

func matchObjects(want, e Effect) bool {
	inOrder := e.Kind == KindRenameTable || e.Kind == KindRenameUser
	for i, w := range want.Objects {
		found := false
		for j, o := range e.Objects {
			if (!inOrder || i == j) && matchObject(w, o) {
				found = true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

func matchObject(want, o Object) bool {
	return want.Class == o.Class && matchName(want.Schema, o.Schema) && matchName(want.Name, o.Name)
}

// overlap reports whether one list has an object that is in the other, or a
// database with something of the other in it.
func overlap(want, objects []Object) bool {
	for _, w := range want {
		for _, o := range objects {
			if matchObject(w, o) {
				return true
			}
			oneIsDatabase := (w.Class == ClassDatabase) != (o.Class == ClassDatabase)
			if oneIsDatabase && w.Schema != "" && o.Schema != "" && matchName(w.Schema, o.Schema) {
				return true
			}
		}
	}
	return false
}

// matchDetail compares details: the verb as it is, the name behind it, which is the
// only marked thing in one, as a name.
func matchDetail(want, detail string) bool {
	i := strings.IndexAny(want, string(markExact)+string(markWild))
	if i < 0 {
		return want == "" || want == detail
	}
	name, ok := strings.CutPrefix(detail, want[:i])
	return ok && matchName(want[i:], name)
}

// A name in a pattern carries in its first byte how it is to be compared. These
// bytes occur in no detail's verb.
const (
	markExact = '='
	markWild  = '~'
)

func mark(name string, wild bool) string {
	if wild {
		return string(markWild) + strings.ReplaceAll(strings.ToLower(name), "%", "*")
	}
	return string(markExact) + name
}

// matchName compares a marked name; an empty one matches everything.
func matchName(marked, name string) bool {
	switch {
	case marked == "":
		return true
	case marked[0] == markExact:
		return marked[1:] == name
	case !strings.Contains(marked, "*"):
		return strings.EqualFold(marked[1:], name)
	}
	return glob(marked[1:], strings.ToLower(name))
}

// glob compares a name with a pattern in which "*" stands for any run of bytes.
func glob(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	last := len(parts) - 1
	name, ok := strings.CutPrefix(name, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1:last] {
		_, after, found := strings.Cut(name, part)
		if !found {
			return false
		}
		name = after
	}
	return strings.HasSuffix(name, parts[last])
}
