package main

import (
	"strings"

	"lastwrite/internal/objstore/meter"
	"lastwrite/pitr"
)

// requestStatus counts what was asked of the store since the program started.
type requestStatus struct {
	Get    requestCount `json:"get"`
	Put    requestCount `json:"put"`
	List   requestCount `json:"list"`
	Delete requestCount `json:"delete"`
}

// requestCount is one kind of request.
type requestCount struct {
	Requests int64 `json:"requests"` // failed ones included
	Failures int64 `json:"failures"` // conditions that did not hold, and absent objects, included
	Bytes    int64 `json:"bytes"`    // of content
}

func newRequestStatus(s meter.Snapshot) requestStatus {
	return requestStatus{Get: requestCount(s.Get), Put: requestCount(s.Put), List: requestCount(s.List), Delete: requestCount(s.Delete)}
}

// String is for people. Failures are left out: most are conditions that did not hold, which is how a store is asked.
func (r requestStatus) String() string {
	var parts []string
	for _, kind := range []struct {
		name string
		requestCount
	}{{"put", r.Put}, {"get", r.Get}, {"list", r.List}, {"delete", r.Delete}} {
		text := count(kind.Requests, kind.name)
		if kind.Bytes > 0 {
			text += " (" + pitr.FormatBytes(kind.Bytes) + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}
