package s3

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"lastwrite/internal/objstore"
)

// List implements objstore.Store. Keys that this store could not have written, such as
// the directory markers of other tools, are left out.
func (s *Store) List(ctx context.Context, prefix, startAfter string) iter.Seq2[objstore.Info, error] {
	return func(yield func(objstore.Info, error) bool) {
		if err := objstore.ValidatePrefix(prefix); err != nil {
			yield(objstore.Info{}, fmt.Errorf("list %q: %w", prefix, err))
			return
		}
		in := &awss3.ListObjectsV2Input{Bucket: s.bucket(), Prefix: s.path(prefix)}
		if startAfter != "" {
			in.StartAfter = s.path(startAfter)
		}
		pages := awss3.NewListObjectsV2Paginator(s.client, in)
		last := startAfter
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(objstore.Info{}, fmt.Errorf("list %q: %w", prefix, classify(err)))
				return
			}
			for _, object := range page.Contents {
				info := objstore.Info{
					Key:      strings.TrimPrefix(aws.ToString(object.Key), s.prefix),
					Size:     aws.ToInt64(object.Size),
					Version:  version(object.ETag),
					Modified: aws.ToTime(object.LastModified),
				}
				if objstore.ValidateKey(info.Key) != nil {
					continue
				}
				if info.Key <= last && last != "" {
					yield(objstore.Info{}, fmt.Errorf("list %q: %w: keys are not in byte order: %q after %q",
						prefix, objstore.ErrUnfit, info.Key, last))
					return
				}
				last = info.Key
				if !yield(info, nil) {
					return
				}
			}
		}
	}
}
