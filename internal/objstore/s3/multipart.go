package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"lastwrite/internal/objstore"
)

const (
	// partAttempts is how often the SDK sends one part.
	partAttempts = 4
	// abortTimeout is how long one attempt to remove a failed upload may take, also
	// after the caller has given up; there are abortAttempts, since what failed the
	// upload may be the connection that the first one uses.
	abortTimeout  = 5 * time.Second
	abortAttempts = 2
)

// sendParts writes the object as a multipart upload.
func (s *Store) sendParts(ctx context.Context, w write) (objstore.Version, error) {
	out, err := s.client.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{
		Bucket: s.bucket(), Key: s.path(w.key), Metadata: w.metadata(),
	})
	if err != nil {
		return "", classify(err)
	}
	parts, err := s.uploadParts(ctx, w, out.UploadId)
	if err != nil {
		s.abort(ctx, w, out.UploadId)
		return "", err
	}
	return s.complete(ctx, w, out.UploadId, parts)
}

// partSize is the configured size, or the next whole MiB with which the object has
// no more parts than S3 allows.
func (s *Store) partSize(size int64) int64 {
	const mib = 1 << 20
	least := (size + maxParts - 1) / maxParts
	return max(s.opts.PartSize, (least+mib-1)/mib*mib)
}

// uploadParts sends all parts, side by side; the first failure stops the rest.
func (s *Store) uploadParts(ctx context.Context, w write, upload *string) ([]types.CompletedPart, error) {
	size, step := w.body.Size(), s.partSize(w.body.Size())
	parts := make([]types.CompletedPart, (size+step-1)/step)
	group, partCtx := errgroup.WithContext(ctx)
	group.SetLimit(s.opts.Concurrency)
	for i := range parts {
		if partCtx.Err() != nil {
			break
		}
		group.Go(func() error {
			start := int64(i) * step
			section := io.NewSectionReader(w.body, start, min(step, size-start))
			etag, err := s.uploadPart(partCtx, w, upload, int32(i+1), section)
			parts[i] = types.CompletedPart{ETag: etag, PartNumber: aws.Int32(int32(i + 1))}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return parts, ctx.Err()
}

func (s *Store) uploadPart(ctx context.Context, w write, upload *string, number int32, part *io.SectionReader) (*string, error) {
	out, err := s.client.UploadPart(ctx, &awss3.UploadPartInput{
		Bucket: s.bucket(), Key: s.path(w.key), UploadId: upload,
		PartNumber: aws.Int32(number), Body: part, ContentLength: aws.Int64(part.Size()),
	}, awss3.WithAPIOptions(signPayload), func(o *awss3.Options) {
		o.Retryer = retry.NewStandard(func(so *retry.StandardOptions) { so.MaxAttempts = partAttempts })
		if s.partClient != nil {
			o.HTTPClient = s.partClient
		}
	})
	if err != nil {
		return nil, fmt.Errorf("part %d: %w", number, classifyUpload(err))
	}
	return out.ETag, nil
}

// complete makes the object out of its parts, if the condition holds.
func (s *Store) complete(ctx context.Context, w write, upload *string, parts []types.CompletedPart) (objstore.Version, error) {
	out, err := s.client.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{
		Bucket: s.bucket(), Key: s.path(w.key), UploadId: upload,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		IfNoneMatch:     w.ifNoneMatch(),
		IfMatch:         w.ifMatch(),
	})
	if err == nil {
		return version(out.ETag), nil
	}
	err = classifyUpload(err)
	// Before the look: an upload that is gone cannot complete after it.
	s.abort(ctx, w, upload)
	if objstore.Definite(err) || errors.Is(err, errConflict) {
		return "", err
	}
	v, mine, lookErr := s.mine(ctx, w)
	switch {
	case lookErr != nil:
		return "", openOutcome(lookErr, err)
	case mine:
		return v, nil
	default:
		return "", err
	}
}

// classifyUpload is classify for requests that name an upload: a missing upload is not a
// missing object. It may have been completed by a request whose answer was lost.
func classifyUpload(err error) error {
	if errorCode(err) == "NoSuchUpload" {
		return err
	}
	return classify(err)
}

// abort removes the parts of a failed upload, also when ctx has ended. If it
// fails, the bucket's lifecycle rule for incomplete uploads has to do it.
func (s *Store) abort(ctx context.Context, w write, upload *string) {
	for range abortAttempts {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
		_, err := s.client.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{
			Bucket: s.bucket(), Key: s.path(w.key), UploadId: upload,
		})
		cancel()
		if err == nil || errorCode(err) != "" {
			return // gone, or the server has answered and will not answer otherwise
		}
	}
}
