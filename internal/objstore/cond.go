package objstore

import "fmt"

// Cond is the condition of a PutIf, made by IfAbsent or IfMatch. The zero Cond is no
// condition and is refused, so that a forgotten one never overwrites.
type Cond struct {
	absent bool
	match  Version
}

// IfAbsent holds while no object has the key.
func IfAbsent() Cond { return Cond{absent: true} }

// IfMatch holds while the object exists and has version v.
func IfMatch(v Version) Cond { return Cond{match: v} }

// Absent reports whether c was made by IfAbsent.
func (c Cond) Absent() bool { return c.absent }

// Match returns the version c asks for, and whether c was made by IfMatch with a
// version.
func (c Cond) Match() (Version, bool) { return c.match, !c.absent && c.match != "" }

// Holds reports whether c holds for an object that exists, or not, with version v.
func (c Cond) Holds(exists bool, v Version) bool {
	if c.absent {
		return !exists
	}
	return exists && c.match != "" && c.match == v
}

// Validate refuses the zero Cond and IfMatch of an empty version.
func (c Cond) Validate() error {
	if !c.absent && c.match == "" {
		return fmt.Errorf("%w: neither absent nor a version asked for", ErrInvalidCond)
	}
	return nil
}

// String is for messages.
func (c Cond) String() string {
	switch {
	case c.absent:
		return "if absent"
	case c.match != "":
		return "if version is " + string(c.match)
	default:
		return "no condition"
	}
}
