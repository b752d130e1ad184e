package statement

// noun is a word for a class of objects, with the kinds of the three statements
// about it. KindOther stands where there is no such statement.
type noun struct {
	words               [3]string // empty ones are not there
	class               Class
	create, alter, drop Kind
}

// nouns holds longer words before shorter ones that they begin with.
var nouns = [...]noun{
	{[3]string{"DATABASE"}, ClassDatabase, KindCreateDatabase, KindAlterDatabase, KindDropDatabase},
	{[3]string{"SCHEMA"}, ClassDatabase, KindCreateDatabase, KindAlterDatabase, KindDropDatabase},
	{[3]string{"TABLE"}, ClassTable, KindCreateTable, KindAlterTable, KindDropTable},
	{[3]string{"TABLES"}, ClassTable, KindCreateTable, KindAlterTable, KindDropTable},
	{[3]string{"VIEW"}, ClassView, KindCreateView, KindAlterView, KindDropView},
	{[3]string{"INDEX"}, ClassIndex, KindCreateIndex, KindOther, KindDropIndex},
	{[3]string{"PROCEDURE"}, ClassProcedure, KindCreateRoutine, KindAlterRoutine, KindDropRoutine},
	{[3]string{"FUNCTION"}, ClassFunction, KindCreateRoutine, KindAlterRoutine, KindDropRoutine},
	{[3]string{"TRIGGER"}, ClassTrigger, KindCreateTrigger, KindOther, KindDropTrigger},
	{[3]string{"EVENT"}, ClassEvent, KindCreateEvent, KindAlterEvent, KindDropEvent},
	{[3]string{"USER"}, ClassUser, KindCreateUser, KindAlterUser, KindDropUser},
	{[3]string{"ROLE"}, ClassUser, KindCreateRole, KindOther, KindDropRole},
	{[3]string{"TABLESPACE"}, ClassTablespace, KindCreateTablespace, KindAlterTablespace, KindDropTablespace},
	{[3]string{"LOGFILE", "GROUP"}, ClassLogfileGroup, KindCreateLogfileGroup, KindAlterLogfileGroup, KindDropLogfileGroup},
	{[3]string{"SERVER"}, ClassServer, KindCreateServer, KindAlterServer, KindDropServer},
	{[3]string{"RESOURCE", "GROUP"}, ClassResourceGroup, KindCreateResourceGroup, KindAlterResourceGroup, KindDropResourceGroup},
	{[3]string{"LIBRARY"}, ClassLibrary, KindCreateLibrary, KindAlterLibrary, KindDropLibrary},
	{[3]string{"SPATIAL", "REFERENCE", "SYSTEM"}, ClassReferenceSystem, KindCreateReferenceSystem, KindOther, KindDropReferenceSystem},
}

// noun reads a noun.
func (r *reader) noun() (noun, bool) {
	for _, n := range nouns {
		words := n.words[:1]
		for len(words) < len(n.words) && n.words[len(words)] != "" {
			words = n.words[:len(words)+1]
		}
		if r.accept(words...) {
			return n, true
		}
	}
	return noun{}, false
}

// subject reads the words between the verb and the noun, and the noun. It reports
// whether there is one.
func (r *reader) subject() (n noun, ok bool) {
	temporary := false
	for !r.end() {
		if n, ok = r.noun(); ok {
			if temporary && n.class == ClassTable {
				n.class = ClassTemporaryTable
			}
			return n, true
		}
		switch {
		case r.accept("TEMPORARY"):
			temporary = true
		case r.accept("DEFINER"):
			r.acceptPunct('=')
			if _, ok := r.account(); !ok {
				return noun{}, false
			}
		case r.accept("ALGORITHM"):
			r.acceptPunct('=')
			r.name()
		case r.accept("SQL", "SECURITY"):
			r.name()
		case r.accept("OR", "REPLACE"), r.accept("AGGREGATE"), r.accept("UNDO"), r.accept("UNIQUE"),
			r.accept("FULLTEXT"), r.accept("SPATIAL"), r.accept("VECTOR"), r.accept("EXTERNAL"),
			r.accept("MATERIALIZED"), r.accept("JSON"), r.accept("RELATIONAL"), r.accept("DUALITY"),
			r.accept("ONLINE"), r.accept("OFFLINE"):
		default:
			return noun{}, false
		}
	}
	return noun{}, false
}

func (r *reader) drop() {
	n, ok := r.subject()
	if !ok {
		r.emit(KindOther, false)
		return
	}
	r.accept("IF", "EXISTS")
	switch n.class {
	case ClassIndex:
		r.indexOn(KindDropIndex)
	case ClassTable, ClassView:
		r.emit(n.drop, true, r.objects(n.class)...)
		r.acceptAny("RESTRICT", "CASCADE")
	case ClassTemporaryTable:
		r.emit(n.drop, false, r.objects(n.class)...)
	case ClassUser:
		r.emit(n.drop, true, r.accounts()...)
	case ClassProcedure, ClassFunction, ClassTrigger, ClassEvent, ClassLibrary:
		r.one(n.drop, true, n.class)
	default:
		r.emit(n.drop, true, r.plain(n.class)...)
	}
}

func (r *reader) create() {
	n, ok := r.subject()
	if !ok {
		r.emit(KindOther, false)
		return
	}
	r.accept("IF", "NOT", "EXISTS")
	switch n.class {
	case ClassIndex:
		r.indexOn(KindCreateIndex)
	case ClassTable, ClassTemporaryTable, ClassView:
		r.one(n.create, false, n.class)
	case ClassUser:
		r.emit(n.create, false, r.userList()...)
	case ClassProcedure, ClassFunction, ClassTrigger, ClassEvent, ClassLibrary:
		r.one(n.create, false, n.class)
		r.passBody()
	default:
		r.emit(n.create, false, r.plain(n.class)...)
	}
}

func (r *reader) alter() {
	r.acceptAny("IGNORE", "ONLINE", "OFFLINE") // ALTER IGNORE TABLE, until 5.7
	n, ok := r.subject()
	if !ok || n.alter == KindOther {
		r.emit(KindOther, false)
		return
	}
	r.accept("IF", "EXISTS")
	switch n.class {
	case ClassTable:
		r.alterTable()
	case ClassUser:
		r.emit(n.alter, false, r.userList()...)
	case ClassDatabase:
		r.alterDatabase()
	case ClassView, ClassProcedure, ClassFunction:
		r.one(n.alter, false, n.class)
	case ClassEvent, ClassLibrary:
		r.one(n.alter, false, n.class)
		r.passBody()
	default:
		r.emit(n.alter, false, r.plain(n.class)...)
	}
}

// alterDatabase reads the name of ALTER DATABASE, which may be left out: then an
// option follows, and the default schema is meant.
func (r *reader) alterDatabase() {
	objects := []Object{{Class: ClassDatabase, Schema: r.schema}}
	switch {
	case r.is("DEFAULT"), r.is("CHARACTER"), r.is("CHAR"), r.is("CHARSET"), r.is("COLLATE"), r.is("ENCRYPTION"), r.is("READ"):
	default:
		if named := r.plain(ClassDatabase); named != nil {
			objects = named
		}
	}
	r.emit(KindAlterDatabase, false, objects...)
}

// indexOn reads "name … ON table". A pattern may stop before ON.
func (r *reader) indexOn(kind Kind) {
	i, named := r.name()
	for !r.end() && !r.is("ON") {
		r.pass()
	}
	var objects []Object
	if r.accept("ON") {
		if t, ok := r.object(ClassTable); ok {
			objects = []Object{index(t, i), t}
		}
	} else if named {
		objects = []Object{{Class: ClassIndex, Schema: r.schema, Name: i}}
	}
	r.emit(kind, false, objects...)
}
