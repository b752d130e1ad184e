package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/rs/zerolog"
)

// MysqldEnv names the environment variable with which a user brings a mysqld of their own: its absolute
// path. The client programs are looked for beside it, in ../bin, and in PATH.
const MysqldEnv = "LASTWRITE_MYSQLD"

// Tools are the MySQL programs, each an ordinary path that can be executed with any arguments.
type Tools struct {
	Mysqld      string
	Mysql       string
	Mysqldump   string
	Mysqlbinlog string
	Mysqladmin  string
	// Version is the server's own, such as 9.7.4-2.
	Version string
}

// FindTools returns the MySQL programs: the user's own (MysqldEnv), else those in the cache,
// else it fetches them there, which takes some 10 s and is reported to log. Once fetched, no network is needed.
// ErrUnsupported says that this machine cannot do it and what to do instead.
func FindTools(ctx context.Context, log zerolog.Logger) (Tools, error) {
	if mysqld := os.Getenv(MysqldEnv); mysqld != "" {
		return userTools(ctx, mysqld)
	}
	cache, err := CacheDir()
	if err != nil {
		return Tools{}, err
	}
	entry, m, err := fetchMySQL(ctx, cache, log)
	if err != nil {
		return Tools{}, err
	}
	bin := filepath.Join(entry, "bin")
	return Tools{
		Mysqld:      filepath.Join(bin, "mysqld"),
		Mysql:       filepath.Join(bin, "mysql"),
		Mysqldump:   filepath.Join(bin, "mysqldump"),
		Mysqlbinlog: filepath.Join(bin, "mysqlbinlog"),
		Mysqladmin:  filepath.Join(bin, "mysqladmin"),
		Version:     m.Version,
	}, nil
}

// userTools finds the client programs that belong to a mysqld named by the user.
func userTools(ctx context.Context, mysqld string) (Tools, error) {
	out, err := exec.CommandContext(ctx, mysqld, "--no-defaults", "--version").CombinedOutput()
	if err != nil {
		return Tools{}, fmt.Errorf("run %s=%s: %w", MysqldEnv, mysqld, err)
	}
	tools := Tools{Mysqld: mysqld, Version: versionText(string(out))}
	if !usable(tools.Version) {
		return Tools{}, fmt.Errorf("use %s=%s: not a MySQL server of version 8.0 or later: %s", MysqldEnv, mysqld, lastLine(out))
	}
	dir := filepath.Dir(mysqld)
	for name, path := range map[string]*string{
		"mysql": &tools.Mysql, "mysqldump": &tools.Mysqldump,
		"mysqlbinlog": &tools.Mysqlbinlog, "mysqladmin": &tools.Mysqladmin,
	} {
		if *path, err = findBeside(name, dir, filepath.Join(dir, "../bin")); err != nil {
			return Tools{}, fmt.Errorf("find the programs that belong to %s=%s: %w", MysqldEnv, mysqld, err)
		}
	}
	return tools, nil
}

// usable tells whether a version is one of a MySQL that the lab's options fit.
func usable(version string) bool {
	major, err := strconv.Atoi(strings.SplitN(version, ".", 2)[0])
	return err == nil && major >= 8 && !strings.Contains(version, "MariaDB")
}

// findBeside looks for a program in directories, then in PATH.
func findBeside(name string, dirs ...string) (string, error) {
	for _, dir := range dirs {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return exec.LookPath(name)
}

// versionText takes the version out of `mysqld --version`, which prints "... Ver 9.7.4-2 for Linux on ...".
func versionText(out string) string {
	found := regexp.MustCompile(`\bVer (\S+)`).FindStringSubmatch(out)
	if found == nil {
		return ""
	}
	return found[1]
}

// Prepare is FindTools, and initialises the template data directory too: after it a server starts in about a second.
func Prepare(ctx context.Context, log zerolog.Logger) (Tools, error) {
	tools, err := FindTools(ctx, log)
	if err != nil {
		return Tools{}, err
	}
	cache, err := CacheDir()
	if err != nil {
		return Tools{}, err
	}
	_, err = templateDir(ctx, cache, tools, log)
	return tools, err
}
