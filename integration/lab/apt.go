package lab

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
)

// ErrUnsupported says that this machine cannot fetch a component by itself. The message names the way out.
var ErrUnsupported = errors.New("cannot fetch MySQL on this machine; set LASTWRITE_MYSQLD to a mysqld of your own")

// privateApt is an apt of our own beside the machine's: its sources are one mirror and one suite, and its
// dpkg status is empty, so that a package is fetched with its whole closure, C library included, and
// what the system has installed neither matters nor changes. It needs no privileges.
type privateApt struct {
	dir   string // everything apt writes is below it
	suite string
	arch  string // Debian's name of the architecture
	log   zerolog.Logger
}

// deb is one package file of a closure.
type deb struct {
	Name, Version string
	Size          int64 // bytes
}

// newPrivateApt prepares dir for a suite of the given mirror.
func newPrivateApt(dir, suite, arch string, mirror aptSource, log zerolog.Logger) (*privateApt, error) {
	for _, sub := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("prepare apt: %w", err)
		}
	}
	keyring := mirror.Keyring
	if keyring == "" {
		keyring = defaultKeyring
	}
	list := fmt.Sprintf("deb [arch=%s signed-by=%s] %s %s main\n", arch, keyring, mirror.URI, suite)
	for name, text := range map[string]string{"sources.list": list, "status": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, fmt.Errorf("prepare apt: %w", err)
		}
	}
	return &privateApt{dir: dir, suite: suite, arch: arch, log: log}, nil
}

// command builds an apt-get call. The machine's own apt.conf.d stays in force on purpose: proxies and
// credentials for its mirror are configured there.
func (a *privateApt) command(ctx context.Context, args ...string) *exec.Cmd {
	options := []string{
		"Dir::Etc::SourceList=" + filepath.Join(a.dir, "sources.list"),
		"Dir::Etc::SourceParts=/dev/null",
		"Dir::Etc::Preferences=/dev/null",
		"Dir::Etc::PreferencesParts=/dev/null",
		"Dir::State=" + a.dir,
		"Dir::State::Lists=" + filepath.Join(a.dir, "lists"),
		"Dir::State::status=" + filepath.Join(a.dir, "status"),
		"Dir::Cache=" + filepath.Join(a.dir, "cache"),
		"APT::Architecture=" + a.arch,
		"APT::Default-Release=" + a.suite,
		"APT::Sandbox::User=root", // no change of user: the directories are ours
		"Acquire::Languages=none",
		"Acquire::Retries=2",
		"APT::Update::Error-Mode=any", // an index that cannot be had is an error, not a warning
		"Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
	}
	all := []string{"-q", "-y", "--no-install-recommends"}
	for _, option := range options {
		all = append(all, "-o", option)
	}
	cmd := exec.CommandContext(ctx, "apt-get", append(all, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	return cmd
}

// run calls apt-get and returns what it printed.
func (a *privateApt) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := a.command(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, aptError(ctx, "run apt-get "+args[0], err, stderr.Bytes())
	}
	return stdout.Bytes(), nil
}

// closure reads the suite's index and lists the packages with everything they need.
func (a *privateApt) closure(ctx context.Context, packages ...string) ([]deb, error) {
	if _, err := a.run(ctx, "update"); err != nil {
		return nil, err
	}
	out, err := a.run(ctx, append([]string{"install", "--print-uris", "-q"}, packages...)...)
	if err != nil {
		return nil, err
	}
	debs := parsePrintURIs(out)
	if len(debs) == 0 {
		return nil, fmt.Errorf("list packages: apt-get names none for %s", strings.Join(packages, " "))
	}
	return debs, nil
}

// parsePrintURIs reads apt-get's --print-uris lines: 'uri' file size hash.
func parsePrintURIs(out []byte) []deb {
	var debs []deb
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || !strings.HasPrefix(fields[0], "'") || !strings.HasSuffix(fields[1], ".deb") {
			continue
		}
		parts := strings.Split(strings.TrimSuffix(fields[1], ".deb"), "_")
		size, err := strconv.ParseInt(fields[2], 10, 64)
		if len(parts) != 3 || err != nil {
			continue
		}
		version, err := url.PathUnescape(parts[1]) // an epoch's colon is written %3a
		if err != nil {
			continue
		}
		debs = append(debs, deb{Name: parts[0], Version: version, Size: size})
	}
	return debs
}

// download fetches the packages' closure and returns the files.
func (a *privateApt) download(ctx context.Context, total int64, packages ...string) ([]string, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("download packages: %w", err)
	}
	defer reader.Close()
	cmd := a.command(ctx, append([]string{"install", "-d", "-o", "APT::Status-Fd=3"}, packages...)...)
	cmd.ExtraFiles = []*os.File{writer}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		_ = writer.Close()
		return nil, fmt.Errorf("download packages: %w", err)
	}
	_ = writer.Close() // the child has its own; ours would keep the pipe open
	a.reportDownload(reader, total)
	if err := cmd.Wait(); err != nil {
		return nil, aptError(ctx, "download packages", err, stderr.Bytes())
	}
	return filepath.Glob(filepath.Join(a.dir, "cache/archives/*.deb"))
}

// reportDownload turns apt's status lines (dlstatus:item:percent:text) into a line of progress per fifth.
func (a *privateApt) reportDownload(status io.Reader, total int64) {
	next := 20.0
	for lines := bufio.NewScanner(status); lines.Scan(); {
		fields := strings.SplitN(lines.Text(), ":", 4)
		if len(fields) < 4 || fields[0] != "dlstatus" {
			continue
		}
		percent, err := strconv.ParseFloat(fields[2], 64)
		if err != nil || percent < next {
			continue
		}
		next = percent + 20
		a.log.Info().Int("percent", int(percent)).Int64("of_mb", total>>20).Msg("downloading")
	}
}

// unpack extracts package files below prefix, as many side by side as there are processors.
func unpack(ctx context.Context, files []string, prefix string, parallel int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, file := range files {
		group.Go(func() error {
			out, err := exec.CommandContext(ctx, "dpkg", "-x", file, prefix).CombinedOutput()
			if err != nil {
				return fmt.Errorf("unpack %s: %w: %s", filepath.Base(file), err, lastLine(out))
			}
			return nil
		})
	}
	return group.Wait()
}

// aptError says why apt-get failed: because it was interrupted, or the first error that it
// names, since the last one only sums up.
func aptError(ctx context.Context, what string, err error, stderr []byte) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	for line := range bytes.Lines(stderr) {
		if bytes.HasPrefix(line, []byte("E: ")) {
			return fmt.Errorf("%s: %w: %s", what, err, bytes.TrimSpace(line))
		}
	}
	return fmt.Errorf("%s: %w: %s", what, err, lastLine(stderr))
}

// lastLine returns the last line of a program's output that says something.
func lastLine(out []byte) string {
	text := strings.TrimSpace(string(out))
	return text[strings.LastIndexByte(text, '\n')+1:]
}
