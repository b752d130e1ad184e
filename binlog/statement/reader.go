package statement

// reader reads a text by its keywords. It knows the beginnings of statements, the
// names in them and the clauses that matter, and passes over everything else; so
// it needs no stack and time in proportion to the length of the text.
//
// The methods stand on tok, the token to be looked at next. Those named after a
// piece of grammar (object, account, …) read it and leave tok behind it.
type reader struct {
	scan    scanner
	tok     token
	schema  string
	effects []Effect
	// pattern is set when the text is one that a person types for a Pattern: names
	// are marked (see mark), and what was passed over is remembered in ignored.
	pattern bool
	ignored string
}

// read returns the effects of all statements of a text.
func read(sql []byte, ctx Context) []Effect {
	r := reader{scan: newScanner(sql, ctx.SQLMode), schema: ctx.DefaultSchema}
	r.advance()
	for {
		for r.acceptPunct(';') {
		}
		if r.tok.kind == tokenEnd {
			return r.effects
		}
		r.statement()
		r.passStatement()
	}
}

func (r *reader) advance() { r.tok = r.scan.next() }

// is reports whether tok is the keyword.
func (r *reader) is(keyword string) bool { return r.scan.word(r.tok, keyword) }

// accept moves past the keywords if all of them follow one another here.
func (r *reader) accept(keywords ...string) bool {
	if !r.is(keywords[0]) {
		return false
	}
	scan, tok := r.scan, r.tok
	for _, k := range keywords {
		if !r.is(k) {
			r.scan, r.tok = scan, tok
			return false
		}
		r.advance()
	}
	return true
}

// acceptAny moves past any number of the keywords, in any order.
func (r *reader) acceptAny(keywords ...string) {
	for i := 0; i < len(keywords); i++ {
		if r.accept(keywords[i]) {
			i = -1
		}
	}
}

func (r *reader) isPunct(c byte) bool { return r.scan.punct(r.tok, c) }

func (r *reader) acceptPunct(c byte) bool {
	if !r.isPunct(c) {
		return false
	}
	r.advance()
	return true
}

// end reports whether the statement ends here.
func (r *reader) end() bool { return r.tok.kind == tokenEnd || r.isPunct(';') }

// pass moves past one token that says nothing.
func (r *reader) pass() {
	if r.pattern && r.ignored == "" {
		r.ignored = r.scan.text(r.tok)
	}
	r.advance()
}

func (r *reader) passStatement() {
	for !r.end() {
		r.pass()
	}
}

// passBody moves to the end of the text: the body of a routine, trigger or event
// holds semicolons of its own, and nothing follows it.
func (r *reader) passBody() {
	if r.pattern {
		r.passStatement()
		return
	}
	r.scan.pos = len(r.scan.src)
	r.advance()
}

// passParens moves past a parenthesis with all it holds, if one opens here.
func (r *reader) passParens() {
	for depth := 0; r.tok.kind != tokenEnd; r.pass() {
		switch {
		case r.isPunct('('):
			depth++
		case r.isPunct(')'):
			depth--
		}
		if depth <= 0 {
			if r.isPunct(')') {
				r.pass()
			}
			return
		}
	}
}

// isName reports whether tok can be a name. In a pattern a string can: what a
// person typed has been through a shell.
func (r *reader) isName() bool {
	return r.tok.kind == tokenWord || r.tok.kind == tokenQuoted || r.pattern && r.tok.kind == tokenString
}

// name reads one name.
func (r *reader) name() (string, bool) {
	if !r.isName() {
		return "", false
	}
	n := r.spell(r.tok)
	r.advance()
	return n, true
}

// spell returns the name that a token means.
func (r *reader) spell(t token) string {
	if r.pattern {
		return mark(r.scan.text(t), t.kind == tokenWord)
	}
	return r.scan.text(t)
}

// object reads a name with or without its schema before it.
func (r *reader) object(class Class) (Object, bool) {
	r.acceptPunct('.') // ".t" is an old spelling of "t"
	first, ok := r.name()
	if !ok {
		return Object{}, false
	}
	o := Object{Class: class, Schema: r.schema, Name: first}
	if r.acceptPunct('.') {
		if second, ok := r.name(); ok {
			o.Schema, o.Name = first, second
		}
	}
	return o, true
}

// objects reads a list of names.
func (r *reader) objects(class Class) []Object {
	var list []Object
	for {
		o, ok := r.object(class)
		if !ok {
			return list
		}
		list = append(list, o)
		if !r.acceptPunct(',') {
			return list
		}
	}
}

// plain reads a name that lives in no schema. A server's may be a string.
func (r *reader) plain(class Class) []Object {
	if !r.isName() && (r.tok.kind != tokenString || class != ClassServer) {
		return nil
	}
	n := r.spell(r.tok)
	r.advance()
	if class == ClassDatabase {
		return []Object{{Class: class, Schema: n}}
	}
	return []Object{{Class: class, Name: n}}
}

func (r *reader) emit(kind Kind, destroys bool, objects ...Object) {
	r.effects = append(r.effects, Effect{Kind: kind, Destroys: destroys, Objects: objects})
}
