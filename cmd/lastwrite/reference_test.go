package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"lastwrite/cmd/lastwrite/config"
)

const reference = "../../docs/reference"

// The pages below docs/reference say what the program says of itself: `go test ./cmd/lastwrite -run Reference -update` writes them.
func TestTheReferenceIsTheProgramsOwn(t *testing.T) {
	for name, page := range map[string]string{
		"configuration.md": configurationPage(), "cli.md": cliPage(), "exit-codes.md": exitCodesPage(), "json.md": jsonPage(t),
	} {
		path := filepath.Join(reference, name)
		if updateGolden() {
			require.NoError(t, os.WriteFile(path, []byte(page), 0o644))
		}
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, page, string(got), "%s is out of date: run with -update", name)
	}
}

// escaped is a text that can stand in a cell of a table.
func escaped(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func configurationPage() string {
	var b strings.Builder
	b.WriteString(`# Configuration

Every setting has a key in the configuration file, an environment variable and, unless it is a secret, a flag.
A flag wins over the environment, the environment over the file, the file over the default.

- The file is YAML: ` + "`--config`, else `" + config.PathEnv + "`, else `" + config.DefaultPath + "`" + ` if it is there.
  [An example](../lastwrite.example.yaml) has every key. An unknown key is an error with its line and the nearest key there is.
- Durations and sizes carry a unit: ` + "`30s`, `1m30s`, `64MiB`, `500MB`" + `. A number without one is refused.
- A path in the file is relative to the file; in a flag or a variable, to the working directory.
- A password never stands in the file or on the command line: ` + "`source.password_file`" + ` names a file with it, or
  ` + "`LASTWRITE_SOURCE_PASSWORD`" + ` holds it (and wins). The store's credentials come from the AWS SDK's own chain:
  ` + "`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`" + `, a shared credentials file, or the role of the instance or container.
- ` + "`lastwrite config check`" + ` shows what comes out.

| key | flag | environment | type | default | |
|---|---|---|---|---|---|
`)
	c := config.Defaults()
	for _, s := range c.Settings() {
		flag, def := "", ""
		if s.Flag != "" {
			flag = "`--" + s.Flag + "`"
		}
		if s.Default != "" {
			def = "`" + s.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | %s | %s | %s |\n", s.Key, flag, s.Env, escaped(s.Type), def, escaped(s.Help))
	}
	b.WriteString(`
## The store's address

` + "`file:///path`" + ` is a directory: the embedded default, which needs no server. Its file system must have hard links and flock; lastwrite finds out
at the start. Everybody who writes or reads the archive must see the same directory.

` + "`s3://bucket/prefix`" + ` is a bucket at AWS or at any server that speaks S3 and honours conditional writes (If-None-Match and If-Match).
One that does not is refused at the start, with the reason: two writers could otherwise mix. Parameters:

| parameter | |
|---|---|
| ` + "`region`" + ` | the bucket's region; else from the environment or the shared configuration |
| ` + "`endpoint`" + ` | URL of a server other than AWS, such as ` + "`http://minio:9000`" + ` |
| ` + "`path-style`" + ` | ` + "`true`" + `: the bucket stands in the path; that is the default with an endpoint |
| ` + "`part-size`" + ` | bytes of a part of a multipart upload, and the largest object sent in one request; 16777216 |
| ` + "`concurrency`" + ` | parts under way at once; 4 |
`)
	return b.String()
}

func exitCodesPage() string {
	var b strings.Builder
	b.WriteString("# Exit codes\n\nScripts may rely on them. An error is one line on standard error that begins with `lastwrite: `; where something can be done about it, a\nsecond line begins with `hint: `. `lastwrite help exit-codes` prints this list.\n\n| code | |\n|---|---|\n")
	for _, c := range exitCodes() {
		fmt.Fprintf(&b, "| %d | %s |\n", c.code, c.meaning)
	}
	b.WriteString("\nWhat `lastwrite run` meets after it has started, and that may mend itself (an unreachable source, a store or a spool that takes nothing), does not end\nit: it is logged, and tried again.\n")
	return b.String()
}

// cliPage is the help of every command.
func cliPage() string {
	a := &app{environment: environment{now: time.Now}, flags: map[string]*settingFlag{}}
	root := a.rootCommand()
	var b strings.Builder
	b.WriteString("# Commands\n\nResults go to standard output; progress, logs, plans and questions to standard error. `--json` on every command prints\n[documents](json.md) that stay as they are. [Exit codes](exit-codes.md) say how it ended. Settings are explained on [their page](configuration.md).\n\n")
	fmt.Fprintf(&b, "Flags of every command:\n\n```\n%s```\n", root.PersistentFlags().FlagUsages())
	for _, cmd := range root.Commands() {
		describeCommand(&b, cmd, 2)
	}
	return b.String()
}

func describeCommand(b *strings.Builder, cmd *cobra.Command, level int) {
	if !cmd.IsAvailableCommand() || cmd.Name() == "help" || cmd.Name() == "completion" {
		return
	}
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	fmt.Fprintf(b, "\n%s lastwrite %s\n\n%s\n", strings.Repeat("#", level), strings.TrimPrefix(cmd.CommandPath(), "lastwrite "), codeBlocks(text))
	if cmd.Example != "" {
		fmt.Fprintf(b, "\n```sh\n%s\n```\n", regexp.MustCompile(`(?m)^  `).ReplaceAllString(cmd.Example, ""))
	}
	if flags := cmd.LocalNonPersistentFlags().FlagUsages(); flags != "" {
		fmt.Fprintf(b, "\n```\n%s```\n", flags)
	}
	for _, child := range cmd.Commands() {
		describeCommand(b, child, level+1)
	}
}

// codeBlocks marks the indented lines of a help text as such.
func codeBlocks(text string) string {
	return regexp.MustCompile(`(?m)^  `).ReplaceAllString(text, "    ")
}

// jsonPage shows the golden document of each command.
func jsonPage(t *testing.T) string {
	var b strings.Builder
	b.WriteString(`# JSON

With ` + "`--json`" + ` a command prints one document, ` + "`lastwrite log`" + ` one on each line. Members may be added; those shown here keep their names and meanings.
Times are RFC 3339 in UTC, with microseconds where MySQL has them. Sizes are bytes. GTID sets are MySQL's notation, an empty text for none.
Members that can be missing say so below; a ` + "`null`" + ` means: there is none. When a command fails, its error is a line on standard error all the
same; what it had found out is printed where that is useful.
`)
	for _, d := range []struct{ name, title, text string }{
		{"status", "lastwrite status", "`daemon` is null when none answers on the socket in the spool directory; it is the document that the socket itself serves at `GET /v1/status`. `archive` is null when nothing is archived. `source` is null when no source is configured; in it, `lag_gtids` is what the source has executed and the archive lacks, and `lag_seconds` the time since the last archived commit, 0 when nothing is missing. `error`, `failing`, `last_fault` and `last_fault_at` are missing when there is no trouble. `windows` are the spans in which every moment can be restored."},
		{"log", "lastwrite log", "One line for each transaction (shown here on several). `start` and `end` are its place in the source's log file. `statements` is what the log holds as text, `tables` what rows changed, `effects` what the statements do; `changed` is false for a DROP … IF EXISTS that found nothing. `originally_committed` is missing where it is the same time; `cut`, `opaque` and `detail` where they do not apply."},
		{"backup-take", "lastwrite backup take", "`gtid_executed` is proved, not noted. `warnings` is missing when there are none."},
		{"backup-list", "lastwrite backup list", "Oldest first."},
		{"backup-verify", "lastwrite backup verify", "Exit code 8 when one is damaged."},
		{"restore", "lastwrite restore", "With `--dry-run` there is a `plan` and `result` is null. `copy_back` is null unless it was asked for. `expect` is what gtid_executed had to be in the end, and `result` what it was."},
		{"restore-ambiguous", "lastwrite restore, when several statements match", "`matches` in the order in which `--match` counts them, from 1; the exit code is 7. When none matches, `near` lists what destroyed or renamed the same thing another way."},
		{"archive-export", "lastwrite archive export", "`again` and `holes` are missing when they are 0."},
		{"archive-verify", "lastwrite archive verify", "Exit code 8 when there are findings. `key` is missing for a gap, which is in no object."},
		{"config-check", "lastwrite config check", "The value of a secret is `(set)` or empty."},
		{"version", "lastwrite version", "`commit`, `commit_time` and `modified` are missing when it was not built from a repository."},
	} {
		text, err := os.ReadFile(filepath.Join("testdata", d.name+".json"))
		require.NoError(t, err)
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n```json\n%s```\n", d.title, d.text, text)
	}
	return b.String()
}

// The example has every setting, is read as it is, and says the defaults.
func TestTheExampleHasEverySetting(t *testing.T) {
	path := "../../docs/lastwrite.example.yaml"
	load := func(path string) config.Config {
		c, _, err := config.Loader{Path: path, Getenv: func(string) string { return "" }, Dir: "/"}.Load()
		require.NoError(t, err)
		return c
	}
	path, err := filepath.Abs(path)
	require.NoError(t, err)
	load(path)

	// What is optional is written as a comment without a space behind the sign.
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	full := regexp.MustCompile(`(?m)^( *)#([a-z_]+:)`).ReplaceAllString(string(text), "$1$2")
	full = strings.ReplaceAll(full, "/run/secrets/mysql-password", filepath.Join(t.TempDir(), "password"))
	secret := regexp.MustCompile(`password_file: (\S+)`).FindStringSubmatch(full)
	require.NoError(t, os.WriteFile(secret[1], []byte("x\n"), 0o600))
	whole := filepath.Join(t.TempDir(), "full.yaml")
	require.NoError(t, os.WriteFile(whole, []byte(full), 0o600))
	c := load(whole)
	for _, s := range c.Settings() {
		if s.Secret {
			continue
		}
		name := s.Key[strings.LastIndexByte(s.Key, '.')+1:]
		require.Regexp(t, `(?m)^ *#?`+name+`:`, string(text), s.Key)
		require.NotEmpty(t, s.Get(), "the example says nothing of %s", s.Key)
		if s.Default != "" && s.Key != "store" && s.Key != "cluster" && s.Key != "source.tls.mode" {
			require.Equal(t, s.Default, s.Get(), "the example's %s is not the default", s.Key)
		}
	}
}
