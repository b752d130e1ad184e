package s3_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"lastwrite/integration/lab"
	"lastwrite/internal/objstore"
	"lastwrite/internal/objstore/s3"
)

// openAs opens a bucket with other credentials.
func openAs(t *testing.T, endpoint, bucket, key, secret string) *s3.Store {
	t.Helper()
	s, err := s3.New(aws.Config{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider(key, secret, ""),
	}, s3.Options{Bucket: bucket, Endpoint: endpoint, PathStyle: true})
	require.NoError(t, err)
	return s
}

// TestRefusals: each refusal of a real server is told from the others.
func TestRefusals(t *testing.T) {
	server := server(t)
	reader, err := server.ReadOnlyUser(t.Context(), "archive", "reader")
	require.NoError(t, err)
	_, err = open(t, server, "", nil).Put(t.Context(), "k", objstore.Bytes([]byte("x")))
	require.NoError(t, err)
	as := func(bucket string, who lab.Credentials) *s3.Store {
		return openAs(t, server.Endpoint, bucket, who.AccessKey, who.SecretKey)
	}
	admin := lab.Credentials{AccessKey: server.AccessKey, SecretKey: server.SecretKey}

	for name, s := range map[string]*s3.Store{
		"wrong secret":  as("archive", lab.Credentials{AccessKey: server.AccessKey, SecretKey: "wrong"}),
		"unknown key":   as("archive", lab.Credentials{AccessKey: "nobody", SecretKey: "x"}),
		"may only read": as("archive", reader),
	} {
		_, err := s.Put(t.Context(), "k", objstore.Bytes([]byte("y")))
		require.ErrorIs(t, err, objstore.ErrPermission, name)
		require.ErrorContains(t, err, "RequestID: ", name)
		require.ErrorIs(t, objstore.Probe(t.Context(), s, ""), objstore.ErrPermission, name)
	}
	content, _, err := objstore.ReadAll(t.Context(), as("archive", reader), "k", 10)
	require.NoError(t, err)
	require.Equal(t, "x", string(content))

	missing := as("nosuchbucket", admin)
	_, _, err = missing.Get(t.Context(), "k")
	require.ErrorIs(t, err, objstore.ErrNoStore)
	require.NotErrorIs(t, err, objstore.ErrNotExist)
	_, err = missing.PutIf(t.Context(), "k", objstore.Bytes(nil), objstore.IfAbsent())
	require.ErrorIs(t, err, objstore.ErrNoStore)
	_, err = missing.PutIf(t.Context(), "k", objstore.Bytes(nil), objstore.IfMatch("v"))
	require.ErrorIs(t, err, objstore.ErrNoStore)
	require.ErrorIs(t, missing.Delete(t.Context(), "k"), objstore.ErrNoStore)
	for _, err := range missing.List(t.Context(), "", "") {
		require.ErrorIs(t, err, objstore.ErrNoStore)
	}

	away := openAs(t, "http://127.0.0.1:1", "archive", "k", "s")
	_, _, err = away.Get(t.Context(), "k")
	require.ErrorContains(t, err, "connection refused")
	require.False(t, objstore.Definite(err))
}

// TestAnswers: answers that the lab's server does not give.
func TestAnswers(t *testing.T) {
	var status int
	var header http.Header
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name := range header {
			w.Header().Set(name, header.Get(name))
		}
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	s := openAs(t, server.URL, "archive", "k", "s")

	for _, c := range []struct {
		status int
		code   string
		want   error // nil: worth another attempt
	}{
		{http.StatusMovedPermanently, "PermanentRedirect", objstore.ErrRefused},
		{http.StatusBadRequest, "AuthorizationHeaderMalformed", objstore.ErrRefused},
		{http.StatusNotImplemented, "NotImplemented", objstore.ErrRefused},
		{http.StatusNotImplemented, "", objstore.ErrRefused},
		{http.StatusForbidden, "AccountProblem", objstore.ErrPermission},
		{http.StatusForbidden, "", objstore.ErrPermission},
		{http.StatusBadRequest, "ExpiredToken", objstore.ErrPermission},
		{http.StatusBadRequest, "EntityTooLarge", objstore.ErrTooLarge},
		{http.StatusBadRequest, "RequestTimeout", nil},
		{http.StatusBadRequest, "BadDigest", nil},
		{http.StatusServiceUnavailable, "SlowDown", nil},
		{http.StatusInternalServerError, "InternalError", nil},
		{http.StatusBadGateway, "", nil},
	} {
		status, header, body = c.status, nil, ""
		if c.code != "" {
			body = "<Error><Code>" + c.code + "</Code></Error>"
		}
		_, err := s.Put(t.Context(), "k", objstore.Bytes([]byte("x")))
		require.Error(t, err)
		if c.want == nil {
			require.False(t, objstore.Permanent(err), "%d %s", c.status, c.code)
			continue
		}
		require.ErrorIs(t, err, c.want, "%d %s", c.status, c.code)
	}

	status, header, body = http.StatusMovedPermanently, http.Header{"X-Amz-Bucket-Region": {"eu-north-1"}}, ""
	_, _, err := s.Get(t.Context(), "k")
	require.ErrorIs(t, err, objstore.ErrRefused)
	require.ErrorContains(t, err, "the bucket is in region eu-north-1")

	status, header, body = http.StatusOK, http.Header{"ETag": {`"v"`}}, "whole object"
	_, _, err = s.GetRange(t.Context(), "k", 5, 3)
	require.ErrorIs(t, err, objstore.ErrRefused, "a server that ignores ranges")

	status, header = http.StatusOK, nil
	body = `<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>b</Key></Contents><Contents><Key>a</Key></Contents></ListBucketResult>`
	var last error
	for _, err := range s.List(t.Context(), "", "") {
		last = err
	}
	require.ErrorIs(t, last, objstore.ErrUnfit)
	require.ErrorContains(t, last, `"a" after "b"`)
}
