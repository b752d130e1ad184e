package statement

// Control returns the kind of a text that is one statement of transaction control
// (BEGIN, COMMIT, ROLLBACK TO, XA END, …) and KindOther for anything else. It
// allocates nothing and is meant for every Query event of a stream: the words that
// a server writes around row events take some tens of nanoseconds.
func Control(sql []byte) Kind {
	// The server's own texts, byte for byte (sql/log_event.cc, sql/binlog.cc).
	switch string(sql) {
	case "BEGIN":
		return KindBegin
	case "COMMIT":
		return KindCommit
	case "ROLLBACK":
		return KindRollback
	}
	s := newScanner(sql, 0)
	k := s.control(s.next())
	if k == KindOther {
		return k
	}
	t := s.next()
	if s.punct(t, ';') {
		t = s.next()
	}
	if t.kind != tokenEnd {
		return KindOther
	}
	return k
}

// control reads a statement of transaction control that begins with t and leaves
// the scanner before its end: the end of the text or a semicolon. What does not
// follow the grammar to there is KindOther.
func (s *scanner) control(t token) Kind {
	k := KindOther
	switch {
	case s.word(t, "BEGIN"):
		s.optional("WORK")
		k = KindBegin
	case s.word(t, "START"):
		if s.optional("TRANSACTION") {
			s.untilEnd()
			k = KindBegin
		}
	case s.word(t, "COMMIT"):
		s.optional("WORK")
		s.chain()
		k = KindCommit
	case s.word(t, "ROLLBACK"):
		k = s.rollback()
	case s.word(t, "SAVEPOINT"):
		s.next()
		k = KindSavepoint
	case s.word(t, "RELEASE"):
		if s.optional("SAVEPOINT") {
			s.next()
			k = KindReleaseSavepoint
		}
	case s.word(t, "XA"):
		k = s.xa()
	}
	if k == KindOther {
		return k
	}
	if end := s.peek(); end.kind != tokenEnd && !s.punct(end, ';') {
		return KindOther
	}
	return k
}

func (s *scanner) rollback() Kind {
	s.optional("WORK")
	if s.optional("TO") {
		s.optional("SAVEPOINT")
		s.next()
		return KindRollbackTo
	}
	s.chain()
	return KindRollback
}

// xa reads what follows XA. The xid, strings and numbers, is left alone.
func (s *scanner) xa() Kind {
	t := s.next()
	k := KindOther
	switch {
	case s.word(t, "START"), s.word(t, "BEGIN"):
		k = KindXAStart
	case s.word(t, "END"):
		k = KindXAEnd
	case s.word(t, "PREPARE"):
		k = KindXAPrepare
	case s.word(t, "COMMIT"):
		k = KindXACommit
	case s.word(t, "ROLLBACK"):
		k = KindXARollback
	}
	s.untilEnd()
	return k
}

// chain moves past [AND [NO] CHAIN] [[NO] RELEASE].
func (s *scanner) chain() {
	for s.optional("AND") || s.optional("NO") || s.optional("CHAIN") || s.optional("RELEASE") {
	}
}

func (s *scanner) untilEnd() {
	for {
		ahead := *s
		if t := ahead.next(); t.kind == tokenEnd || ahead.punct(t, ';') {
			return
		}
		*s = ahead
	}
}

// peek returns the next token without moving.
func (s *scanner) peek() token {
	ahead := *s
	return ahead.next()
}

// optional moves past the keyword if it is next.
func (s *scanner) optional(keyword string) bool {
	ahead := *s
	if t := ahead.next(); !ahead.word(t, keyword) {
		return false
	}
	*s = ahead
	return true
}
