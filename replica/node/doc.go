// Package node speaks to one MySQL server over SQL: what it is, what its logs hold, who replicates from it, whether it
// can be a source for lastwrite, and how each of these is said in its version of MySQL.
//
// # Order of things
//
// Open connects once and learns version and identity; MariaDB and servers that are too old are refused there. Everything
// else is one query each, with the caller's context, and may fail with the sentinels of package replica, which
// Classify finds by error number and never by text: texts are translated and change between versions.
//
// # Versions
//
// What differs between versions stands in one place, Dialect. The rest of the package asks for columns by name and for
// variables as a list in which some may be absent.
package node
