package statement

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// everyRow is the detail of an UPDATE or DELETE of one table that nothing limits.
const everyRow = "every row"

func (g *grammar) rows(node ast.DMLNode) {
	switch n := node.(type) {
	case *ast.InsertStmt:
		kind := KindInsert
		if n.IsReplace {
			kind = KindReplace
		}
		g.emit(kind, false, g.sources(n.Table, nil).objects...)
	case *ast.LoadDataStmt:
		g.emit(KindLoad, false, g.table(n.Table, ClassTable))
	case *ast.CallStmt:
		f := n.Procedure
		g.emit(KindCall, false, g.table(&ast.TableName{Schema: f.Schema, Name: f.FnName}, ClassProcedure))
	case *ast.UpdateStmt:
		from := g.sources(n.TableRefs, n.With)
		e := Effect{Kind: KindUpdate, Objects: from.objects}
		if !from.joined && n.Where == nil && n.Limit == nil {
			e.Detail = everyRow
		}
		g.effects = append(g.effects, e)
	case *ast.DeleteStmt:
		g.delete(n)
	default:
		g.emit(KindOther, false)
	}
}

func (g *grammar) delete(n *ast.DeleteStmt) {
	from := g.sources(n.TableRefs, n.With)
	e := Effect{Kind: KindDelete}
	if n.Tables == nil {
		e.Objects = from.objects
		if n.Where == nil && n.Limit == nil {
			e.Destroys, e.Detail = true, everyRow
		}
	} else {
		for _, t := range n.Tables.Tables {
			e.Objects = append(e.Objects, from.resolve(t.Schema.O, g.table(t, ClassTable)))
		}
	}
	g.effects = append(g.effects, e)
}

// sources are the base tables of a list of table references, with their aliases.
type sources struct {
	objects []Object
	aliases []string // as long as objects; empty where there is none
	joined  bool     // more than one reference: rows are limited by each other
}

func (s *sources) add(o Object, alias string) {
	s.objects = append(s.objects, o)
	s.aliases = append(s.aliases, alias)
}

// resolve returns the table that a target of a multi-table DELETE means: an alias
// if it is one, else itself. A target with a schema is never an alias.
func (s *sources) resolve(schema string, target Object) Object {
	if schema == "" {
		for i, a := range s.aliases {
			if a != "" && strings.EqualFold(a, target.Name) {
				return s.objects[i]
			}
		}
	}
	return target
}

func (g *grammar) sources(refs *ast.TableRefsClause, with *ast.WithClause) *sources {
	var s sources
	if refs == nil || refs.TableRefs == nil {
		return &s
	}
	ctes := make(map[string]bool)
	if with != nil {
		for _, c := range with.CTEs {
			ctes[c.Name.L] = true
		}
	}
	g.collect(refs.TableRefs, ctes, &s)
	return &s
}

func (g *grammar) collect(node ast.ResultSetNode, ctes map[string]bool, s *sources) {
	switch n := node.(type) {
	case *ast.Join:
		s.joined = s.joined || n.Right != nil
		g.collect(n.Left, ctes, s)
		g.collect(n.Right, ctes, s)
	case *ast.TableSource:
		if t, ok := n.Source.(*ast.TableName); ok {
			if t.Schema.O == "" && ctes[t.Name.L] {
				return
			}
			s.add(g.table(t, ClassTable), strings.Clone(n.AsName.O))
			return
		}
		if j, ok := n.Source.(*ast.Join); ok {
			g.collect(j, ctes, s)
		}
	}
}
