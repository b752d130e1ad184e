// Package locate finds restore targets in the archived log: it turns a pitr.Target into a pitr.Cut, and both into a plan.
//
// # Just before a statement
//
// A statement is searched by what it does, not by its text (package statement). What matches and changed nothing, such as a DROP DATABASE IF
// EXISTS of a database that was not there, is not meant: it is passed over and mentioned. When several are left the person
// has to say which, by GTID: [AmbiguousError] lists them. When none is left, [NotFoundError] lists what comes near.
//
// # At a time
//
// Commit times need not grow from one transaction to the next. The cut at a time is the longest run from the
// beginning in which nothing was committed later.
package locate
