package statement

// statement reads the beginning of a statement and emits its effects. It may stop
// anywhere before its end.
func (r *reader) statement() {
	switch {
	case r.accept("DROP"):
		r.drop()
	case r.accept("CREATE"):
		r.create()
	case r.accept("ALTER"):
		r.alter()
	case r.accept("TRUNCATE"):
		r.accept("TABLE")
		r.one(KindTruncate, true, ClassTable)
	case r.accept("RENAME"):
		r.rename()
	case r.accept("GRANT"):
		r.grant(KindGrant, "TO")
	case r.accept("REVOKE"):
		r.grant(KindRevoke, "FROM")
	case r.accept("SET", "PASSWORD"):
		r.setPassword()
	case r.accept("SET", "DEFAULT", "ROLE"):
		r.grant(KindAlterUser, "TO")
	case r.maintenance(), r.rows():
	default:
		r.control()
	}
}

// one emits an effect with the one object that is named here, or none.
func (r *reader) one(kind Kind, destroys bool, class Class) {
	if o, ok := r.object(class); ok {
		r.emit(kind, destroys, o)
		return
	}
	r.emit(kind, destroys)
}

// control reads transaction control and everything that is left.
func (r *reader) control() {
	scan := r.scan
	k := scan.control(r.tok)
	if k == KindOther && r.is("BEGIN") {
		// Not a transaction: a block of statements, with semicolons in it.
		r.passBody()
	}
	if k != KindOther {
		r.scan = scan
		r.advance()
	}
	r.emit(k, false)
}

func (r *reader) rename() {
	switch {
	case r.accept("TABLE"), r.accept("TABLES"):
		r.pairs(KindRenameTable, func() (Object, bool) { return r.object(ClassTable) })
	case r.accept("USER"):
		r.pairs(KindRenameUser, r.account)
	default:
		r.emit(KindOther, false)
	}
}

// pairs reads "old TO new, …", one effect for each pair. A pattern may stop
// before TO.
func (r *reader) pairs(kind Kind, read func() (Object, bool)) {
	for n := 0; ; n++ {
		var objects []Object
		if from, ok := read(); ok {
			objects = append(objects, from)
			if r.accept("TO") {
				if to, ok := read(); ok {
					objects = append(objects, to)
				}
			}
		}
		if len(objects) > 0 || n == 0 {
			r.emit(kind, false, objects...)
		}
		if !r.acceptPunct(',') {
			return
		}
	}
}

// maintenance reads statements about tables that change no data.
func (r *reader) maintenance() bool {
	switch {
	case r.is("ANALYZE"), r.is("OPTIMIZE"), r.is("REPAIR"), r.is("CHECK"), r.is("CHECKSUM"):
		r.advance()
		r.acceptAny("LOCAL", "NO_WRITE_TO_BINLOG")
		if !r.accept("TABLE") && !r.accept("TABLES") {
			r.emit(KindOther, false)
			return true
		}
		r.emit(KindMaintenance, false, r.objects(ClassTable)...)
	case r.accept("FLUSH"):
		r.emit(KindMaintenance, false)
	default:
		return false
	}
	return true
}
