package file_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"lastwrite/internal/objstore/file"
)

func TestParseURL(t *testing.T) {
	for address, root := range map[string]string{
		"file:///var/lib/lastwrite":   "/var/lib/lastwrite",
		"file:///var/lib/lastwrite/":  "/var/lib/lastwrite",
		"file:///with%20space/%C3%A4": "/with space/ä",
	} {
		u, err := url.Parse(address)
		require.NoError(t, err)
		o, err := file.ParseURL(u)
		require.NoError(t, err, address)
		require.Equal(t, file.Options{Root: root}, o)
	}
	for address, reason := range map[string]string{
		"s3://bucket/x":         `scheme is "s3"`,
		"file://archive/x":      "a path has three slashes: file:///archive/x",
		"file:relative/path":    "not an absolute path",
		"file:///x?fsync=false": "more than a path",
		"file:":                 "no directory given",
	} {
		u, err := url.Parse(address)
		require.NoError(t, err)
		_, err = file.ParseURL(u)
		require.ErrorContains(t, err, reason, address)
	}
}
