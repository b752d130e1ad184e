package statement

import (
	"bytes"
	"strings"
)

// The bits of sql_mode that move the borders between tokens (MySQL: sql/system_variables.h).
const (
	modeANSIQuotes         = 1 << 2
	modeNoBackslashEscapes = 1 << 20
)

type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenWord             // keyword, name without quotes, number
	tokenQuoted           // name in backticks, or in double quotes under ANSI_QUOTES
	tokenString           // string literal
	tokenPunct            // any other single byte
)

type token struct {
	kind       tokenKind
	start, end int // its bytes, quotes included
}

// scanner cuts a text into tokens by MySQL's lexical rules (manual, "Comments" and
// "Schema Object Names"). It is a plain value: copying it is how to look ahead.
// Every call of next moves forward, whatever the bytes are.
type scanner struct {
	src  []byte
	pos  int
	ansi bool // ANSI_QUOTES: "x" is a name
	// rawStrings is NO_BACKSLASH_ESCAPES: a backslash in a string is a backslash.
	rawStrings bool
	// executed is set inside "/*! … */", whose content is code.
	executed bool
	// wild lets words hold *, % and -, for patterns.
	wild bool
}

func newScanner(src []byte, sqlMode uint64) scanner {
	return scanner{
		src:        src,
		ansi:       sqlMode&modeANSIQuotes != 0,
		rawStrings: sqlMode&modeNoBackslashEscapes != 0,
	}
}

// next returns the next token; after the last one, tokenEnd for ever.
func (s *scanner) next() token {
	s.skip()
	t := token{start: s.pos}
	if s.pos >= len(s.src) {
		t.end = s.pos
		return t
	}
	switch c := s.src[s.pos]; {
	case s.wordByte(c):
		t.kind = tokenWord
		for s.pos < len(s.src) && (s.wordByte(s.src[s.pos]) || s.wild && s.src[s.pos] == '-') {
			s.pos++
		}
	case c == '`', c == '"' && s.ansi:
		t.kind = tokenQuoted
		s.quoted(c, false)
	case c == '\'', c == '"':
		t.kind = tokenString
		s.quoted(c, !s.rawStrings)
	default:
		t.kind = tokenPunct
		s.pos++
	}
	t.end = s.pos
	return t
}

func (s *scanner) wordByte(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '$', c >= 0x80:
		return true
	}
	return s.wild && (c == '*' || c == '%')
}

// quoted moves past a quoted token; one that is not closed ends with the text.
func (s *scanner) quoted(quote byte, escapes bool) {
	for s.pos++; s.pos < len(s.src); s.pos++ {
		switch c := s.src[s.pos]; {
		case c == '\\' && escapes:
			s.pos++
		case c == quote:
			if s.pos+1 == len(s.src) || s.src[s.pos+1] != quote {
				s.pos++
				return
			}
			s.pos++
		}
	}
	s.pos = len(s.src)
}

// skip moves past white space and comments, and past the borders of executed
// comments. NUL counts as white space: some clients send one at the end.
func (s *scanner) skip() {
	for s.pos < len(s.src) {
		rest := s.src[s.pos:]
		switch c := rest[0]; {
		case space(c):
			s.pos++
		case c == '#':
			s.skipLine()
		case c == '-' && len(rest) > 1 && rest[1] == '-' && (len(rest) == 2 || rest[2] <= ' '):
			s.skipLine()
		case c == '/' && len(rest) > 2 && rest[1] == '*' && rest[2] == '!':
			s.executed = true
			s.pos += 3 + versionDigits(rest[3:])
		case c == '/' && len(rest) > 1 && rest[1] == '*':
			s.skipComment()
		case c == '*' && s.executed && len(rest) > 1 && rest[1] == '/':
			s.executed = false
			s.pos += 2
		default:
			return
		}
	}
}

func (s *scanner) skipLine() {
	if i := bytes.IndexByte(s.src[s.pos:], '\n'); i >= 0 {
		s.pos += i + 1
		return
	}
	s.pos = len(s.src)
}

func (s *scanner) skipComment() {
	const open = len("/*")
	if i := bytes.Index(s.src[s.pos+open:], []byte("*/")); i >= 0 {
		s.pos += open + i + len("*/")
		return
	}
	s.pos = len(s.src)
}

// versionDigits is the length of the version in "/*!…": five or six digits; fewer
// are no version but code.
func versionDigits(rest []byte) int {
	n := 0
	for n < len(rest) && n < 6 && rest[n] >= '0' && rest[n] <= '9' {
		n++
	}
	if n < 5 {
		return 0
	}
	return n
}

func space(c byte) bool {
	return c == ' ' || c >= '\t' && c <= '\r' || c == 0
}

// punct reports whether t is the given byte.
func (s *scanner) punct(t token, c byte) bool {
	return t.kind == tokenPunct && s.src[t.start] == c
}

// word reports whether t is the keyword, which is given in upper case. A name in
// quotes is never a keyword.
func (s *scanner) word(t token, keyword string) bool {
	if t.kind != tokenWord || t.end-t.start != len(keyword) {
		return false
	}
	for i := range len(keyword) {
		c := s.src[t.start+i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != keyword[i] {
			return false
		}
	}
	return true
}

// text returns what t means: without quotes, escapes undone.
func (s *scanner) text(t token) string {
	raw := s.src[t.start:t.end]
	if t.kind != tokenQuoted && t.kind != tokenString {
		return string(raw)
	}
	quote, body := raw[0], raw[1:]
	if n := len(body); n > 0 && body[n-1] == quote {
		body = body[:n-1]
	}
	escapes := t.kind == tokenString && !s.rawStrings
	if bytes.IndexByte(body, quote) < 0 && (!escapes || bytes.IndexByte(body, '\\') < 0) {
		return string(body)
	}
	var b strings.Builder
	for i := 0; i < len(body); i++ {
		if i+1 < len(body) && (body[i] == quote || escapes && body[i] == '\\') {
			i++
		}
		b.WriteByte(body[i])
	}
	return b.String()
}
