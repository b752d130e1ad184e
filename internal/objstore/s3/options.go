package s3

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"lastwrite/internal/objstore"
)

const (
	// DefaultPartSize is what Options.PartSize is when it is 0.
	DefaultPartSize = 16 << 20
	// MinPartSize is the smallest part S3 takes, the last one excepted.
	MinPartSize = 5 << 20
	// MaxPartSize is the largest part, and the largest object in one request.
	MaxPartSize = 5 << 30
	// DefaultConcurrency is what Options.Concurrency is when it is 0.
	DefaultConcurrency = 4

	maxParts  = 10_000
	maxKeyLen = 1024 // with the prefix
)

// Options says where a bucket is and how objects are sent.
type Options struct {
	Bucket string
	// Prefix is put before every key, with a slash between; no slash at its ends.
	Prefix string
	// Region is the bucket's region. Empty: from the environment or the shared
	// configuration, or us-east-1 where an Endpoint is given.
	Region string
	// Endpoint is the URL of a server other than AWS. Empty: AWS, or what
	// AWS_ENDPOINT_URL says.
	Endpoint string
	// PathStyle puts the bucket into the path instead of the host name.
	PathStyle bool
	// PartSize is the size of a part of a multipart upload in bytes, and the largest
	// object sent in one request; MinPartSize to MaxPartSize. It grows by itself
	// where an object would have more than 10,000 parts.
	PartSize int64
	// Concurrency is how many parts of one object are under way at once, 1 to 64.
	Concurrency int
}

// WithDefaults returns o with the defaults in place of zeros.
func (o Options) WithDefaults() Options {
	if o.PartSize == 0 {
		o.PartSize = DefaultPartSize
	}
	if o.Concurrency == 0 {
		o.Concurrency = DefaultConcurrency
	}
	return o
}

// Validate checks the options without asking the server.
func (o Options) Validate() error {
	switch {
	case o.Bucket == "":
		return errors.New("s3 store: no bucket given, want s3://bucket/prefix")
	case len(o.Prefix) > maxKeyLen-objstore.MaxKeyLen-1:
		return fmt.Errorf("s3 store: prefix of %d bytes, at most %d are allowed", len(o.Prefix), maxKeyLen-objstore.MaxKeyLen-1)
	case o.PartSize != 0 && (o.PartSize < MinPartSize || o.PartSize > MaxPartSize):
		return fmt.Errorf("s3 store: part size of %d bytes, want %d to %d", o.PartSize, MinPartSize, int64(MaxPartSize))
	case o.Concurrency < 0 || o.Concurrency > 64:
		return fmt.Errorf("s3 store: concurrency of %d, want 1 to 64", o.Concurrency)
	}
	if o.Prefix != "" {
		if err := objstore.ValidateKey(o.Prefix); err != nil {
			return fmt.Errorf("s3 store: prefix: %w", err)
		}
	}
	return validateEndpoint(o.Endpoint)
}

func validateEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return fmt.Errorf("s3 store: endpoint: %w", err)
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return fmt.Errorf("s3 store: endpoint is %q, want http://host:port or https://host", u.Redacted())
	case u.User != nil:
		return fmt.Errorf("s3 store: endpoint %q holds credentials; give them by environment or shared file", u.Redacted())
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("s3 store: endpoint %q has more than a host and a path", u.Redacted())
	}
	return nil
}

// ParseURL reads a store address of the form
//
//	s3://bucket/prefix?region=…&endpoint=…&path-style=…&part-size=…&concurrency=…
//
// where everything after the bucket may be left out. part-size is in bytes. With
// an endpoint path-style is true unless it is given: few servers other
// than AWS have a host name per bucket.
func ParseURL(u *url.URL) (Options, error) {
	switch {
	case u.Scheme != "s3":
		return Options{}, fmt.Errorf("s3 store: scheme is %q, want s3://bucket/prefix", u.Scheme)
	case u.User != nil:
		return Options{}, fmt.Errorf("s3 store: %q holds credentials; give them by environment or shared file", u.Redacted())
	case u.Fragment != "":
		return Options{}, fmt.Errorf("s3 store: %q has a fragment; write # as %%23", u.Redacted())
	case u.Port() != "":
		return Options{}, fmt.Errorf("s3 store: bucket is %q; a server is named with ?endpoint=http://host:port", u.Host)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Options{}, fmt.Errorf("s3 store: %w", err)
	}
	o := Options{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/"), PathStyle: query.Get("endpoint") != ""}
	for name, values := range query {
		if len(values) != 1 {
			return Options{}, fmt.Errorf("s3 store: parameter %q is given %d times", name, len(values))
		}
		if err := o.set(name, values[0]); err != nil {
			return Options{}, err
		}
	}
	return o, o.Validate()
}

// set sets one parameter of an address.
func (o *Options) set(name, value string) error {
	var err error
	switch name {
	case "region":
		o.Region = value
	case "endpoint":
		o.Endpoint = value
	case "path-style":
		o.PathStyle, err = strconv.ParseBool(value)
	case "part-size":
		o.PartSize, err = strconv.ParseInt(value, 10, 64)
	case "concurrency":
		o.Concurrency, err = strconv.Atoi(value)
	default:
		return fmt.Errorf("s3 store: unknown parameter %q, known are region, endpoint, path-style, part-size and concurrency", name)
	}
	if err != nil {
		return fmt.Errorf("s3 store: parameter %s: %w", name, err)
	}
	return nil
}
