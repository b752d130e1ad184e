package statement

import (
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// The verbs of details of ALTER TABLE. A name follows each but the last two.
const (
	dropColumn        = "drop column"
	dropPartition     = "drop partition"
	truncatePartition = "truncate partition"
	exchangePartition = "exchange partition"
	discardPartition  = "discard partition"
	discardTablespace = "discard tablespace"
	engineBlackhole   = "engine blackhole"
)

// allPartitions stands for the name in TRUNCATE PARTITION ALL.
const allPartitions = "all"

// primaryKey is MySQL's name for the index of the primary key.
const primaryKey = "PRIMARY"

// alteration collects the effects of one ALTER TABLE: one of alter-table for each
// clause that destroys, or a single one without detail; then those of clauses
// that could have been statements of their own (RENAME, DROP INDEX).
type alteration struct {
	table  Object
	alters []Effect
	extras []Effect
}

func (a *alteration) destroy(verb, name string, others ...Object) {
	detail := verb
	if name != "" {
		detail += " " + name
	}
	a.alters = append(a.alters, Effect{
		Kind: KindAlterTable, Destroys: true, Objects: append([]Object{a.table}, others...), Detail: detail,
	})
}

func (a *alteration) rename(to Object) {
	a.extras = append(a.extras, Effect{Kind: KindRenameTable, Objects: []Object{a.table, to}})
}

func (a *alteration) dropIndex(name string) {
	a.extras = append(a.extras, Effect{Kind: KindDropIndex, Objects: []Object{index(a.table, name), a.table}})
}

func (a *alteration) effects() []Effect {
	if len(a.alters) == 0 {
		a.alters = []Effect{{Kind: KindAlterTable, Objects: []Object{a.table}}}
	}
	return append(a.alters, a.extras...)
}

func (g *grammar) alterTable(n *ast.AlterTableStmt) {
	a := alteration{table: g.table(n.Table, ClassTable)}
	for _, s := range n.Specs {
		switch s.Tp {
		case ast.AlterTableDropColumn:
			a.destroy(dropColumn, s.OldColumnName.Name.O)
		case ast.AlterTableDropIndex:
			a.dropIndex(strings.Clone(s.Name))
		case ast.AlterTableDropPrimaryKey:
			a.dropIndex(primaryKey)
		case ast.AlterTableRenameTable:
			a.rename(g.table(s.NewTable, ClassTable))
		case ast.AlterTableDropPartition:
			g.partitions(&a, dropPartition, s)
		case ast.AlterTableTruncatePartition:
			g.partitions(&a, truncatePartition, s)
		case ast.AlterTableDiscardPartitionTablespace:
			g.partitions(&a, discardPartition, s)
		case ast.AlterTableExchangePartition:
			for _, p := range s.PartitionNames {
				a.destroy(exchangePartition, p.O, g.table(s.NewTable, ClassTable))
			}
		case ast.AlterTableDiscardTablespace:
			a.destroy(discardTablespace, "")
		case ast.AlterTableOption:
			if slices.ContainsFunc(s.Options, losesRows) {
				a.destroy(engineBlackhole, "")
			}
		}
	}
	g.effects = append(g.effects, a.effects()...)
}

func (g *grammar) partitions(a *alteration, verb string, s *ast.AlterTableSpec) {
	if s.OnAllPartitions {
		a.destroy(verb, allPartitions)
	}
	for _, p := range s.PartitionNames {
		a.destroy(verb, p.O)
	}
}

// losesRows reports whether the option moves the table to an engine that keeps nothing.
func losesRows(o *ast.TableOption) bool {
	return o.Tp == ast.TableOptionEngine && strings.EqualFold(o.StrValue, "blackhole")
}
