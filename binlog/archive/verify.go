package archive

import (
	"context"
	"errors"
	"fmt"
	"io"

	"lastwrite/binlog/segment"
)

// Finding is something wrong in an archive.
type Finding struct {
	Key          string `json:"key,omitempty"` // of the segment
	Problem      string `json:"problem"`
	Transactions string `json:"transactions,omitempty"` // the GTIDs that are touched
}

// Report is what Verify has seen.
type Report struct {
	Segments     int       `json:"segments"`
	Transactions int64     `json:"transactions"`
	StoredBytes  int64     `json:"stored_bytes"`
	RawBytes     int64     `json:"raw_bytes"`
	Stretches    []Stretch `json:"stretches"`
	Findings     []Finding `json:"findings"`
}

// OK tells whether nothing is wrong.
func (r *Report) OK() bool { return len(r.Findings) == 0 }

// Verify reads every segment as a whole: hashes, checksums, transaction boundaries, agreement with the catalog; and
// that there is no gap. It fails only where the store does; what is wrong in the archive is in the report.
func (a *Archive) Verify(ctx context.Context, progress func(done, total int64)) (*Report, error) {
	r := &Report{Stretches: a.Stretches(), Findings: []Finding{}}
	var total int64
	for _, e := range a.entries {
		total += e.Summary.StoredBytes
	}
	for _, e := range a.entries {
		problem, err := a.verifySegment(ctx, e)
		if err != nil {
			return r, fmt.Errorf("verify %s: %w", e.Key, err)
		}
		if problem != "" {
			r.Findings = append(r.Findings, Finding{Key: e.Key, Problem: problem, Transactions: e.Summary.Added.String()})
		}
		r.Segments++
		r.Transactions += e.Summary.Transactions
		r.StoredBytes += e.Summary.StoredBytes
		r.RawBytes += e.Summary.RawBytes
		if progress != nil {
			progress(r.StoredBytes, total)
		}
	}
	for i := 1; i < len(r.Stretches); i++ {
		missing := r.Stretches[i].Before.Subtract(r.Stretches[i-1].Executed)
		r.Findings = append(r.Findings, Finding{
			Problem:      fmt.Sprintf("gap before %s", r.Stretches[i].FirstFile),
			Transactions: missing.String(),
		})
	}
	return r, nil
}

// verifySegment returns what is wrong with a segment.
func (a *Archive) verifySegment(ctx context.Context, e *Entry) (string, error) {
	body, _, err := a.store.Get(ctx, e.Key)
	if err != nil {
		return "", err
	}
	defer body.Close()
	in := &storeReader{r: body}
	sum, err := segment.Verify(ctx, in)
	switch {
	case in.err != nil:
		return "", in.err
	case err != nil && ctx.Err() != nil:
		return "", err
	case err != nil:
		return err.Error(), nil
	case sum.SHA256 != e.Summary.SHA256:
		return fmt.Sprintf("is not the segment that the catalog names: SHA-256 %s, catalog %s", sum.SHA256, e.Summary.SHA256), nil
	case !sum.Added.Equal(e.Summary.Added):
		return "holds other transactions than the catalog says", nil
	}
	return "", nil
}

// storeReader tells an error of the store from one of the segment.
type storeReader struct {
	r   io.Reader
	err error
}

func (s *storeReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}
