package lab

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// defaultKeyring is where Debian's archive keys live when the machine's own
// configuration names no other file.
const defaultKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// aptSource is one binary package source of the machine's apt configuration.
type aptSource struct {
	// URI is the archive's base address, as written, without a trailing slash.
	URI string
	// Suites are the distributions taken from it (bookworm, sid, ...).
	Suites []string
	// Keyring is the absolute path of the key file it is checked with, or empty.
	Keyring string
}

// parseSourcesList reads apt's one-line format (sources.list(5), "ONE-LINE-STYLE
// FORMAT"): `deb [options] uri suite component...`.
func parseSourcesList(text string) []aptSource {
	var out []aptSource
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "deb")
		if !ok || rest == strings.TrimLeft(rest, " \t") {
			continue // blank, comment, deb-src or damage
		}
		rest = strings.TrimSpace(rest)
		var src aptSource
		if strings.HasPrefix(rest, "[") {
			options, after, closed := strings.Cut(rest[1:], "]")
			if !closed {
				continue
			}
			for _, option := range strings.Fields(options) {
				if file, ok := strings.CutPrefix(option, "signed-by="); ok {
					src.Keyring = keyringPath(file)
				}
			}
			rest = after
		}
		fields := strings.Fields(rest)
		if len(fields) < 2 {
			continue
		}
		src.URI, src.Suites = strings.TrimRight(fields[0], "/"), fields[1:2]
		out = append(out, src)
	}
	return out
}

// parseDeb822 reads apt's stanza format (sources.list(5), "DEB822-STYLE FORMAT").
func parseDeb822(text string) []aptSource {
	var out []aptSource
	for _, fields := range deb822Stanzas(text) {
		if !slices.Contains(strings.Fields(fields["types"]), "deb") || disabled(fields["enabled"]) {
			continue
		}
		for _, uri := range strings.Fields(fields["uris"]) {
			out = append(out, aptSource{
				URI:     strings.TrimRight(uri, "/"),
				Suites:  strings.Fields(fields["suites"]),
				Keyring: keyringPath(fields["signed-by"]),
			})
		}
	}
	return out
}

// deb822Stanzas splits a text into stanzas of lower-cased field names and values;
// continuation lines are joined with a newline, comments are dropped.
func deb822Stanzas(text string) []map[string]string {
	var out []map[string]string
	stanza, last := map[string]string{}, ""
	for line := range strings.Lines(text + "\n\n") {
		line = strings.TrimRight(line, " \t\r\n")
		switch {
		case strings.HasPrefix(line, "#"):
		case line == "":
			if len(stanza) > 0 {
				out = append(out, stanza)
			}
			stanza, last = map[string]string{}, ""
		case line[0] == ' ' || line[0] == '\t':
			if last != "" {
				stanza[last] += "\n" + strings.TrimSpace(line)
			}
		default:
			name, value, _ := strings.Cut(line, ":")
			last = strings.ToLower(strings.TrimSpace(name))
			stanza[last] = strings.TrimSpace(value)
		}
	}
	return out
}

// disabled tells whether an Enabled field turns its stanza off; apt takes several words for it.
func disabled(value string) bool {
	return slices.Contains([]string{"no", "false", "0", "off", "without", "disable"}, strings.ToLower(value))
}

// keyringPath keeps a Signed-By value only if it is one file; a fingerprint or an
// embedded key is of no use outside its own stanza.
func keyringPath(value string) string {
	value = strings.TrimSpace(value)
	if filepath.IsAbs(value) && !strings.ContainsAny(value, ", \n") {
		return value
	}
	return ""
}

// debianMirror picks the source that carries Debian's main archive: one whose
// path ends in /debian, else one that serves a Debian suite (a mirror may sit under any path).
// Security and backports archives do not carry other suites and are passed over.
func debianMirror(sources []aptSource) (aptSource, bool) {
	isMain := func(s aptSource) bool { return path.Base(s.URI) == "debian" }
	hasSuite := func(s aptSource) bool {
		return !strings.HasSuffix(s.URI, "-security") && slices.ContainsFunc(s.Suites, debianSuite)
	}
	for _, fits := range []func(aptSource) bool{isMain, hasSuite} {
		if i := slices.IndexFunc(sources, fits); i >= 0 {
			return sources[i], true
		}
	}
	return aptSource{}, false
}

// debianSuite knows the names of Debian's own suites.
func debianSuite(name string) bool {
	return slices.Contains([]string{
		"buster", "bullseye", "bookworm", "trixie", "forky", "duke", "sid",
		"oldstable", "stable", "testing", "unstable",
	}, name)
}

// readAptSources reads the apt configuration below dir (normally /etc/apt).
// Files that cannot be read are passed over: another one may name a mirror.
func readAptSources(dir string) []aptSource {
	var out []aptSource
	lists, _ := filepath.Glob(filepath.Join(dir, "sources.list.d", "*.list"))
	stanzas, _ := filepath.Glob(filepath.Join(dir, "sources.list.d", "*.sources"))
	for _, file := range stanzas {
		if text, err := os.ReadFile(file); err == nil {
			out = append(out, parseDeb822(string(text))...)
		}
	}
	for _, file := range append([]string{filepath.Join(dir, "sources.list")}, lists...) {
		if text, err := os.ReadFile(file); err == nil {
			out = append(out, parseSourcesList(string(text))...)
		}
	}
	return out
}
