package s3_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"lastwrite/integration/lab"
	"lastwrite/internal/objstore"
	"lastwrite/internal/objstore/s3"
	"lastwrite/internal/objstore/storetest"
)

// server starts an S3 server with a bucket.
func server(t *testing.T) *lab.S3 {
	t.Helper()
	server, err := lab.New(t).S3(t.Context())
	require.NoError(t, err)
	require.NoError(t, server.Bucket(t.Context(), "archive"))
	return server
}

// open opens a store under a prefix of the server's bucket. transport is what requests go
// through, nil for the default.
func open(t *testing.T, server *lab.S3, prefix string, transport http.RoundTripper) *s3.Store {
	t.Helper()
	cfg := aws.Config{
		Region:      server.Region,
		Credentials: credentials.NewStaticCredentialsProvider(server.AccessKey, server.SecretKey, ""),
	}
	if transport != nil {
		cfg.HTTPClient = &http.Client{Transport: transport}
	}
	store, err := s3.New(cfg, s3.Options{
		Bucket: "archive", Prefix: prefix, Endpoint: server.Endpoint, PathStyle: true,
	})
	require.NoError(t, err)
	return store
}

func TestConformance(t *testing.T) {
	server := server(t)
	var n atomic.Int64
	storetest.Run(t, func(t *testing.T) objstore.Store {
		return open(t, server, fmt.Sprintf("test/%d", n.Add(1)), nil)
	})
}
