package statement

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/auth"
)

// grammar turns syntax trees into effects. Its results must be those of reader for
// every destructive statement that both can read.
type grammar struct {
	schema  string
	effects []Effect
}

func (g *grammar) emit(kind Kind, destroys bool, objects ...Object) {
	g.effects = append(g.effects, Effect{Kind: kind, Destroys: destroys, Objects: objects})
}

func (g *grammar) statement(node ast.StmtNode) {
	switch node := node.(type) {
	case ast.DDLNode:
		g.definition(node)
	case ast.DMLNode:
		g.rows(node)
	default:
		g.other(node)
	}
}

func (g *grammar) definition(node ast.DDLNode) {
	switch n := node.(type) {
	case *ast.CreateDatabaseStmt:
		g.emit(KindCreateDatabase, false, database(n.Name))
	case *ast.AlterDatabaseStmt:
		o := database(n.Name)
		if n.AlterDefaultDatabase {
			o.Schema = g.schema
		}
		g.emit(KindAlterDatabase, false, o)
	case *ast.DropDatabaseStmt:
		g.emit(KindDropDatabase, true, database(n.Name))
	case *ast.CreateTableStmt:
		g.emit(KindCreateTable, false, g.table(n.Table, tableClass(n.TemporaryKeyword)))
	case *ast.AlterTableStmt:
		g.alterTable(n)
	case *ast.DropTableStmt:
		g.dropTable(n)
	case *ast.RenameTableStmt:
		for _, pair := range n.TableToTables {
			g.emit(KindRenameTable, false, g.table(pair.OldTable, ClassTable), g.table(pair.NewTable, ClassTable))
		}
	case *ast.TruncateTableStmt:
		g.emit(KindTruncate, true, g.table(n.Table, ClassTable))
	case *ast.CreateViewStmt:
		g.emit(KindCreateView, false, g.table(n.ViewName, ClassView))
	case *ast.CreateIndexStmt:
		t := g.table(n.Table, ClassTable)
		g.emit(KindCreateIndex, false, index(t, strings.Clone(n.IndexName)), t)
	case *ast.DropIndexStmt:
		t := g.table(n.Table, ClassTable)
		g.emit(KindDropIndex, false, index(t, strings.Clone(n.IndexName)), t)
	case *ast.OptimizeTableStmt:
		g.emit(KindMaintenance, false, g.tables(n.Tables, ClassTable)...)
	default:
		g.otherDefinition(n)
	}
}

func (g *grammar) otherDefinition(node ast.DDLNode) {
	name := func(n ast.CIStr) Object { return Object{Class: ClassResourceGroup, Name: strings.Clone(n.O)} }
	switch n := node.(type) {
	case *ast.CreateResourceGroupStmt:
		g.emit(KindCreateResourceGroup, false, name(n.ResourceGroupName))
	case *ast.AlterResourceGroupStmt:
		g.emit(KindAlterResourceGroup, false, name(n.ResourceGroupName))
	case *ast.DropResourceGroupStmt:
		g.emit(KindDropResourceGroup, true, name(n.ResourceGroupName))
	default:
		g.emit(KindOther, false)
	}
}

func (g *grammar) dropTable(n *ast.DropTableStmt) {
	if n.IsView {
		g.emit(KindDropView, true, g.tables(n.Tables, ClassView)...)
		return
	}
	class := tableClass(n.TemporaryKeyword)
	g.emit(KindDropTable, class == ClassTable, g.tables(n.Tables, class)...)
}

// other is for what is neither a definition nor a change of rows to the parser.
func (g *grammar) other(node ast.StmtNode) {
	switch n := node.(type) {
	case *ast.BeginStmt:
		g.emit(KindBegin, false)
	case *ast.CommitStmt:
		g.emit(KindCommit, false)
	case *ast.RollbackStmt:
		if n.SavepointName != "" {
			g.emit(KindRollbackTo, false)
			return
		}
		g.emit(KindRollback, false)
	case *ast.SavepointStmt:
		g.emit(KindSavepoint, false)
	case *ast.ReleaseSavepointStmt:
		g.emit(KindReleaseSavepoint, false)
	case *ast.ProcedureInfo:
		g.emit(KindCreateRoutine, false, g.table(n.ProcedureName, ClassProcedure))
	case *ast.DropProcedureStmt:
		g.emit(KindDropRoutine, true, g.table(n.ProcedureName, ClassProcedure))
	case *ast.AnalyzeTableStmt:
		kind := KindMaintenance
		if len(n.PartitionNames) > 0 { // only ALTER TABLE … ANALYZE PARTITION has them
			kind = KindAlterTable
		}
		g.emit(kind, false, g.tables(n.TableNames, ClassTable)...)
	case *ast.FlushStmt:
		g.emit(KindMaintenance, false)
	default:
		g.account(node)
	}
}

func (g *grammar) account(node ast.StmtNode) {
	switch n := node.(type) {
	case *ast.CreateUserStmt:
		kind := KindCreateUser
		if n.IsCreateRole {
			kind = KindCreateRole
		}
		g.emit(kind, false, specs(n.Specs)...)
	case *ast.AlterUserStmt:
		objects := specs(n.Specs)
		if n.CurrentAuth != nil {
			objects = append(objects, Object{Class: ClassUser, Name: currentUser})
		}
		g.emit(KindAlterUser, false, objects...)
	case *ast.DropUserStmt:
		kind := KindDropUser
		if n.IsDropRole {
			kind = KindDropRole
		}
		g.emit(kind, true, users(n.UserList)...)
	case *ast.RenameUserStmt:
		for _, pair := range n.UserToUsers {
			g.emit(KindRenameUser, false, user(pair.OldUser), user(pair.NewUser))
		}
	case *ast.GrantStmt:
		g.emit(KindGrant, false, specs(n.Users)...)
	case *ast.GrantRoleStmt:
		g.emit(KindGrant, false, users(n.Users)...)
	case *ast.GrantProxyStmt:
		g.emit(KindGrant, false, users(n.ExternalUsers)...)
	case *ast.RevokeStmt:
		g.emit(KindRevoke, false, specs(n.Users)...)
	case *ast.RevokeRoleStmt:
		g.emit(KindRevoke, false, users(n.Users)...)
	case *ast.SetDefaultRoleStmt:
		g.emit(KindAlterUser, false, users(n.UserList)...)
	case *ast.SetPwdStmt:
		var objects []Object
		if n.User != nil {
			objects = append(objects, user(n.User))
		}
		g.emit(KindAlterUser, false, objects...)
	default:
		g.emit(KindOther, false)
	}
}

// The parser's strings share memory with the text: an index that keeps a name
// must not keep a megabyte of SQL with it, hence the copies below.

func database(name ast.CIStr) Object {
	return Object{Class: ClassDatabase, Schema: strings.Clone(name.O)}
}

func (g *grammar) table(n *ast.TableName, class Class) Object {
	o := Object{Class: class, Schema: g.schema, Name: strings.Clone(n.Name.O)}
	if n.Schema.O != "" {
		o.Schema = strings.Clone(n.Schema.O)
	}
	return o
}

func (g *grammar) tables(names []*ast.TableName, class Class) []Object {
	objects := make([]Object, len(names))
	for i, n := range names {
		objects[i] = g.table(n, class)
	}
	return objects
}

func tableClass(temporary ast.TemporaryKeyword) Class {
	if temporary == ast.TemporaryNone {
		return ClassTable
	}
	return ClassTemporaryTable
}

func index(table Object, name string) Object {
	return Object{Class: ClassIndex, Schema: table.Schema, Name: name}
}

func user(u *auth.UserIdentity) Object {
	if u.CurrentUser {
		return Object{Class: ClassUser, Name: currentUser}
	}
	return account(strings.Clone(u.Username), strings.Clone(u.Hostname))
}

func users(list []*auth.UserIdentity) []Object {
	objects := make([]Object, len(list))
	for i, u := range list {
		objects[i] = user(u)
	}
	return objects
}

func specs(list []*ast.UserSpec) []Object {
	objects := make([]Object, len(list))
	for i, s := range list {
		objects[i] = user(s.User)
	}
	return objects
}
