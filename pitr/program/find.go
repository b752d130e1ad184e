package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"

	"lastwrite/replica"
)

// MysqldEnv names the environment variable with the path of the mysqld to use. The client programs are looked for beside it first.
const MysqldEnv = "LASTWRITE_MYSQLD"

// ErrNotFound says that one of MySQL's programs is not on this machine.
var ErrNotFound = errors.New("program not found")

// Set is where MySQL's programs are. An empty path means: not found, or not looked for yet.
type Set struct {
	Mysqld    string
	Mysql     string
	Mysqldump string
}

// Find completes given: paths in it are checked and kept. mysqld is taken from the environment (MysqldEnv, asked through getenv), else
// from PATH and the usual places; mysql and mysqldump from beside it, else from PATH. What is not found stays
// empty, for not everybody needs all of them: see Need. A path that was named and cannot be run is ErrNotFound.
func Find(given Set, getenv func(string) string) (Set, error) {
	found := given
	if found.Mysqld == "" {
		found.Mysqld = getenv(MysqldEnv)
	}
	for _, named := range []string{found.Mysqld, given.Mysql, given.Mysqldump} {
		if named == "" {
			continue
		}
		if _, err := exec.LookPath(named); err != nil {
			return Set{}, fmt.Errorf("%w: %w", ErrNotFound, err)
		}
	}
	if found.Mysqld == "" {
		found.Mysqld = look("mysqld", "/usr/sbin", "/usr/local/sbin", "/usr/local/mysql/bin")
	}
	var beside []string
	if found.Mysqld != "" {
		dir := filepath.Dir(found.Mysqld)
		beside = []string{dir, filepath.Join(dir, "../bin")}
	}
	if found.Mysql == "" {
		found.Mysql = look("mysql", beside...)
	}
	if found.Mysqldump == "" {
		found.Mysqldump = look("mysqldump", beside...)
	}
	return found, nil
}

// look finds a program in directories, then in PATH; empty if there is none.
func look(name string, dirs ...string) string {
	for _, dir := range dirs {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

// Need returns path, or ErrNotFound with the program's name where path is empty.
func Need(name, path string) (string, error) {
	if path == "" {
		return "", fmt.Errorf("%w: %s is neither beside mysqld nor in PATH", ErrNotFound, name)
	}
	return path, nil
}

// Version asks a program of MySQL for its version. Errors: ErrNotFound when it cannot be run, and those of
// replica.ParseVersion (MariaDB's programs bear the same names).
func Version(ctx context.Context, path string) (replica.Version, error) {
	var out, complaint bytes.Buffer
	if err := Run(ctx, Command{Path: path, Args: []string{"--no-defaults", "--version"}, Stdout: &out, Stderr: &complaint}); err != nil {
		return replica.Version{}, fmt.Errorf("ask for the version of %s: %w", path, err)
	}
	// mysqld prints "… Ver 9.7.4-2 for Linux on x86_64 (Debian)".
	text := firstLine(out.String())
	if found := versionWord.FindStringSubmatch(text); found != nil {
		text = found[1]
	}
	version, err := replica.ParseVersion(text)
	if err != nil {
		return replica.Version{}, fmt.Errorf("ask for the version of %s: %w", path, err)
	}
	return version, nil
}

var versionWord = regexp.MustCompile(`\bVer (\S+)`)
