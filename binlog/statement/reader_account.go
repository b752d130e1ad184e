package statement

import "strings"

// currentUser is the name of the account that ran the statement, where the text
// does not name it.
const currentUser = "CURRENT_USER()"

func account(name, host string) Object {
	if host == "" {
		host = "%"
	}
	return Object{Class: ClassUser, Name: name + "@" + strings.ToLower(host)}
}

// account reads name[@host], each a name or a string, or CURRENT_USER[()].
func (r *reader) account() (Object, bool) {
	if !r.isAccountPart() {
		return Object{}, false
	}
	own := r.is("CURRENT_USER") || r.is("USER")
	name, exact := r.scan.text(r.tok), r.tok.kind != tokenWord
	r.advance()
	if own && r.acceptPunct('(') {
		r.acceptPunct(')')
		return Object{Class: ClassUser, Name: currentUser}, true
	}
	if own && strings.EqualFold(name, "CURRENT_USER") && !r.pattern {
		return Object{Class: ClassUser, Name: currentUser}, true
	}
	host := ""
	if r.acceptPunct('@') && r.isAccountPart() {
		host, exact = r.host(exact)
	} else if r.pattern {
		host, exact = "*", false
	}
	o := account(name, host)
	if r.pattern {
		o.Name = mark(o.Name, !exact)
	}
	return o, true
}

// host reads a host. One without quotes may hold dots.
func (r *reader) host(exact bool) (string, bool) {
	if r.tok.kind != tokenWord {
		h := r.scan.text(r.tok)
		r.advance()
		return h, exact
	}
	start, end := r.tok.start, r.tok.end
	for r.tok.start <= end && (r.tok.kind == tokenWord || r.isPunct('.')) {
		end = r.tok.end
		r.advance()
		if r.tok.start != end {
			break
		}
	}
	return string(r.scan.src[start:end]), false
}

func (r *reader) isAccountPart() bool { return r.isName() || r.tok.kind == tokenString }

// accounts reads a list of accounts.
func (r *reader) accounts() []Object {
	var list []Object
	for {
		o, ok := r.account()
		if !ok {
			return list
		}
		list = append(list, o)
		if !r.acceptPunct(',') {
			return list
		}
	}
}

// userList reads the accounts of CREATE USER and ALTER USER, each followed by how
// it is identified, up to the options for all of them.
func (r *reader) userList() []Object {
	var list []Object
	for {
		o, ok := r.account()
		if !ok {
			return list
		}
		list = append(list, o)
		r.passIdentification()
		if !r.acceptPunct(',') {
			return list
		}
	}
}

func (r *reader) passIdentification() {
	for !r.end() && !r.isPunct(',') {
		switch {
		case r.accept("IDENTIFIED", "WITH"), r.accept("RANDOM", "PASSWORD"),
			r.accept("OLD", "PASSWORD"), r.accept("CURRENT", "PASSWORD"):
		case r.is("DEFAULT"), r.is("REQUIRE"), r.is("WITH"), r.is("PASSWORD"), r.is("ACCOUNT"),
			r.is("COMMENT"), r.is("ATTRIBUTE"), r.is("FAILED_LOGIN_ATTEMPTS"), r.is("PASSWORD_LOCK_TIME"):
			return
		case r.isPunct('('):
			r.passParens()
		default:
			r.pass()
		}
	}
}

// grant passes over what is granted and reads the accounts behind the preposition.
func (r *reader) grant(kind Kind, preposition string) {
	for !r.end() && !r.is(preposition) {
		if r.isPunct('(') {
			r.passParens()
			continue
		}
		r.pass()
	}
	if !r.accept(preposition) {
		r.emit(kind, false)
		return
	}
	r.emit(kind, false, r.accounts()...)
}

func (r *reader) setPassword() {
	var objects []Object
	if r.accept("FOR") {
		if o, ok := r.account(); ok {
			objects = append(objects, o)
		}
	}
	r.emit(KindAlterUser, false, objects...)
}
