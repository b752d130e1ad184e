package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	mdLink   = regexp.MustCompile(`\]\(([^)#:]+)\)`)
	codeName = regexp.MustCompile("`((?:binlog|replica|pitr|internal|cmd|integration)(?:/[a-z0-9_./-]+)?)`")
	target   = regexp.MustCompile("`?make ([a-z-]+)")
)

// What the documents link to and name must be there.
func TestDocumentsNameWhatExists(t *testing.T) {
	root := ".."
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	more, err := filepath.Glob(filepath.Join(root, "docs", "*", "*.md"))
	require.NoError(t, err)
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	require.NoError(t, err)
	for _, doc := range append(append(docs, more...), filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(doc)
		require.NoError(t, err)
		for _, m := range mdLink.FindAllStringSubmatch(string(text), -1) {
			requireThere(t, doc, filepath.Join(filepath.Dir(doc), m[1]))
		}
		for _, m := range codeName.FindAllStringSubmatch(string(text), -1) {
			requireThere(t, doc, filepath.Join(root, m[1]))
		}
		for _, m := range target.FindAllStringSubmatch(string(text), -1) {
			require.Contains(t, string(makefile), "\n"+m[1]+":", "%s names make %s", doc, m[1])
		}
	}
}

// Programs that the README shows are listed by the program itself.
func TestREADMEShowsCommandsThatExist(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	sources, err := filepath.Glob("../cmd/lastwrite/*.go")
	require.NoError(t, err)
	var code strings.Builder
	for _, s := range sources {
		text, err := os.ReadFile(s)
		require.NoError(t, err)
		code.Write(text)
	}
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(readme), -1) {
		for _, m := range regexp.MustCompile(`(?m)^lastwrite ([a-z]+)`).FindAllStringSubmatch(block[1], -1) {
			require.True(t, regexp.MustCompile(`Use:\s+"`+m[1]+`\b`).MatchString(code.String()), "README shows lastwrite %s", m[1])
		}
	}
	require.Contains(t, string(readme), "make demo")
	require.Contains(t, string(readme), "make test")
}

func requireThere(t *testing.T, doc, path string) {
	t.Helper()
	_, err := os.Stat(path)
	require.NoError(t, err, "%s names %s", doc, path)
}
