package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/rs/zerolog"
)

// suite is the Debian suite whose MySQL is fetched; it carries the current LTS series.
const suite = "sid"

// platform is what differs between the machines a Debian MySQL can be run on.
type platform struct {
	arch    string // Debian's name
	triplet string // the library directory below usr/lib
	loader  string // the C library's program loader
}

// platformFor maps Go's names to Debian's.
func platformFor(goos, goarch string) (platform, error) {
	if goos != "linux" {
		return platform{}, fmt.Errorf("%w (it needs Linux, this is %s)", ErrUnsupported, goos)
	}
	switch goarch {
	case "amd64":
		return platform{"amd64", "x86_64-linux-gnu", "ld-linux-x86-64.so.2"}, nil
	case "arm64":
		return platform{"arm64", "aarch64-linux-gnu", "ld-linux-aarch64.so.1"}, nil
	}
	return platform{}, fmt.Errorf("%w (no packages known for %s)", ErrUnsupported, goarch)
}

// fetchMySQL returns the cache entry with a MySQL, fetching it if there is none yet. A
// complete entry is used without touching the network.
func fetchMySQL(ctx context.Context, cache string, log zerolog.Logger) (string, marker, error) {
	plat, err := platformFor(runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return "", marker{}, err
	}
	pattern := "mysql-" + suite + "-*-" + plat.arch
	if entry, m, ok := newestEntry(cache, pattern); ok {
		return entry, m, nil
	}
	unlock, err := lockCache(ctx, cache, "mysql", log)
	if err != nil {
		return "", marker{}, err
	}
	defer unlock()
	if entry, m, ok := newestEntry(cache, pattern); ok {
		return entry, m, nil // another process was first
	}
	mirror, err := aptMirror("/etc/apt")
	if err != nil {
		return "", marker{}, err
	}
	entry, err := install(cache, "mysql", func(work string) (string, marker, error) {
		return fillMySQL(ctx, cache, work, plat, mirror, log)
	})
	if err != nil {
		return "", marker{}, fmt.Errorf("fetch MySQL (or set %s to a mysqld of your own): %w", MysqldEnv, err)
	}
	m, _ := readMarker(entry)
	return entry, m, nil
}

// aptMirror finds the machine's Debian mirror and the programs needed to use it.
func aptMirror(dir string) (aptSource, error) {
	for _, program := range []string{"apt-get", "dpkg"} {
		if _, err := exec.LookPath(program); err != nil {
			return aptSource{}, fmt.Errorf("%w (there is no %s here)", ErrUnsupported, program)
		}
	}
	mirror, ok := debianMirror(readAptSources(dir))
	if !ok {
		return aptSource{}, fmt.Errorf("%w (no Debian mirror is configured in %s)", ErrUnsupported, dir)
	}
	return mirror, nil
}

// fillMySQL downloads and unpacks MySQL into work and names the entry after what it holds.
func fillMySQL(ctx context.Context, cache, work string, plat platform, mirror aptSource, log zerolog.Logger) (string, marker, error) {
	packages := []string{"mysql-server-core", "mysql-client-core"}
	aptDir := filepath.Join(work, "apt")
	apt, err := newPrivateApt(aptDir, suite, plat.arch, mirror, log)
	if err != nil {
		return "", marker{}, err
	}
	log.Info().Str("suite", suite).Msg("reading the package index for MySQL")
	debs, err := apt.closure(ctx, packages...)
	if err != nil {
		return "", marker{}, err
	}
	m := marker{Suite: suite, Packages: map[string]string{}}
	var total int64
	for _, d := range debs {
		total += d.Size
		m.Packages[d.Name] = d.Version
	}
	log.Info().Str("version", m.Packages[packages[0]]).Int("packages", len(debs)).Int64("mb", total>>20).Msg("fetching MySQL into the cache")
	files, err := apt.download(ctx, total, packages...)
	if err != nil {
		return "", marker{}, err
	}
	files = slices.DeleteFunc(files, func(file string) bool { return unneeded(filepath.Base(file)) })
	log.Info().Int("packages", len(files)).Msg("unpacking")
	prefix := filepath.Join(work, "root")
	if err := unpack(ctx, files, prefix, runtime.GOMAXPROCS(0)); err != nil {
		return "", marker{}, err
	}
	if err := trim(aptDir, filepath.Join(prefix, "usr/share/doc"), filepath.Join(prefix, "usr/share/man")); err != nil {
		return "", marker{}, err
	}
	name := fmt.Sprintf("mysql-%s-%s-%s", suite, strings.ReplaceAll(m.Packages[packages[0]], ":", "."), plat.arch)
	if m.Version, err = checkMySQL(ctx, prefix, plat); err != nil {
		return "", marker{}, err
	}
	if err := writeWrappers(filepath.Join(work, "bin"), filepath.Join(cache, name, "root"), plat); err != nil {
		return "", marker{}, err
	}
	return name, m, nil
}

// unneeded tells whether a package of the closure serves only MySQL's Perl scripts, none of which is used.
func unneeded(file string) bool {
	for _, prefix := range []string{"perl", "libperl", "libgdbm", "libdb5"} {
		if strings.HasPrefix(file, prefix) {
			return true
		}
	}
	return false
}

// trim removes what is not needed once unpacked.
func trim(dirs ...string) error {
	for _, dir := range dirs {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("trim the cache entry: %w", err)
		}
	}
	return nil
}

// checkMySQL proves that what was unpacked runs and has the plugins that the tests rely on;
// it returns what `mysqld --version` prints.
func checkMySQL(ctx context.Context, prefix string, plat platform) (string, error) {
	for _, plugin := range []string{"mysql_clone.so", "semisync_source.so", "semisync_replica.so"} {
		if _, err := os.Stat(filepath.Join(prefix, "usr/lib/mysql/plugin", plugin)); err != nil {
			return "", fmt.Errorf("check the fetched MySQL: %w", err)
		}
	}
	var server string
	for _, program := range fetchedPrograms() {
		args := append(plat.loaderArgs(prefix), filepath.Join(prefix, program), "--no-defaults", "--version")
		out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("check the fetched %s: %w: %s", filepath.Base(program), err, lastLine(out))
		}
		if filepath.Base(program) == "mysqld" {
			server = versionText(string(out))
		}
	}
	return server, nil
}

// loaderArgs is the start of a command line that runs a program of prefix with prefix's own loader and
// libraries: the fetched C library may be newer than the machine's.
func (p platform) loaderArgs(prefix string) []string {
	libs := filepath.Join(prefix, "usr/lib", p.triplet)
	return []string{filepath.Join(libs, p.loader), "--library-path", libs}
}

// fetchedPrograms are the programs given a wrapper, as paths below the prefix.
func fetchedPrograms() []string {
	return []string{"usr/sbin/mysqld", "usr/bin/mysql", "usr/bin/mysqldump", "usr/bin/mysqlbinlog", "usr/bin/mysqladmin"}
}

// writeWrappers makes each program one ordinary path. A wrapper replaces itself with the program, so that
// the process started is the server, and passes its arguments on untouched: options that
// must come first (--no-defaults, --defaults-file) stay first. No further options are needed, because
// MySQL derives basedir, message, character set and plugin directories from the path in argv[0],
// and the loader sets that to the program's own.
func writeWrappers(bin, prefix string, plat platform) error {
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return fmt.Errorf("write wrappers: %w", err)
	}
	for _, program := range fetchedPrograms() {
		command := append(plat.loaderArgs(prefix), filepath.Join(prefix, program))
		for i := range command {
			command[i] = shellQuote(command[i])
		}
		script := "#!/bin/sh\nexec " + strings.Join(command, " ") + " \"$@\"\n"
		if err := os.WriteFile(filepath.Join(bin, filepath.Base(program)), []byte(script), 0o755); err != nil {
			return fmt.Errorf("write wrappers: %w", err)
		}
	}
	return nil
}

// shellQuote makes one word of a string for sh.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
