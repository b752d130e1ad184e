package lab

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Both of apt's formats are read, and the main archive is found among what else a machine may have configured.
func TestMirrorIsFoundInAptConfiguration(t *testing.T) {
	const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
	for _, test := range []struct {
		name, file, text string
		want             aptSource
		ok               bool
	}{{
		name: "stanzas as Debian 12 images have them", file: "sources.list.d/debian.sources", ok: true,
		text: "Types: deb\n# https://snapshot.example/archive/debian/20250520T000000Z\nURIs: http://mirror.example/debian\n" +
			"Suites: bookworm bookworm-updates\nComponents: main\nSigned-By: " + keyring + "\n\n" +
			"Types: deb\nURIs: http://mirror.example/debian-security\nSuites: bookworm-security\nComponents: main\n",
		want: aptSource{"http://mirror.example/debian", []string{"bookworm", "bookworm-updates"}, keyring},
	}, {
		name: "the security archive first", file: "sources.list.d/debian.sources", ok: true,
		text: "Types: deb\nURIs: http://mirror.example/debian-security\nSuites: bookworm-security\n\n" +
			"Types: deb deb-src\nURIs: http://mirror.example/debian/\nSuites: bookworm\n",
		want: aptSource{"http://mirror.example/debian", []string{"bookworm"}, ""},
	}, {
		name: "a disabled stanza and a folded field", file: "sources.list.d/x.sources", ok: true,
		text: "Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: sid\n\n" +
			"types: deb\nuris:\n http://one.example/pool\n http://two.example/debian\nsuites: trixie\n",
		want: aptSource{"http://two.example/debian", []string{"trixie"}, ""},
	}, {
		name: "an embedded key belongs to its stanza", file: "sources.list.d/x.sources", ok: true,
		text: "Types: deb\nURIs: http://mirror.example/debian\nSuites: sid\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ==\n",
		want: aptSource{"http://mirror.example/debian", []string{"sid"}, ""},
	}, {
		name: "one line, with options", file: "sources.list", ok: true,
		text: "# a comment\ndeb-src http://src.example/debian bookworm main\n" +
			"deb [arch=amd64 signed-by=" + keyring + "] https://mirror.example/debian bookworm main # the rest\n",
		want: aptSource{"https://mirror.example/debian", []string{"bookworm"}, keyring},
	}, {
		name: "one line, tabs, a file of its own", file: "sources.list.d/d.list", ok: true,
		text: "deb\thttp://mirror.example/debian\tbookworm\tmain\n",
		want: aptSource{"http://mirror.example/debian", []string{"bookworm"}, ""},
	}, {
		name: "a mirror under another path is known by its suite", file: "sources.list", ok: true,
		text: "deb http://tools.example/apt tools main\ndeb http://proxy.example/repo/deb-remote trixie main\n",
		want: aptSource{"http://proxy.example/repo/deb-remote", []string{"trixie"}, ""},
	}, {
		name: "another distribution has none", file: "sources.list",
		text: "deb http://archive.example/ubuntu noble main universe\n",
	}, {
		name: "damage is passed over", file: "sources.list",
		text: "deb\ndeb [arch=amd64 http://mirror.example/debian sid main\ndebug http://mirror.example/debian sid\ndeb http://mirror.example/debian\n",
	}, {
		name: "nothing configured", file: "sources.list",
	}} {
		t.Run(test.name, func(t *testing.T) {
			etc := t.TempDir()
			require.NoError(t, os.MkdirAll(filepath.Join(etc, "sources.list.d"), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(etc, test.file), []byte(test.text), 0o644))
			got, ok := debianMirror(readAptSources(etc))
			require.Equal(t, test.ok, ok)
			require.Equal(t, test.want, got)
		})
	}
}

// Configuration files are other people's text: reading them never fails.
func FuzzAptConfiguration(f *testing.F) {
	f.Add("deb [a=b] http://x/debian sid main\n")
	f.Add("Types: deb\nURIs: http://x/debian\nSuites: sid\n more\n\n\n#\n :")
	f.Fuzz(func(t *testing.T, text string) {
		for _, source := range append(parseSourcesList(text), parseDeb822(text)...) {
			require.NotContains(t, source.URI, "\n")
		}
	})
}
