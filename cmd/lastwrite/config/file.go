package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// ErrInvalid says that a setting, or the file with them, is wrong. Its message names the place and what would be right.
var ErrInvalid = errors.New("invalid configuration")

// invalid is ErrInvalid without its own words: the message has place and reason.
type invalid struct {
	where  string // file:line, an environment variable or a flag
	reason string
}

func (e *invalid) Error() string { return e.where + ": " + e.reason }

// Is makes errors.Is find ErrInvalid.
func (e *invalid) Is(target error) bool { return target == ErrInvalid }

// misplaced are keys that people look for and that do not exist, with what to do instead.
func misplaced(key string) (advice string, found bool) {
	last := key[strings.LastIndexByte(key, '.')+1:]
	switch last {
	case "password", "passwd", "pass":
		return "a password does not belong in this file: put it into a file of its own and name that in source.password_file, or set LASTWRITE_SOURCE_PASSWORD", true
	case "access_key", "access_key_id", "secret_key", "secret_access_key", "session_token", "credentials":
		return "credentials of the store do not belong in this file: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a shared credentials file or an instance role", true
	}
	return "", false
}

// fileReader applies a YAML file to settings.
type fileReader struct {
	name     string
	settings []Setting
}

// read applies the whole file.
func (f *fileReader) read(content []byte) error {
	parsed, err := parser.ParseBytes(content, 0)
	if err != nil {
		return f.syntax(err)
	}
	docs := 0
	for _, doc := range parsed.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType || doc.Body.Type() == ast.NullType {
			continue
		}
		if docs++; docs > 1 {
			return f.wrong(doc.Body.GetToken(), "a second YAML document")
		}
		if err := f.mapping("", doc.Body); err != nil {
			return err
		}
	}
	return nil
}

func (f *fileReader) syntax(err error) error {
	var at yaml.Error
	if errors.As(err, &at) {
		return f.wrong(at.GetToken(), at.GetMessage())
	}
	return f.wrong(nil, err.Error())
}

func (f *fileReader) wrong(at *token.Token, reason string) error {
	where := f.name
	if at != nil && at.Position != nil {
		where = fmt.Sprintf("%s:%d", f.name, at.Position.Line)
	}
	return &invalid{where, strings.Join(strings.FieldsFunc(reason, func(r rune) bool { return r == '\n' || r == '\r' }), " ")}
}

// mapping applies the keys of one section.
func (f *fileReader) mapping(prefix string, node ast.Node) error {
	var entries []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		entries = n.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{n}
	default:
		what := "the file"
		if prefix != "" {
			what = prefix
		}
		return f.wrong(node.GetToken(), what+" must be a section with keys")
	}
	for _, e := range entries {
		if e.Key.IsMergeKey() {
			return f.wrong(e.Key.GetToken(), "merge keys (<<) are not supported")
		}
		key := e.Key.GetToken().Value
		if prefix != "" {
			key = prefix + "." + key
		}
		if err := f.entry(key, e); err != nil {
			return err
		}
	}
	return nil
}

// entry applies one key: a setting, or a section.
func (f *fileReader) entry(key string, e *ast.MappingValueNode) error {
	at := e.Key.GetToken()
	if advice, found := misplaced(key); found {
		return f.wrong(at, fmt.Sprintf("key %s: %s", key, advice))
	}
	for i := range f.settings {
		if s := &f.settings[i]; s.Key == key {
			value, set, err := f.scalar(key, e.Value)
			if err != nil || !set {
				return err
			}
			if s.Type == "path" && value != "" && !filepath.IsAbs(value) {
				value = filepath.Join(filepath.Dir(f.name), value)
			}
			if err := s.Set(value); err != nil {
				return f.wrong(e.Value.GetToken(), fmt.Sprintf("key %s: %v", key, err))
			}
			return nil
		}
	}
	if f.isSection(key) {
		if e.Value.Type() == ast.NullType {
			return nil
		}
		return f.mapping(key, e.Value)
	}
	reason := "unknown key " + key
	if near := nearest(key, f.keys()); near != "" {
		reason += fmt.Sprintf(" (did you mean %s?)", near)
	}
	return f.wrong(at, reason)
}

// scalar takes the text of a value as it was written; an empty value leaves the setting as it is.
func (f *fileReader) scalar(key string, node ast.Node) (value string, set bool, err error) {
	switch n := node.(type) {
	case *ast.NullNode:
		return "", false, nil
	case *ast.LiteralNode:
		return strings.TrimRight(n.Value.Value, "\n"), true, nil
	case *ast.StringNode:
		return n.Value, true, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return node.GetToken().Value, true, nil
	}
	return "", false, f.wrong(node.GetToken(), fmt.Sprintf("key %s: want a single value", key))
}

func (f *fileReader) isSection(key string) bool {
	for _, s := range f.settings {
		if strings.HasPrefix(s.Key, key+".") {
			return true
		}
	}
	return false
}

// keys are all keys and sections that may stand in a file.
func (f *fileReader) keys() []string {
	var out []string
	for _, s := range f.settings {
		if !s.Secret {
			out = append(out, s.Key)
		}
		for i, c := range s.Key {
			if c == '.' {
				out = append(out, s.Key[:i])
			}
		}
	}
	return out
}
