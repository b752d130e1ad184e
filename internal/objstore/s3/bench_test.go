package s3_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"lastwrite/integration/lab"
	"lastwrite/internal/objstore"
	"lastwrite/internal/objstore/s3"
)

func benchStore(b *testing.B) *s3.Store {
	b.Helper()
	server, err := lab.New(b).S3(b.Context())
	require.NoError(b, err)
	require.NoError(b, server.Bucket(b.Context(), "archive"))
	s, err := s3.New(aws.Config{
		Region: server.Region, Credentials: credentials.NewStaticCredentialsProvider(server.AccessKey, server.SecretKey, ""),
	}, s3.Options{Bucket: "archive", Endpoint: server.Endpoint, PathStyle: true})
	require.NoError(b, err)
	return s
}

func BenchmarkPut64KiB(b *testing.B) {
	s := benchStore(b)
	content := make([]byte, 64<<10)
	b.SetBytes(int64(len(content)))
	for i := 0; b.Loop(); i++ {
		_, err := s.PutIf(b.Context(), fmt.Sprintf("log/1/%09d.seg", i), objstore.Bytes(content), objstore.IfAbsent())
		require.NoError(b, err)
	}
}

func BenchmarkPut64MiB(b *testing.B) {
	s := benchStore(b)
	b.SetBytes(64 << 20)
	for i := 0; b.Loop(); i++ {
		_, err := s.PutIf(b.Context(), fmt.Sprintf("base/%d", i), objstore.Bytes(make([]byte, 64<<20)), objstore.IfAbsent())
		require.NoError(b, err)
	}
}

func BenchmarkTail4KiB(b *testing.B) {
	s := benchStore(b)
	_, err := s.Put(b.Context(), "k", objstore.Bytes(make([]byte, 1<<20)))
	require.NoError(b, err)
	for b.Loop() {
		r, _, err := s.GetRange(b.Context(), "k", -4096, 4096)
		require.NoError(b, err)
		require.NoError(b, r.Close())
	}
}
