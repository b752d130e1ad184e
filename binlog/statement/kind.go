package statement

import "fmt"

// Kind is what a statement does, without what it is done to. Its text names are
// stable and are what should be stored; the numbers are not stable.
type Kind uint8

// KindOther is a statement that is none of the kinds below (SELECT, SET, …) or
// that was not understood. It is the zero value.
const KindOther Kind = 0

// Transaction control. Begin is START TRANSACTION too; RollbackTo is ROLLBACK TO
// a savepoint, which does not end the transaction.
const (
	KindBegin Kind = iota + 1
	KindCommit
	KindRollback
	KindSavepoint
	KindRollbackTo
	KindReleaseSavepoint
	KindXAStart
	KindXAEnd
	KindXAPrepare
	KindXACommit
	KindXARollback
)

// Changes of rows by statements.
const (
	KindInsert Kind = iota + KindXARollback + 1
	KindReplace
	KindUpdate
	KindDelete
	KindLoad
	KindCall
	KindTruncate
)

// Definitions. Role kinds are about CREATE ROLE and DROP ROLE, alter-user covers
// SET PASSWORD and SET DEFAULT ROLE, maintenance covers ANALYZE, OPTIMIZE,
// REPAIR, CHECK, FLUSH and the like, which change no data.
const (
	KindCreateDatabase Kind = iota + KindTruncate + 1
	KindAlterDatabase
	KindDropDatabase
	KindCreateTable
	KindAlterTable
	KindDropTable
	KindRenameTable
	KindCreateView
	KindAlterView
	KindDropView
	KindCreateIndex
	KindDropIndex
	KindCreateRoutine
	KindAlterRoutine
	KindDropRoutine
	KindCreateTrigger
	KindDropTrigger
	KindCreateEvent
	KindAlterEvent
	KindDropEvent
	KindCreateUser
	KindAlterUser
	KindDropUser
	KindRenameUser
	KindCreateRole
	KindDropRole
	KindGrant
	KindRevoke
	KindCreateTablespace
	KindAlterTablespace
	KindDropTablespace
	KindCreateLogfileGroup
	KindAlterLogfileGroup
	KindDropLogfileGroup
	KindCreateServer
	KindAlterServer
	KindDropServer
	KindCreateResourceGroup
	KindAlterResourceGroup
	KindDropResourceGroup
	KindCreateLibrary
	KindAlterLibrary
	KindDropLibrary
	KindCreateReferenceSystem
	KindDropReferenceSystem
	KindMaintenance
	kindEnd
)

var kindNames = [kindEnd]string{
	KindOther:                 "other",
	KindBegin:                 "begin",
	KindCommit:                "commit",
	KindRollback:              "rollback",
	KindSavepoint:             "savepoint",
	KindRollbackTo:            "rollback-to",
	KindReleaseSavepoint:      "release-savepoint",
	KindXAStart:               "xa-start",
	KindXAEnd:                 "xa-end",
	KindXAPrepare:             "xa-prepare",
	KindXACommit:              "xa-commit",
	KindXARollback:            "xa-rollback",
	KindInsert:                "insert",
	KindReplace:               "replace",
	KindUpdate:                "update",
	KindDelete:                "delete",
	KindLoad:                  "load",
	KindCall:                  "call",
	KindTruncate:              "truncate",
	KindCreateDatabase:        "create-database",
	KindAlterDatabase:         "alter-database",
	KindDropDatabase:          "drop-database",
	KindCreateTable:           "create-table",
	KindAlterTable:            "alter-table",
	KindDropTable:             "drop-table",
	KindRenameTable:           "rename-table",
	KindCreateView:            "create-view",
	KindAlterView:             "alter-view",
	KindDropView:              "drop-view",
	KindCreateIndex:           "create-index",
	KindDropIndex:             "drop-index",
	KindCreateRoutine:         "create-routine",
	KindAlterRoutine:          "alter-routine",
	KindDropRoutine:           "drop-routine",
	KindCreateTrigger:         "create-trigger",
	KindDropTrigger:           "drop-trigger",
	KindCreateEvent:           "create-event",
	KindAlterEvent:            "alter-event",
	KindDropEvent:             "drop-event",
	KindCreateUser:            "create-user",
	KindAlterUser:             "alter-user",
	KindDropUser:              "drop-user",
	KindRenameUser:            "rename-user",
	KindCreateRole:            "create-role",
	KindDropRole:              "drop-role",
	KindGrant:                 "grant",
	KindRevoke:                "revoke",
	KindCreateTablespace:      "create-tablespace",
	KindAlterTablespace:       "alter-tablespace",
	KindDropTablespace:        "drop-tablespace",
	KindCreateLogfileGroup:    "create-logfile-group",
	KindAlterLogfileGroup:     "alter-logfile-group",
	KindDropLogfileGroup:      "drop-logfile-group",
	KindCreateServer:          "create-server",
	KindAlterServer:           "alter-server",
	KindDropServer:            "drop-server",
	KindCreateResourceGroup:   "create-resource-group",
	KindAlterResourceGroup:    "alter-resource-group",
	KindDropResourceGroup:     "drop-resource-group",
	KindCreateLibrary:         "create-library",
	KindAlterLibrary:          "alter-library",
	KindDropLibrary:           "drop-library",
	KindCreateReferenceSystem: "create-reference-system",
	KindDropReferenceSystem:   "drop-reference-system",
	KindMaintenance:           "maintenance",
}

// String returns the stable text name, e.g. "drop-table".
func (k Kind) String() string {
	if k >= kindEnd {
		return fmt.Sprintf("kind(%d)", uint8(k))
	}
	return kindNames[k]
}

// Control reports whether the kind is transaction control, XA included.
func (k Kind) Control() bool { return k >= KindBegin && k <= KindXARollback }

// Rows reports whether the kind changes rows by a statement that is logged as
// row events in ROW format (TRUNCATE is not one: it is logged as text).
func (k Kind) Rows() bool { return k >= KindInsert && k <= KindCall }

// DDL reports whether the kind changes a definition or is TRUNCATE; such a
// statement commits by itself and stands in the binlog as a text.
func (k Kind) DDL() bool { return k >= KindTruncate && k < kindEnd }

// ParseKind is the reverse of String.
func ParseKind(name string) (Kind, error) {
	for k, n := range kindNames {
		if n == name {
			return Kind(k), nil
		}
	}
	return KindOther, fmt.Errorf("parse kind of statement: %q is not one", name)
}

// MarshalText gives the name of String.
func (k Kind) MarshalText() ([]byte, error) {
	if k >= kindEnd {
		return nil, fmt.Errorf("marshal kind of statement: %d is not one", uint8(k))
	}
	return []byte(kindNames[k]), nil
}

// UnmarshalText takes the names of String.
func (k *Kind) UnmarshalText(text []byte) error {
	kind, err := ParseKind(string(text))
	if err != nil {
		return err
	}
	*k = kind
	return nil
}
