package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// load runs a Loader on the text of a file.
func load(t *testing.T, file string, flags, env map[string]string) (Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lastwrite.yaml")
	require.NoError(t, os.WriteFile(path, []byte(file), 0o600))
	c, read, err := Loader{Path: path, Flags: flags, Getenv: func(k string) string { return env[k] }, Dir: "/work"}.Load()
	require.Equal(t, path, read)
	return c, err
}

func TestEverySettingAcceptsItsDefaultAndWritesItBack(t *testing.T) {
	c := Defaults()
	keys, flags, envs := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, s := range c.Settings() {
		require.False(t, keys[s.Key], s.Key)
		require.False(t, s.Flag != "" && flags[s.Flag], s.Flag)
		require.False(t, envs[s.Env], s.Env)
		keys[s.Key], flags[s.Flag], envs[s.Env] = true, true, true
		require.Equal(t, s.Default, s.Get(), s.Key)
		require.NoError(t, s.Set(s.Default), s.Key)
		require.Equal(t, s.Default, s.Get(), s.Key)
		require.True(t, s.Secret == (s.Flag == ""), "%s: a secret, and nothing else, has no flag", s.Key)
	}
	require.NoError(t, c.Validate())
	require.ErrorIs(t, c.CheckSource(), ErrNoSource)
}

func TestFlagsWinOverEnvironmentOverFileOverDefault(t *testing.T) {
	file := "cluster: fromfile\nstream:\n  flush: 2s\n  segment_size: 2MiB\n  shutdown_timeout: 3s\nspool:\n  dir: spool\n"
	env := map[string]string{"LASTWRITE_STREAM_FLUSH": "3s", "LASTWRITE_STREAM_SEGMENT_SIZE": "3MiB", "LASTWRITE_SOURCE_ADDRESS": "lw@db1"}
	c, err := load(t, file, map[string]string{"flush": "4s", "source-tls-ca": "ca.pem"}, env)
	require.NoError(t, err)
	require.Equal(t, 4*time.Second, c.Stream.Flush)
	require.Equal(t, int64(3<<20), c.Stream.SegmentSize)
	require.Equal(t, 3*time.Second, c.Stream.ShutdownTimeout)
	require.Equal(t, 5*time.Second, c.Source.Heartbeat)
	require.Equal(t, "fromfile", c.Cluster)
	require.Equal(t, "lw", c.SourceUser())
	require.NoError(t, c.CheckSource())
	require.Equal(t, "spool", filepath.Base(c.Spool.Dir), "a path in the file is relative to the file")
	require.True(t, filepath.IsAbs(c.Spool.Dir))
	require.Equal(t, "/work/ca.pem", c.Source.TLS.CA, "a path on the command line is relative to where the command runs")
}

func TestWhatIsWrongInTheFileIsNamedWithLineAndKey(t *testing.T) {
	for file, want := range map[string]string{
		"cluster: main\nsource:\n  adress: db1\n": ":3: unknown key source.adress (did you mean source.address?)",
		"flush: 1s\n":                            ":1: unknown key flush (did you mean stream.flush?)",
		"souce:\n  address: db1\n":               ":1: unknown key souce (did you mean source?)",
		"xyzzy: 1\n":                             ":1: unknown key xyzzy",
		"stream:\n  flush: 30\n":                 `:2: key stream.flush: "30" has no unit (want, for example, 30s)`,
		"stream:\n  segment_size: 64\n":          `:2: key stream.segment_size: "64" has no unit (want, for example, 64MiB)`,
		"stream:\n  segment_size: 1KiB\n":        ":2: key stream.segment_size: 1KiB is too little: at least 1MiB",
		"source:\n  password: secret\n":          ":2: key source.password: a password does not belong in this file",
		"password: secret\n":                     ":1: key password: a password does not belong in this file",
		"source:\n  address: lw:secret@db1\n":    ":2: key source.address: not a server address: a password does not belong in an address",
		"store: s3://key:secret@bucket\n":        ":1: key store: credentials do not belong in the store's address",
		"store:\n  secret_key: abc\n":            ":2: key store: want a single value",
		"store: ftp://x\n":                       `:1: key store: "ftp://x": want file:///path or s3://bucket/prefix`,
		"source:\n  tls:\n    mode: on\n":        `:3: key source.tls.mode: "on": want disabled, preferred, required, verify-ca or verify-identity`,
		"cluster: [a, b]\n":                      ":1: key cluster: want a single value",
		"cluster: a/b\n":                         `:1: key cluster: cluster name "a/b"`,
		"source: db1\n":                          ":1: source must be a section with keys",
		"- a\n- b\n":                             ":1: the file must be a section with keys",
		"cluster: a\ncluster: b\n":               `:2: mapping key "cluster" already defined`,
		"cluster: a\n---\ncluster: b\n":          ":3: a second YAML document",
		"cluster: \"a\nstore: b\n":               ":1: ",
		"source:\n  server_id: many\n":           `:2: key source.server_id: "many": want a whole number from 0 to 4294967295`,
		"log:\n  level: loud\n":                  `:2: key log.level: "loud": want debug, info, warn or error`,
		"source:\n  user: a\n  address: b@db1\n": "source.address names user b, source.user names a",
		"source:\n  tls:\n    cert: /x\n":        "source.tls.cert and source.tls.key are needed together",
	} {
		_, err := load(t, file, nil, nil)
		require.ErrorIs(t, err, ErrInvalid, file)
		require.ErrorContains(t, err, want, file)
		require.NotContains(t, err.Error(), "secret@", file)
		require.NotContains(t, err.Error(), "\n", file)
	}
}

func TestWhatIsWrongElsewhereIsNamedToo(t *testing.T) {
	_, err := load(t, "", map[string]string{"flush": "30"}, nil)
	require.EqualError(t, err, `flag --flush: "30" has no unit (want, for example, 30s)`)
	_, err = load(t, "", nil, map[string]string{"LASTWRITE_SPOOL_MAX": "4"})
	require.EqualError(t, err, `environment variable LASTWRITE_SPOOL_MAX: "4" has no unit (want, for example, 4MiB)`)
}

func TestEmptyFilesAndSectionsLeaveTheDefaults(t *testing.T) {
	for _, file := range []string{"", "# nothing\n", "---\n", "source:\nstream:\n  flush:\n"} {
		c, err := load(t, file, nil, nil)
		require.NoError(t, err, file)
		require.Equal(t, Defaults(), c, file)
	}
}

func TestThePasswordComesFromItsFileOrTheEnvironment(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(secret, []byte("p w\n"), 0o600))
	file := "source:\n  password_file: " + secret + "\n"
	c, err := load(t, file, nil, nil)
	require.NoError(t, err)
	require.Equal(t, "p w", c.Source.Password)

	c, err = load(t, file, nil, map[string]string{"LASTWRITE_SOURCE_PASSWORD": "other"})
	require.NoError(t, err)
	require.Equal(t, "other", c.Source.Password)

	_, err = load(t, "source:\n  password_file: /nonexistent/pw\n", nil, nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, os.WriteFile(secret, []byte("a\nb\n"), 0o600))
	_, err = load(t, file, nil, nil)
	require.ErrorIs(t, err, ErrInvalid)
}

func TestAMissingFileIsAnErrorOnlyWhereItWasNamed(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.yaml")
	l := Loader{Fallback: none, Getenv: func(string) string { return "" }, Dir: "/"}
	_, path, err := l.Load()
	require.NoError(t, err)
	require.Empty(t, path)
	l.Getenv = func(k string) string { return map[string]string{PathEnv: none}[k] }
	_, _, err = l.Load()
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestSizesAndDurationsCarryUnits(t *testing.T) {
	for text, want := range map[string]int64{"64MiB": 64 << 20, "1.5 GiB": 3 << 29, "500MB": 5e8, "0B": 0, "7 b": 7, "2tib": 2 << 40} {
		got, err := ParseSize(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		back, err := ParseSize(FormatSize(got))
		require.NoError(t, err)
		require.Equal(t, want, back)
	}
	for _, bad := range []string{"", "64", "MiB", "-1MiB", "1e99GiB", "NaNB", "64 Mb/s", "InfB"} {
		_, err := ParseSize(bad)
		require.Error(t, err, bad)
	}
	for _, text := range []string{"500ms", "30s", "1m", "1h", "1h30m", "1m1s", "0s"} {
		d, err := ParseDuration(text)
		require.NoError(t, err)
		require.Equal(t, text, FormatDuration(d))
	}
	for _, bad := range []string{"", "30", "0", "-1s", "soon"} {
		_, err := ParseDuration(bad)
		require.Error(t, err, bad)
	}
}

// Whatever stands in a file, reading it ends in settings or in an error of one line.
func FuzzFile(f *testing.F) {
	f.Add("cluster: main\nsource:\n  address: db1\n")
	f.Add("a: &x 1\nb: *x\n<<: {c: d}\n? [x]\n: y\n")
	f.Add("stream: {flush: 1s, segment_size: !!str 64MiB}\n")
	f.Fuzz(func(t *testing.T, text string) {
		c := Defaults()
		reader := fileReader{name: "f", settings: c.Settings()}
		if err := reader.read([]byte(text)); err != nil {
			require.ErrorIs(t, err, ErrInvalid)
			require.True(t, strings.HasPrefix(err.Error(), "f"))
			require.NotContains(t, err.Error(), "\n")
		}
	})
}
