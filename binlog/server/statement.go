package server

import (
	"strconv"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// query answers the statements that replicas and mysqlbinlog send; for any other it returns an error
// to be sent as it is.
func (s *session) query(text string) (*mysql.Result, error) {
	stmt := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), ";"))
	verb, rest, _ := strings.Cut(stmt, " ")
	switch strings.ToLower(verb) {
	case "select":
		return s.selectValues(rest)
	case "set":
		return nil, s.set(rest)
	case "show":
		words := strings.Fields(strings.ToLower(rest))
		if len(words) > 0 && (words[0] == "global" || words[0] == "session") {
			words = words[1:]
		}
		if len(words) == 3 && words[0] == "variables" && words[1] == "like" {
			return s.showVariables(unquote(words[2]))
		}
	}
	return nil, notSupported(text)
}

func (s *session) selectValues(list string) (*mysql.Result, error) {
	var names []string
	var values []any
	for _, item := range splitList(list) {
		value, err := s.eval(item)
		if err != nil {
			return nil, err
		}
		names, values = append(names, item), append(values, value)
	}
	return table(names, [][]any{values})
}

// set keeps user variables, refuses to change the server, and lets everything else about the session pass: it changes nothing here.
func (s *session) set(list string) error {
	for _, item := range splitList(list) {
		name, value, _ := strings.Cut(item, "=")
		name = strings.ToLower(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(name), ":")))
		switch {
		case strings.HasPrefix(name, "global "), strings.HasPrefix(name, "persist"),
			strings.HasPrefix(name, "@@global."), strings.HasPrefix(name, "@@persist"):
			return mysql.NewDefaultError(mysql.ER_SPECIFIC_ACCESS_DENIED_ERROR, "SYSTEM_VARIABLES_ADMIN")
		case strings.HasPrefix(name, "@") && !strings.HasPrefix(name, "@@"):
			v, err := s.eval(value)
			if err != nil {
				return err
			}
			s.vars[name] = v
		}
	}
	return nil
}

// eval is the value of an expression of the few kinds that are needed: a system or user variable, a literal, UNIX_TIMESTAMP(), VERSION().
func (s *session) eval(expr string) (any, error) {
	expr = strings.TrimSpace(expr)
	lower := strings.ToLower(expr)
	switch {
	case lower == "unix_timestamp()":
		return time.Now().Unix(), nil
	case lower == "version()":
		return s.srv.cfg.ServerVersion, nil
	case lower == "null":
		return nil, nil
	case strings.HasPrefix(lower, "@@"):
		name, _, _ := strings.Cut(lower[2:], " limit ")
		return s.variable(name)
	case strings.HasPrefix(lower, "@"):
		return s.vars[lower], nil
	case len(expr) > 1 && (expr[0] == '\'' || expr[0] == '"') && expr[len(expr)-1] == expr[0]:
		return unquote(expr), nil
	}
	if n, err := strconv.ParseInt(expr, 10, 64); err == nil {
		return n, nil
	}
	return nil, notSupported(expr)
}

// userVariable returns the first of the names that the client has set, as text. MySQL 8.0.26 renamed them all, and replicas set both.
func (s *session) userVariable(names ...string) (string, bool) {
	for _, name := range names {
		switch v := s.vars[name].(type) {
		case string:
			return v, true
		case int64:
			return strconv.FormatInt(v, 10), true
		}
	}
	return "", false
}

// splitList splits at the commas that stand outside quotes.
func splitList(list string) []string {
	var out []string
	var quote rune
	start := 0
	for i, c := range list {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"' || c == '`':
			quote = c
		case c == ',':
			out = append(out, strings.TrimSpace(list[start:i]))
			start = i + 1
		}
	}
	return append(out, strings.TrimSpace(list[start:]))
}

func unquote(s string) string { return strings.Trim(s, `'"`) }

func table(names []string, rows [][]any) (*mysql.Result, error) {
	set, err := mysql.BuildSimpleTextResultset(names, rows)
	if err != nil {
		return nil, mysql.NewError(mysql.ER_UNKNOWN_ERROR, err.Error())
	}
	return mysql.NewResult(set), nil
}

func notSupported(what string) error {
	return mysql.NewError(mysql.ER_NOT_SUPPORTED_YET, clip("this server only serves a binary log to replicas; it does not know: "+what))
}
