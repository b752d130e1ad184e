package integration

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "lastwrite"

// layers is the import table: which of our packages a package may import (tests excepted). A package below cmd and integration that
// is not in it, an import that is not in its row, and a row or an entry that nothing needs, all fail.
var layers = map[string][]string{
	"internal/objstore":           {},
	"internal/objstore/mem":       {"internal/objstore"},
	"internal/objstore/file":      {"internal/objstore"},
	"internal/objstore/s3":        {"internal/objstore"},
	"internal/objstore/retry":     {"internal/objstore"},
	"internal/objstore/faulty":    {"internal/objstore"},
	"internal/objstore/meter":     {"internal/objstore"},
	"internal/objstore/storetest": {"internal/objstore"},

	"binlog":            {},
	"binlog/binlogtest": {"binlog"},
	"binlog/statement":  {},
	"binlog/segment":    {"binlog"},
	"binlog/archive":    {"binlog", "binlog/segment", "binlog/statement", "internal/objstore"},
	"binlog/server":     {"binlog"},

	"replica":        {"binlog"},
	"replica/node":   {"binlog", "replica"},
	"replica/stream": {"binlog", "replica", "replica/node"},

	"pitr":         {"binlog"},
	"pitr/program": {"replica", "replica/node"},
	"pitr/scratch": {"pitr/program", "replica", "replica/node"},
	"pitr/backup":  {"binlog", "internal/objstore", "pitr", "pitr/program", "pitr/scratch", "replica/node"},
	"pitr/locate":  {"binlog", "binlog/archive", "binlog/statement", "pitr"},
	"pitr/restore": {"binlog", "binlog/server", "pitr", "pitr/program", "pitr/scratch", "replica", "replica/node"},
}

// wiring may import everything: the program, and what tries it out.
func wiring(pkg string) bool {
	return strings.HasPrefix(pkg, "cmd/") || pkg == "integration" || strings.HasPrefix(pkg, "integration/")
}

// only lists third-party modules that one package alone may use.
var only = map[string]string{
	"github.com/pingcap/tidb/pkg/parser": "binlog/statement",
	"github.com/aws/aws-sdk-go-v2":       "internal/objstore/s3",
}

func TestPackagesImportOnlyWhatTheirLayerAllows(t *testing.T) {
	seen := map[string][]string{}
	for _, line := range goList(t) {
		pkg, imports, _ := strings.Cut(line, " ")
		pkg = strings.TrimPrefix(strings.TrimPrefix(pkg, module), "/")
		for _, imp := range strings.Fields(imports) {
			checkThirdParty(t, pkg, imp)
			if own, ok := strings.CutPrefix(imp, module+"/"); ok {
				seen[pkg] = append(seen[pkg], own)
			}
		}
		if wiring(pkg) {
			continue
		}
		allowed, known := layers[pkg]
		if !known {
			t.Errorf("package %s is not in the import table", pkg)
			continue
		}
		for _, imp := range seen[pkg] {
			if !slices.Contains(allowed, imp) {
				t.Errorf("%s must not import %s", pkg, imp)
			}
		}
		for _, imp := range allowed {
			if !slices.Contains(seen[pkg], imp) {
				t.Errorf("stale entry: %s does not import %s", pkg, imp)
			}
		}
		seen[pkg] = append(seen[pkg], "")
	}
	for pkg := range layers {
		if _, ok := seen[pkg]; !ok {
			t.Errorf("stale row: there is no package %s", pkg)
		}
	}
}

func checkThirdParty(t *testing.T, pkg, imp string) {
	for mod, owner := range only {
		if strings.HasPrefix(imp, mod) && pkg != owner && !wiring(pkg) {
			t.Errorf("%s imports %s, which only %s may", pkg, imp, owner)
		}
	}
}

func goList(t *testing.T) []string {
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"/...")
	out, err := cmd.Output()
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
