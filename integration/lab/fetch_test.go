package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// A machine that cannot fetch is told so, with the way out; the others get their loader's name.
func TestPlatforms(t *testing.T) {
	arm, err := platformFor("linux", "arm64")
	require.NoError(t, err)
	require.Equal(t, "ld-linux-aarch64.so.1", arm.loader)
	for _, other := range [][2]string{{"darwin", "arm64"}, {"linux", "riscv64"}} {
		_, err := platformFor(other[0], other[1])
		require.ErrorIs(t, err, ErrUnsupported)
		require.ErrorContains(t, err, MysqldEnv)
		require.NotContains(t, err.Error(), "\n")
	}
}

// The packages of a closure are read from what apt-get says it would download.
func TestClosureIsReadFromAptOutput(t *testing.T) {
	debs := parsePrintURIs([]byte("Reading package lists...\n" +
		"'http://mirror.example/debian/pool/main/m/mysql/mysql-server-core_9.7.4-2_amd64.deb' mysql-server-core_9.7.4-2_amd64.deb 26100000 SHA256:ab\n" +
		"'http://mirror.example/debian/pool/z/zlib1g_1%3a1.3_amd64.deb' zlib1g_1%3a1.3_amd64.deb 90 SHA256:cd\n" +
		"'http://mirror.example/damaged.deb' damaged.deb 1 x\n" +
		"'http://mirror.example/InRelease' InRelease 1\n"))
	require.Equal(t, []deb{{"mysql-server-core", "9.7.4-2", 26100000}, {"zlib1g", "1:1.3", 90}}, debs)
}

// Download progress is told in steps, not per file, and other status lines are passed over.
func TestDownloadProgressIsToldInSteps(t *testing.T) {
	var out strings.Builder
	apt := privateApt{log: zerolog.New(&out)}
	apt.reportDownload(strings.NewReader("dlstatus:1:1.5:x\npmstatus:a:90:b\ndlstatus:2:31.0:Retrieving: file\ndlstatus:3:32:x\ndlstatus:4:100:x\nnoise\n"), 50<<20)
	require.Equal(t, 2, strings.Count(out.String(), "downloading"))
	require.Contains(t, out.String(), `"percent":31,"of_mb":50`)
}

// A wrapper hands every argument on unchanged and in order, from a path with blanks and quotes too, and is
// replaced by the program.
func TestWrapperPassesArgumentsOn(t *testing.T) {
	prefix := filepath.Join(t.TempDir(), "it's a prefix")
	plat := platform{triplet: "lib", loader: "loader"}
	loader := filepath.Join(prefix, "usr/lib/lib/loader")
	require.NoError(t, os.MkdirAll(filepath.Dir(loader), 0o755))
	require.NoError(t, os.WriteFile(loader, []byte("#!/bin/sh\necho $$\nprintf '<%s>\\n' \"$@\"\n"), 0o755))
	bin := filepath.Join(t.TempDir(), "bin")
	require.NoError(t, writeWrappers(bin, prefix, plat))

	cmd := exec.Command(filepath.Join(bin, "mysqld"), "--no-defaults", "--a=b c", "")
	var out strings.Builder
	cmd.Stdout = &out
	require.NoError(t, cmd.Start())
	pid := cmd.Process.Pid
	require.NoError(t, cmd.Wait())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Equal(t, []string{
		"<--library-path>", "<" + filepath.Join(prefix, "usr/lib/lib") + ">", "<" + filepath.Join(prefix, "usr/sbin/mysqld") + ">",
		"<--no-defaults>", "<--a=b c>", "<>",
	}, lines[1:])
	require.Equal(t, lines[0], strconv.Itoa(pid), "the process started is the program's own")
}

// The pinned versions are read from the tools module, and only from a requirement.
func TestPinnedVersionIsRead(t *testing.T) {
	gomod := "module x\n\ntool example.org/tool/cmd/tool\n\nrequire (\n\texample.org/tool v1.2.3 // indirect\n)\nrequire example.org/other v0.1.0\n"
	for module, want := range map[string]string{"example.org/tool": "v1.2.3", "example.org/other": "v0.1.0"} {
		version, ok := requiredVersion(gomod, module)
		require.True(t, ok)
		require.Equal(t, want, version)
	}
	_, ok := requiredVersion(gomod, "example.org/tool/cmd/tool")
	require.False(t, ok)
}

// What programs print as their version is understood.
func TestVersionText(t *testing.T) {
	require.Equal(t, "9.7.4-2", versionText("/x/mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))\n"))
	require.Equal(t, "10.11.6-MariaDB-0+deb12u1", versionText("mysqld  Ver 10.11.6-MariaDB-0+deb12u1 for debian-linux-gnu\n"))
	require.Empty(t, versionText("not found"))
}

// A mirror that does not answer is named as the reason, in one line.
func TestUnreachableMirror(t *testing.T) {
	if _, err := aptMirror("/etc/apt"); err != nil {
		t.Skip(err)
	}
	apt, err := newPrivateApt(t.TempDir(), suite, "amd64", aptSource{URI: "http://127.0.0.1:1/debian"}, zerolog.Nop())
	require.NoError(t, err)
	_, err = apt.closure(t.Context(), "mysql-server-core")
	require.ErrorContains(t, err, "127.0.0.1")
	require.NotContains(t, err.Error(), "\n")
	t.Log(err)
}
