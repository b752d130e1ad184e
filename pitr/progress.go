package pitr

// Stage is a step of a long operation, as it is reported.
type Stage string

// The stages, and the unit in which each counts.
const (
	StageCheck    Stage = "check"    // nothing is counted
	StageClone    Stage = "clone"    // bytes copied on the server's host, by the server's own estimate
	StageProve    Stage = "prove"    // nothing is counted: a server is started on the copy
	StageUpload   Stage = "upload"   // bytes before compression
	StageFetch    Stage = "fetch"    // bytes of the store
	StageStart    Stage = "start"    // nothing is counted: a server is started
	StageLoad     Stage = "load"     // bytes of SQL text
	StageReplay   Stage = "replay"   // transactions applied
	StageShutdown Stage = "shutdown" // nothing is counted
	StageCopy     Stage = "copy"     // bytes of SQL text; the total is an estimate
	StageCompare  Stage = "compare"  // tables
)

// Progress is told how far a stage is. A total of 0 means that it is not known. It is called from one goroutine at a
// time, often, and must return at once. A nil Progress is not called: see Report.
type Progress func(stage Stage, done, total int64)

// Report calls p unless it is nil.
func (p Progress) Report(stage Stage, done, total int64) {
	if p != nil {
		p(stage, done, total)
	}
}
