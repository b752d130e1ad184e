package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"lastwrite/internal/objstore"
)

const (
	// partReplyTimeout is how long a server may take to begin its answer after a part
	// was sent; then the part is sent again. It is below the usual deadline for an attempt
	// without progress, which would end the whole upload. Other requests
	// have only that deadline: some servers take long to put parts together.
	partReplyTimeout = 20 * time.Second
	// idleConns is how many connections are kept open: for the parts of a few objects.
	idleConns = 64
	// defaultRegion is what servers other than AWS expect when nothing is said.
	defaultRegion = "us-east-1"
)

// Store keeps objects in a bucket, see the package documentation.
type Store struct {
	client     *awss3.Client
	partClient awss3.HTTPClient // for parts; nil: that of client
	opts       Options          // with defaults
	prefix     string           // empty or ending in a slash
}

var _ objstore.Store = (*Store)(nil)

// Open builds a client from the SDK's default chain and makes sure that there are
// credentials and a region. It sends nothing to the bucket.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	loaders := []func(*config.LoadOptions) error{config.WithHTTPClient(httpClient(0))}
	if o.Region != "" {
		loaders = append(loaders, config.WithRegion(o.Region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, loaders...)
	if err != nil {
		return nil, fmt.Errorf("open s3 store: load configuration: %w", err)
	}
	if cfg.Region == "" {
		if o.Endpoint == "" {
			return nil, fmt.Errorf("open s3 store: %w: no region known for bucket %s; set AWS_REGION or ?region=", objstore.ErrRefused, o.Bucket)
		}
		cfg.Region = defaultRegion
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("open s3 store: find credentials: %w", err)
		}
		return nil, fmt.Errorf("open s3 store: %w: no credentials found: %w", objstore.ErrPermission, err)
	}
	s, err := New(cfg, o)
	if err != nil {
		return nil, err
	}
	s.partClient = httpClient(partReplyTimeout)
	return s, nil
}

// New builds a store on an SDK configuration: credentials, region and HTTP client.
func New(cfg aws.Config, o Options) (*Store, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	client := awss3.NewFromConfig(cfg, func(so *awss3.Options) {
		if o.Endpoint != "" {
			so.BaseEndpoint = aws.String(o.Endpoint)
		}
		so.UsePathStyle = o.PathStyle
		so.Retryer = aws.NopRetryer{}
		so.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		so.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	s := &Store{client: client, opts: o.WithDefaults()}
	if o.Prefix != "" {
		s.prefix = o.Prefix + "/"
	}
	return s, nil
}

// httpClient is the SDK's client with a bound on the wait for an answer, 0 for none.
func httpClient(replyTimeout time.Duration) *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.ResponseHeaderTimeout = replyTimeout
		t.MaxIdleConnsPerHost = idleConns
	})
}

func (s *Store) bucket() *string { return aws.String(s.opts.Bucket) }

func (s *Store) path(key string) *string { return aws.String(s.prefix + key) }

// Get implements objstore.Store.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, objstore.Info, error) {
	out, err := s.get(ctx, key, nil)
	if err != nil {
		return nil, objstore.Info{}, fmt.Errorf("get %s: %w", key, err)
	}
	return objstore.BindReader(ctx, out.Body), describe(key, out, aws.ToInt64(out.ContentLength)), nil
}

// GetRange implements objstore.Store.
func (s *Store) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, objstore.Info, error) {
	r, info, err := s.getRange(ctx, key, offset, length)
	if err != nil {
		return nil, objstore.Info{}, fmt.Errorf("get range of %s: %w", key, err)
	}
	return objstore.BindReader(ctx, r), info, nil
}

func (s *Store) getRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, objstore.Info, error) {
	if err := objstore.ValidateKey(key); err != nil {
		return nil, objstore.Info{}, err
	}
	if length < 1 {
		return nil, objstore.Info{}, fmt.Errorf("%w: length %d", objstore.ErrRange, length)
	}
	out, err := s.get(ctx, key, aws.String(rangeHeader(offset, length)))
	if err != nil {
		return nil, objstore.Info{}, err
	}
	served, size, err := servedRange(out)
	var start, n int64
	if err == nil {
		start, n, err = objstore.Span(offset, length, size)
	}
	if err == nil && served != start {
		err = fmt.Errorf("%w: asked for bytes from %d, got them from %d", objstore.ErrRefused, start, served)
	}
	if err != nil {
		_ = out.Body.Close()
		return nil, objstore.Info{}, err
	}
	limited := struct {
		io.Reader
		io.Closer
	}{io.LimitReader(out.Body, n), out.Body}
	return limited, describe(key, out, size), nil
}

func (s *Store) get(ctx context.Context, key string, byteRange *string) (*awss3.GetObjectOutput, error) {
	if err := objstore.ValidateKey(key); err != nil {
		return nil, err
	}
	out, err := s.client.GetObject(ctx, &awss3.GetObjectInput{Bucket: s.bucket(), Key: s.path(key), Range: byteRange})
	if err != nil {
		return nil, classify(err)
	}
	return out, nil
}

// rangeHeader is the Range header (RFC 9110, section 14) for a GetRange. A
// suffix is asked for whole, even if only its beginning is wanted, since it
// is only from the answer that the size of the object is known.
func rangeHeader(offset, length int64) string {
	switch {
	case offset == math.MinInt64:
		return "bytes=-" + strconv.FormatInt(math.MaxInt64, 10)
	case offset < 0:
		return "bytes=" + strconv.FormatInt(offset, 10)
	case length > math.MaxInt64-offset:
		return fmt.Sprintf("bytes=%d-", offset)
	default:
		return fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)
	}
}

// servedRange returns where the served bytes begin and the size of the object. A server
// may serve the whole object instead of a range.
func servedRange(out *awss3.GetObjectOutput) (start, size int64, err error) {
	if out.ContentRange == nil {
		return 0, aws.ToInt64(out.ContentLength), nil
	}
	spec, found := strings.CutPrefix(*out.ContentRange, "bytes ")
	span, total, foundTotal := strings.Cut(spec, "/")
	first, _, foundFirst := strings.Cut(span, "-")
	start, errStart := strconv.ParseInt(first, 10, 64)
	size, errSize := strconv.ParseInt(total, 10, 64)
	if !found || !foundTotal || !foundFirst || errStart != nil || errSize != nil {
		return 0, 0, fmt.Errorf("malformed Content-Range %q", *out.ContentRange)
	}
	return start, size, nil
}

func describe(key string, out *awss3.GetObjectOutput, size int64) objstore.Info {
	return objstore.Info{Key: key, Size: size, Version: version(out.ETag), Modified: aws.ToTime(out.LastModified)}
}

// version is an ETag without its quotes: some servers leave them out in some answers.
func version(etag *string) objstore.Version {
	return objstore.Version(strings.Trim(aws.ToString(etag), `"`))
}

// Delete implements objstore.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	err := objstore.ValidateKey(key)
	if err == nil {
		_, err = s.client.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: s.bucket(), Key: s.path(key)})
		err = classify(err)
	}
	if err != nil && !errors.Is(err, objstore.ErrNotExist) {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	return nil
}
