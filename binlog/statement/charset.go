package statement

import (
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// decode turns a text into UTF-8. It matters for more than names: in gbk or sjis the
// second byte of a character can be a backslash or a backtick.
//
// The server logs a text in the client's character set, its own DROP TABLE
// included. Texts that it writes anew in full (CREATE VIEW, CREATE USER, CREATE
// TABLE … START TRANSACTION, …) are in UTF-8 nevertheless, whatever the event says.
// Seen on 9.7.4. A CREATE VIEW mixes both: then its name may come out garbled.
func decode(sql []byte, charset uint16) []byte {
	e := encodingOf(charset)
	if e == nil || ascii(sql) || utf8.Valid(sql) && mayBeWrittenAnew(sql) {
		return sql
	}
	text, err := e.NewDecoder().Bytes(sql)
	if err != nil { // not for these encodings: they replace what is malformed
		return sql
	}
	return text
}

func ascii(sql []byte) bool {
	for _, c := range sql {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// mayBeWrittenAnew reports whether the server logs such a statement in words of its own.
func mayBeWrittenAnew(sql []byte) bool {
	s := newScanner(sql, 0)
	switch t := s.next(); {
	case s.word(t, "CREATE"), s.word(t, "GRANT"), s.word(t, "REVOKE"), s.word(t, "SET"):
		return true
	case s.word(t, "ALTER"):
		return !s.optional("TABLE") && !s.optional("DATABASE") && !s.optional("SCHEMA")
	}
	return false
}

// encodingOf returns the encoding of a collation id (INFORMATION_SCHEMA.COLLATIONS),
// nil for the Unicode ones, for ascii and binary, and for those that no client uses.
func encodingOf(collation uint16) encoding.Encoding {
	switch collation {
	case 5, 8, 15, 31, 47, 48, 49, 94: // latin1 is cp1252
		return charmap.Windows1252
	case 28, 87, 24, 86: // gbk, and gb2312 which is part of it
		return simplifiedchinese.GBK
	case 248, 249, 250:
		return simplifiedchinese.GB18030
	case 1, 84:
		return traditionalchinese.Big5
	case 13, 88, 95, 96: // sjis, cp932
		return japanese.ShiftJIS
	case 12, 91, 97, 98: // ujis, eucjpms
		return japanese.EUCJP
	case 19, 85:
		return korean.EUCKR
	}
	if m := charmapOf(collation); m != nil {
		return m
	}
	return nil
}

// charmapOf is encodingOf for the other character sets of single bytes.
func charmapOf(collation uint16) *charmap.Charmap {
	switch collation {
	case 2, 9, 21, 27, 77: // latin2
		return charmap.ISO8859_2
	case 30, 78: // latin5
		return charmap.ISO8859_9
	case 20, 41, 42, 79: // latin7
		return charmap.ISO8859_13
	case 25, 70: // greek
		return charmap.ISO8859_7
	case 16, 71: // hebrew
		return charmap.ISO8859_8
	case 26, 34, 44, 66, 99:
		return charmap.Windows1250
	case 14, 23, 50, 51, 52:
		return charmap.Windows1251
	case 57, 67:
		return charmap.Windows1256
	case 29, 58, 59:
		return charmap.Windows1257
	case 18, 89: // tis620
		return charmap.Windows874
	case 7, 74:
		return charmap.KOI8R
	case 22, 75:
		return charmap.KOI8U
	case 4, 80:
		return charmap.CodePage850
	case 40, 81:
		return charmap.CodePage852
	case 36, 68:
		return charmap.CodePage866
	case 39, 53:
		return charmap.Macintosh
	}
	return nil
}
