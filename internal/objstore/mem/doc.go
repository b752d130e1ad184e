// Package mem is an object store in memory: the reference for what
// objstore.Store promises, and the store of choice in tests. It is as strict as the
// strictest store (it refuses a key that is a parent of another one) and
// gives each write a version of its own. Nothing survives the process.
package mem
