package statement

import "strings"

// alterTable reads the table of ALTER TABLE and its clauses: only those that
// destroy, rename or drop an index say something.
func (r *reader) alterTable() {
	t, ok := r.object(ClassTable)
	if !ok {
		r.emit(KindAlterTable, false)
		return
	}
	a := alteration{table: t}
	for !r.end() {
		r.clause(&a)
		r.passClause(&a)
		r.acceptPunct(',')
	}
	r.effects = append(r.effects, a.effects()...)
}

func (r *reader) clause(a *alteration) {
	switch {
	case r.accept("DROP"):
		r.dropClause(a)
	case r.accept("TRUNCATE", "PARTITION"):
		r.partitions(a, truncatePartition)
	case r.accept("DISCARD", "PARTITION"):
		r.partitions(a, discardPartition)
		r.accept("TABLESPACE")
	case r.accept("DISCARD", "TABLESPACE"):
		a.destroy(discardTablespace, "")
	case r.accept("EXCHANGE", "PARTITION"):
		r.exchange(a)
	case r.is("RENAME"):
		r.renameClause(a)
	}
}

func (r *reader) dropClause(a *alteration) {
	switch {
	case r.accept("PARTITION"):
		r.accept("IF", "EXISTS")
		r.partitions(a, dropPartition)
	case r.accept("PRIMARY", "KEY"):
		a.dropIndex(r.word(primaryKey))
	case r.accept("INDEX"), r.accept("KEY"):
		r.accept("IF", "EXISTS")
		if n, ok := r.name(); ok {
			a.dropIndex(n)
		}
	case r.is("FOREIGN"), r.is("CONSTRAINT"), r.is("CHECK"):
	default:
		r.accept("COLUMN")
		r.accept("IF", "EXISTS")
		if o, ok := r.object(ClassTable); ok {
			a.destroy(dropColumn, o.Name)
		}
	}
}

// partitions reads the rest of a clause on partitions: it is a list with commas,
// so nothing but partitions can follow.
func (r *reader) partitions(a *alteration, verb string) {
	if r.accept("ALL") {
		a.destroy(verb, r.word(allPartitions))
		return
	}
	for {
		n, ok := r.name()
		if !ok {
			return
		}
		a.destroy(verb, n)
		if !r.acceptPunct(',') {
			return
		}
	}
}

func (r *reader) exchange(a *alteration) {
	n, ok := r.name()
	if !ok {
		return
	}
	if !r.accept("WITH", "TABLE") {
		if r.pattern {
			a.destroy(exchangePartition, n)
		}
		return
	}
	if other, ok := r.object(ClassTable); ok {
		a.destroy(exchangePartition, n, other)
	}
}

func (r *reader) renameClause(a *alteration) {
	if r.accept("RENAME", "COLUMN") || r.accept("RENAME", "INDEX") || r.accept("RENAME", "KEY") {
		r.pass()
		return
	}
	r.advance()
	if !r.accept("TO") && !r.accept("AS") {
		r.acceptPunct('=')
	}
	if o, ok := r.object(ClassTable); ok {
		a.rename(o)
	}
}

// passClause moves to the comma behind a clause. Table options need no comma
// between them, so an engine is looked for all along.
func (r *reader) passClause(a *alteration) {
	for !r.end() && !r.isPunct(',') {
		switch {
		case r.isPunct('('):
			r.passParens()
		case r.accept("ENGINE"):
			r.acceptPunct('=')
			if r.tok.kind != tokenPunct && strings.EqualFold(r.scan.text(r.tok), "blackhole") {
				a.destroy(engineBlackhole, "")
				r.advance()
			}
		default:
			r.pass()
		}
	}
}

// word is a fixed word in a place where names stand.
func (r *reader) word(w string) string {
	if r.pattern {
		return mark(w, false)
	}
	return w
}
