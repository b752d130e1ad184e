package statement

import "bytes"

// clean returns the text as the grammar should see it: executed comments turned
// into plain code, all other comments and NUL bytes into a blank, names in double
// quotes (ANSI_QUOTES) into names in backticks. Strings and other names stay as
// they are. Without any of these it returns src itself.
//
// The grammar has rules of its own here that differ from MySQL's: it reads five
// digits of a six-digit version as the version, takes "/*T! … */" for code, and
// a backslash in a name in double quotes for an escape. So it sees none of them.
func clean(src []byte, sqlMode uint64) []byte {
	if !needsClean(src, sqlMode) {
		return src
	}
	s := newScanner(src, sqlMode)
	out := make([]byte, 0, len(src))
	for done := 0; ; {
		t := s.next()
		if gap := src[done:t.start]; blank(gap) {
			out = append(out, gap...)
		} else {
			out = append(out, ' ')
		}
		if t.kind == tokenQuoted && bytes.HasSuffix(out, []byte("`")) {
			out = append(out, ' ') // `a`"b" are two names, `a``b` would be one
		}
		switch {
		case t.kind == tokenEnd:
			return out
		case t.kind == tokenQuoted && src[t.start] == '"':
			out = appendQuoted(out, s.text(t))
		default:
			out = append(out, src[t.start:t.end]...)
		}
		done = t.end
	}
}

func needsClean(src []byte, sqlMode uint64) bool {
	return bytes.IndexByte(src, '#') >= 0 || bytes.IndexByte(src, 0) >= 0 ||
		bytes.Contains(src, []byte("/*")) || bytes.Contains(src, []byte("--")) ||
		sqlMode&modeANSIQuotes != 0 && bytes.IndexByte(src, '"') >= 0
}

// appendQuoted appends a name in backticks.
func appendQuoted(out []byte, name string) []byte {
	out = append(out, '`')
	for i := range len(name) {
		if name[i] == '`' {
			out = append(out, '`')
		}
		out = append(out, name[i])
	}
	return append(out, '`')
}

// blank reports whether a gap between tokens is white space and nothing else.
func blank(gap []byte) bool {
	for _, c := range gap {
		if c == 0 || !space(c) {
			return false
		}
	}
	return true
}
