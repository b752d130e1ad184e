// Package integration tries lastwrite out as a whole, on real servers: fault campaigns, the restore targets, memory
// bounds; and holds the house rules that are tests (the import table, the documents).
package integration
