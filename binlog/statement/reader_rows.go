package statement

import "slices"

// rows reads statements that change rows. It reports whether this is one.
func (r *reader) rows() bool {
	switch {
	case r.accept("INSERT"):
		r.insert(KindInsert)
	case r.accept("REPLACE"):
		r.insert(KindReplace)
	case r.accept("UPDATE"):
		r.update(nil)
	case r.accept("DELETE"):
		r.delete(nil)
	case r.accept("WITH"):
		r.with()
	case r.accept("LOAD", "DATA"), r.accept("LOAD", "XML"):
		for !r.end() && !r.accept("INTO", "TABLE") {
			r.pass()
		}
		r.one(KindLoad, false, ClassTable)
	case r.accept("CALL"):
		r.one(KindCall, false, ClassProcedure)
	default:
		return false
	}
	return true
}

func (r *reader) insert(kind Kind) {
	r.acceptAny("LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE")
	r.accept("INTO")
	r.one(kind, false, ClassTable)
}

// with reads common table expressions and the statement behind them. Their names
// are not tables.
func (r *reader) with() {
	r.accept("RECURSIVE")
	var names []string
	for {
		n, ok := r.name()
		if !ok {
			break
		}
		names = append(names, n)
		if r.isPunct('(') {
			r.passParens()
		}
		r.accept("AS")
		r.passParens()
		if !r.acceptPunct(',') {
			break
		}
	}
	switch {
	case r.accept("UPDATE"):
		r.update(names)
	case r.accept("DELETE"):
		r.delete(names)
	default:
		r.emit(KindOther, false)
	}
}

func (r *reader) update(ctes []string) {
	r.acceptAny("LOW_PRIORITY", "IGNORE")
	from := r.references(ctes)
	e := Effect{Kind: KindUpdate, Objects: from.objects}
	if !from.joined && !r.pattern && !r.limited() {
		e.Detail = everyRow
	}
	r.effects = append(r.effects, e)
}

// delete reads the three forms: FROM t; t, u FROM references; FROM t, u USING references.
func (r *reader) delete(ctes []string) {
	r.acceptAny("LOW_PRIORITY", "QUICK", "IGNORE")
	leading := r.accept("FROM")
	targets, named := r.targets()
	e := Effect{Kind: KindDelete}
	if leading && !r.is("USING") {
		e.Objects = targets
		if !r.pattern && !r.limited() {
			e.Destroys, e.Detail = true, everyRow
		}
	} else {
		r.advance() // FROM or USING
		from := r.references(ctes)
		for i, t := range targets {
			e.Objects = append(e.Objects, from.resolve(named[i], t))
		}
	}
	r.effects = append(r.effects, e)
}

// targets reads a list of "t", "s.t", "t.*" or "s.t.*", and for each the schema
// that it names, if it does.
func (r *reader) targets() (objects []Object, schemas []string) {
	for {
		ahead := r.scan
		o, ok := r.object(ClassTable)
		if !ok {
			return objects, schemas
		}
		schema := ""
		if dot := ahead.next(); ahead.punct(dot, '.') && !ahead.punct(ahead.next(), '*') {
			schema = o.Schema
		}
		r.acceptPunct('.')
		r.acceptPunct('*')
		objects, schemas = append(objects, o), append(schemas, schema)
		if !r.acceptPunct(',') {
			return objects, schemas
		}
	}
}

// limited reports whether a WHERE or LIMIT stands in the rest of the statement,
// outside parentheses, and moves to its end.
func (r *reader) limited() bool {
	found := false
	for !r.end() {
		switch {
		case r.isPunct('('):
			r.passParens()
			continue
		case r.is("WHERE"), r.is("LIMIT"):
			found = true
		}
		r.advance()
	}
	return found
}

// references reads table references up to the clause behind them and returns the
// base tables. Where a table may stand: at the beginning, behind a comma or JOIN,
// and in parentheses that open in such a place.
func (r *reader) references(ctes []string) *sources {
	var s sources
	expect := true
	for !r.end() && !r.is("SET") && !r.is("WHERE") && !r.is("ORDER") && !r.is("LIMIT") {
		switch {
		case r.isPunct('(') && expect:
			r.advance()
			if r.is("SELECT") || r.is("WITH") || r.is("VALUES") || r.is("TABLE") {
				r.passOpenParens()
				expect = false
			}
		case r.isPunct('('):
			r.passParens()
		case r.isPunct(','), r.is("JOIN"), r.is("STRAIGHT_JOIN"):
			expect, s.joined = true, true
			r.advance()
		case expect && r.is("LATERAL"):
			r.advance()
		case expect && r.isName():
			r.reference(ctes, &s)
			expect = false
		default:
			r.advance()
		}
	}
	return &s
}

// reference reads one table with its alias. A name with a parenthesis behind it is
// a table function.
func (r *reader) reference(ctes []string, s *sources) {
	ahead := r.scan
	qualified := ahead.punct(ahead.next(), '.')
	o, ok := r.object(ClassTable)
	if !ok || r.isPunct('(') || !qualified && slices.Contains(ctes, o.Name) {
		return
	}
	alias := ""
	if r.accept("PARTITION") {
		r.passParens()
	}
	if r.accept("AS") || r.isName() && !r.afterTable() {
		alias, _ = r.name()
	}
	s.add(o, alias)
}

// afterTable reports whether tok is a keyword that can follow a table without an alias.
func (r *reader) afterTable() bool {
	for _, k := range [...]string{
		"SET", "WHERE", "ORDER", "LIMIT", "ON", "USING", "JOIN", "INNER", "CROSS", "LEFT", "RIGHT", "NATURAL",
		"STRAIGHT_JOIN", "USE", "FORCE", "IGNORE", "PARTITION", "TABLESAMPLE",
	} {
		if r.is(k) {
			return true
		}
	}
	return false
}

// passOpenParens moves past the closing parenthesis of one that is already open.
func (r *reader) passOpenParens() {
	for depth := 1; depth > 0 && r.tok.kind != tokenEnd; r.advance() {
		switch {
		case r.isPunct('('):
			depth++
		case r.isPunct(')'):
			depth--
		}
	}
}
