package s3

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"

	"lastwrite/internal/objstore"
)

const (
	// writeIDKey is the metadata under which a call leaves its identifier.
	writeIDKey = "lw-write-id"
	// conflictAttempts is how often a write is sent while the server answers 409.
	conflictAttempts = 6
	// conflictWait is the mean wait after the first 409; it doubles.
	conflictWait = 20 * time.Millisecond
)

// write is one call of Put or PutIf.
type write struct {
	key  string
	body objstore.Body
	cond *objstore.Cond // nil: none
	id   string         // left in the metadata of the object
}

// ifNoneMatch and ifMatch are the condition as headers.
func (w write) ifNoneMatch() *string {
	if w.cond != nil && w.cond.Absent() {
		return aws.String("*")
	}
	return nil
}

func (w write) ifMatch() *string {
	if w.cond == nil {
		return nil
	}
	if v, ok := w.cond.Match(); ok {
		return aws.String(`"` + string(v) + `"`)
	}
	return nil
}

func (w write) metadata() map[string]string { return map[string]string{writeIDKey: w.id} }

// Put implements objstore.Store.
func (s *Store) Put(ctx context.Context, key string, body objstore.Body) (objstore.Version, error) {
	v, err := s.put(ctx, write{key: key, body: body, id: rand.Text()})
	if err != nil {
		return "", fmt.Errorf("put %s: %w", key, err)
	}
	return v, nil
}

// PutIf implements objstore.Store.
func (s *Store) PutIf(ctx context.Context, key string, body objstore.Body, cond objstore.Cond) (objstore.Version, error) {
	err := cond.Validate()
	var v objstore.Version
	if err == nil {
		v, err = s.put(ctx, write{key: key, body: body, cond: &cond, id: rand.Text()})
	}
	if err != nil {
		return "", fmt.Errorf("put %s %s: %w", key, cond, err)
	}
	return v, nil
}

// put sends a write until the server has decided it.
func (s *Store) put(ctx context.Context, w write) (objstore.Version, error) {
	if err := objstore.ValidateKey(w.key); err != nil {
		return "", err
	}
	for attempt := 1; ; attempt++ {
		v, err := s.send(ctx, w)
		switch {
		case err == nil:
			return v, nil
		case w.cond != nil && isLost(w, err):
			return s.resolve(ctx, w, err)
		case w.cond == nil || !errors.Is(err, errConflict) || attempt == conflictAttempts:
			return "", err
		}
		if err := pause(ctx, attempt); err != nil {
			return "", err
		}
	}
}

// isLost reports whether the server says that the condition did not hold. To
// If-Match on an absent object S3 answers 404.
func isLost(w write, err error) bool {
	return errors.Is(err, objstore.ErrPrecondition) || w.ifMatch() != nil && errors.Is(err, objstore.ErrNotExist)
}

// pause waits a random time around conflictWait times two to the power of attempt-1.
func pause(ctx context.Context, attempt int) error {
	wait := conflictWait << (attempt - 1)
	select {
	case <-time.After(wait/2 + mrand.N(wait)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// send writes the object in one request or in parts.
func (s *Store) send(ctx context.Context, w write) (objstore.Version, error) {
	if w.body.Size() > s.opts.PartSize {
		return s.sendParts(ctx, w)
	}
	size := w.body.Size()
	out, err := s.client.PutObject(ctx, &awss3.PutObjectInput{
		Bucket:        s.bucket(),
		Key:           s.path(w.key),
		Body:          io.NewSectionReader(w.body, 0, size),
		ContentLength: aws.Int64(size),
		IfNoneMatch:   w.ifNoneMatch(),
		IfMatch:       w.ifMatch(),
		Metadata:      w.metadata(),
	}, awss3.WithAPIOptions(signPayload))
	if err != nil {
		return "", classify(err)
	}
	return version(out.ETag), nil
}

// signPayload puts the hash of the body into the signature, also over TLS.
func signPayload(stack *middleware.Stack) error {
	sign := &v4.ComputePayloadSHA256{}
	_, err := stack.Finalize.Swap(sign.ID(), sign)
	return err
}

// resolve finds out whether the write that made a condition fail was this one.
func (s *Store) resolve(ctx context.Context, w write, lost error) (objstore.Version, error) {
	v, mine, err := s.mine(ctx, w)
	switch {
	case err != nil:
		return "", openOutcome(err, lost)
	case mine:
		return v, nil
	case errors.Is(lost, objstore.ErrPrecondition):
		return "", lost
	default:
		return "", fmt.Errorf("%w: %v", objstore.ErrPrecondition, lost)
	}
}

// mine reports whether the object now at the key was written by this call.
func (s *Store) mine(ctx context.Context, w write) (objstore.Version, bool, error) {
	head, err := s.client.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: s.bucket(), Key: s.path(w.key)})
	if err != nil {
		if err = classify(err); errors.Is(err, objstore.ErrNotExist) {
			return "", false, nil
		}
		return "", false, err
	}
	return version(head.ETag), head.Metadata[writeIDKey] == w.id, nil
}

// openOutcome is the error of a write that may or may not have taken place.
func openOutcome(err, cause error) error {
	return fmt.Errorf("%w: find out whose write it was: %w (after: %v)", objstore.ErrOpen, err, cause)
}
