package replica

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServerAddressesAreRead(t *testing.T) {
	for text, want := range map[string]Server{
		"db1":                          {Endpoint{TCP, "db1:3306"}, ""},
		"db1:3307":                     {Endpoint{TCP, "db1:3307"}, ""},
		"10.0.0.7":                     {Endpoint{TCP, "10.0.0.7:3306"}, ""},
		"::1":                          {Endpoint{TCP, "[::1]:3306"}, ""},
		"[::1]":                        {Endpoint{TCP, "[::1]:3306"}, ""},
		"[fe80::1]:33":                 {Endpoint{TCP, "[fe80::1]:33"}, ""},
		"/run/mysqld/mysqld.sock":      {Endpoint{Unix, "/run/mysqld/mysqld.sock"}, ""},
		"/run/a@b.sock":                {Endpoint{Unix, "/run/a@b.sock"}, ""},
		"lw@db1":                       {Endpoint{TCP, "db1:3306"}, "lw"},
		"mysql://db1":                  {Endpoint{TCP, "db1:3306"}, ""},
		"mysql://db1/":                 {Endpoint{TCP, "db1:3306"}, ""},
		"mysql://lw@db1:3307":          {Endpoint{TCP, "db1:3307"}, "lw"},
		"mysql://lw@/run/my.sock":      {Endpoint{Unix, "/run/my.sock"}, "lw"},
		"mysql:///run/my.sock":         {Endpoint{Unix, "/run/my.sock"}, ""},
		"mysql://l%40w%3A@db.example.": {Endpoint{TCP, "db.example.:3306"}, "l@w:"},
	} {
		got, err := ParseServer(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, bad := range []string{"", ":3306", "db1:", "db1:0", "db1:65536", "db1:x", "db1/shop", "@db1", "a b", "mysql://", "postgres://db1",
		"mysql://lw:secret@db1", "lw:secret@db1", "https://u:secret@x", "mysql://%zz@db1", "1:2:3"} {
		_, err := ParseServer(bad)
		require.ErrorIs(t, err, ErrAddress, bad)
		require.NotContains(t, err.Error(), "secret")
	}
	e, err := ParseEndpoint("[::1]:3307")
	require.NoError(t, err)
	require.Equal(t, "::1", e.Host())
}

// Whatever is accepted reads the same again from what it is written as.
func FuzzParseServer(f *testing.F) {
	for _, s := range []string{"db1:3306", "mysql://u@h:1", "/a/b", "[::1]:4", "u@[::1]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseServer(text)
		if err != nil {
			return
		}
		e, err := ParseEndpoint(s.Endpoint.String())
		require.NoError(t, err)
		require.Equal(t, s.Endpoint, e)
	})
}

func TestVersionsAreReadAndCompared(t *testing.T) {
	v, err := ParseVersion("8.0.36-28.1+deb12")
	require.NoError(t, err)
	require.Equal(t, Version{8, 0, 36, "8.0.36-28.1+deb12"}, v)
	require.True(t, v.AtLeast(8, 0, 22))
	require.True(t, v.AtLeast(5, 7, 99))
	require.True(t, v.AtLeast(8, 0, 36))
	require.False(t, v.AtLeast(8, 0, 37))
	require.False(t, v.AtLeast(8, 4, 0))
	require.NoError(t, v.Supported())

	for text, want := range map[string]bool{"8.0.21": false, "8.0.22": true, "5.7.44-log": false, "8.4.0": true, "9.7.4": true, "10.0.0": true} {
		v, err := ParseVersion(text)
		require.NoError(t, err, text)
		require.Equal(t, want, v.Supported() == nil, text)
	}
	_, err = ParseVersion("11.8.9-MariaDB-log")
	require.ErrorIs(t, err, ErrMariaDB)
	for _, bad := range []string{"", "8", "8.0", "x.y.z", "8..1", "8.0.99999999"} {
		_, err := ParseVersion(bad)
		require.ErrorIs(t, err, ErrVersion, bad)
	}
}
