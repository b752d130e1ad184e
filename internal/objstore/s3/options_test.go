package s3_test

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lastwrite/internal/objstore"
	"lastwrite/internal/objstore/s3"
)

func TestParseURL(t *testing.T) {
	for address, want := range map[string]s3.Options{
		"s3://bucket":                          {Bucket: "bucket"},
		"s3://bucket/":                         {Bucket: "bucket"},
		"s3://bucket/a/b/":                     {Bucket: "bucket", Prefix: "a/b"},
		"s3://bucket/a?region=eu-central-1":    {Bucket: "bucket", Prefix: "a", Region: "eu-central-1"},
		"s3://b?endpoint=http://127.0.0.1:900": {Bucket: "b", Endpoint: "http://127.0.0.1:900", PathStyle: true},
		"s3://b?endpoint=https%3A%2F%2Fs3.example.com&path-style=false": {
			Bucket: "b", Endpoint: "https://s3.example.com",
		},
		"s3://b/p?part-size=8388608&concurrency=2": {Bucket: "b", Prefix: "p", PartSize: 8 << 20, Concurrency: 2},
	} {
		u, err := url.Parse(address)
		require.NoError(t, err)
		got, err := s3.ParseURL(u)
		require.NoError(t, err, address)
		require.Equal(t, want, got, address)
	}
	for address, reason := range map[string]string{
		"file:///x":                                     `scheme is "file"`,
		"s3:///prefix":                                  "no bucket given",
		"s3://key:secret@bucket/x":                      "holds credentials",
		"s3://localhost:9000/bucket":                    "?endpoint=",
		"s3://bucket/a#b":                               "write # as %23",
		"s3://bucket?regoin=x":                          `unknown parameter "regoin"`,
		"s3://bucket?region=a&region=b":                 "given 2 times",
		"s3://bucket?path-style=maybe":                  "parameter path-style",
		"s3://bucket?part-size=16MiB":                   "parameter part-size",
		"s3://bucket?part-size=1024":                    "part size of 1024 bytes",
		"s3://bucket?concurrency=1000":                  "concurrency of 1000",
		"s3://bucket?endpoint=localhost:9000":           "want http://host:port",
		"s3://bucket?endpoint=http://u:p@host":          "holds credentials",
		"s3://bucket/a//b":                              "empty segment",
		"s3://bucket/" + strings.Repeat("p/", 70) + "p": "prefix of 141 bytes",
	} {
		u, err := url.Parse(address)
		require.NoError(t, err)
		_, err = s3.ParseURL(u)
		require.ErrorContains(t, err, reason, address)
		require.NotContains(t, err.Error(), "secret", "secrets are not repeated")
	}
}

// TestOpen: what is missing in the environment is said before anything is sent.
func TestOpen(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_SHARED_CREDENTIALS_FILE": nowhere, "AWS_CONFIG_FILE": nowhere,
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "",
	} {
		t.Setenv(name, value)
	}
	_, err := s3.Open(t.Context(), s3.Options{Bucket: "b"})
	require.ErrorContains(t, err, "no region known for bucket b")
	_, err = s3.Open(t.Context(), s3.Options{Bucket: "b", Region: "eu-central-1"})
	require.ErrorIs(t, err, objstore.ErrPermission)
	require.ErrorContains(t, err, "no credentials found")
	_, err = s3.Open(t.Context(), s3.Options{})
	require.ErrorContains(t, err, "no bucket given")

	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "very secret")
	_, err = s3.Open(t.Context(), s3.Options{Bucket: "b", Endpoint: "http://127.0.0.1:1"})
	require.NoError(t, err, "a region is not needed with an endpoint")
}
