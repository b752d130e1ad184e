package lab_test

import (
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"lastwrite/integration/lab"
)

// client is the real SDK's client for a user of a lab's store.
func client(store *lab.S3, user lab.Credentials) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(store.Endpoint), Region: store.Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(user.AccessKey, user.SecretKey, ""),
	})
}

// code is the error code that the server answered with.
func code(t *testing.T, err error) string {
	t.Helper()
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	return api.ErrorCode()
}

func put(key, body string) *s3.PutObjectInput {
	return &s3.PutObjectInput{Bucket: aws.String("archive"), Key: aws.String(key), Body: strings.NewReader(body)}
}

// Of 32 writers of an absent object one wins, also when the server was killed and started in between; who may only read is refused
// a write, and an unknown key everything.
func TestS3(t *testing.T) {
	t.Parallel()
	l, ctx := lab.New(t), t.Context()
	store, err := l.S3(ctx)
	require.NoError(t, err)
	require.NoError(t, store.Bucket(ctx, "archive"))
	admin := client(store, lab.Credentials{AccessKey: store.AccessKey, SecretKey: store.SecretKey})

	var won atomic.Int32
	var writers errgroup.Group
	for range 32 {
		writers.Go(func() error {
			input := put("log/1/0.seg", "data")
			input.IfNoneMatch = aws.String("*")
			if _, err := admin.PutObject(ctx, input); err == nil {
				won.Add(1)
			}
			return nil
		})
	}
	require.NoError(t, writers.Wait())
	require.EqualValues(t, 1, won.Load())

	require.NoError(t, store.Kill())
	_, err = admin.PutObject(ctx, put("x", "y"), func(o *s3.Options) { o.RetryMaxAttempts = 1 })
	require.Error(t, err)
	require.NoError(t, store.Start(ctx))
	again := put("log/1/0.seg", "other")
	again.IfNoneMatch = aws.String("*")
	_, err = admin.PutObject(ctx, again)
	require.Equal(t, "PreconditionFailed", code(t, err), "what was stored survives a kill")

	reader, err := store.ReadOnlyUser(ctx, "archive", "reader")
	require.NoError(t, err)
	object, err := client(store, reader).GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("archive"), Key: aws.String("log/1/0.seg")})
	require.NoError(t, err)
	body, err := io.ReadAll(object.Body)
	require.NoError(t, err)
	require.Equal(t, "data", string(body))
	_, err = client(store, reader).PutObject(ctx, put("log/1/1.seg", "data"))
	require.Equal(t, "AccessDenied", code(t, err))
	_, err = client(store, lab.Credentials{AccessKey: "nobody", SecretKey: "nothing"}).PutObject(ctx, put("log/1/1.seg", "data"))
	require.Equal(t, "InvalidAccessKeyId", code(t, err))
}
