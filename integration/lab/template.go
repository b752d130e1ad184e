package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"
)

// Accounts that every server of a lab has, for connections over TCP from any address.
const (
	// ReplicationUser may do nothing but replicate.
	ReplicationUser = "repl"
	// LastwriteUser has the privileges that streaming, both kinds of base backup and the watches need.
	LastwriteUser = "lastwrite"
	// AdminUser may do everything.
	AdminUser = "admin"
	// Password is the password of all three.
	Password = "lab-Passw0rd"
)

// LastwriteGrants are the privileges of LastwriteUser, as a GRANT statement lists them: the first line for streaming, the
// second for CLONE and the watches, the third for mysqldump.
const LastwriteGrants = "REPLICATION SLAVE, REPLICATION CLIENT, " +
	"BACKUP_ADMIN, PROCESS, SELECT, " +
	"RELOAD, LOCK TABLES, SHOW VIEW, TRIGGER, EVENT, SHOW_ROUTINE"

// templateSQL makes the accounts, a statement a line as --init-file wants it. It keeps them out of the binary log,
// so that a new server has executed no GTID and any server can follow any other from the start.
func templateSQL() string {
	lines := []string{"SET sql_log_bin = 0;"}
	for _, account := range []struct{ user, grants, more string }{
		{ReplicationUser, "REPLICATION SLAVE", ""},
		{LastwriteUser, LastwriteGrants, ""},
		{AdminUser, "ALL", " WITH GRANT OPTION"},
	} {
		lines = append(lines,
			fmt.Sprintf("CREATE USER '%s'@'%%' IDENTIFIED BY '%s';", account.user, Password),
			fmt.Sprintf("GRANT %s ON *.* TO '%s'@'%%'%s;", account.grants, account.user, account.more))
	}
	return strings.Join(lines, "\n") + "\n"
}

// templateFlags are the server options that shape a data directory when it is initialised.
func templateFlags() []string {
	// The redo log's files are copied for each server: just large enough for the initialisation not to wait.
	return append(rootFlags(), "--skip-log-bin", "--loose-innodb-redo-log-capacity=32M", "--loose-mysqlx=OFF", "--secure-file-priv=NULL")
}

// rootFlags lets mysqld run as root where we are root; it refuses to otherwise.
func rootFlags() []string {
	if os.Geteuid() == 0 {
		return []string{"--user=root"}
	}
	return nil
}

// templateDir returns the cache entry with the data directory for this very mysqld, making it if need be (some 4 s).
func templateDir(ctx context.Context, cache string, tools Tools, log zerolog.Logger) (string, error) {
	info, err := os.Stat(tools.Mysqld)
	if err != nil {
		return "", fmt.Errorf("make a template data directory: %w", err)
	}
	sum := sha256.Sum256(fmt.Appendln(nil, tools.Mysqld, tools.Version, info.Size(), info.ModTime(), templateSQL(), templateFlags()))
	name := "template-" + strings.ReplaceAll(tools.Version, "/", "_") + "-" + hex.EncodeToString(sum[:6])
	if entry, _, ok := newestEntry(cache, name); ok {
		return filepath.Join(entry, "data"), nil
	}
	unlock, err := lockCache(ctx, cache, "template", log)
	if err != nil {
		return "", err
	}
	defer unlock()
	entry, _, ok := newestEntry(cache, name)
	if !ok {
		log.Info().Str("version", tools.Version).Msg("initialising a template data directory")
		entry, err = install(cache, "template", func(work string) (string, marker, error) {
			return name, marker{Version: tools.Version}, initialise(ctx, tools.Mysqld, work)
		})
		if err != nil {
			return "", fmt.Errorf("make a template data directory: %w", err)
		}
	}
	return filepath.Join(entry, "data"), nil
}

// initialise makes a data directory below work.
func initialise(ctx context.Context, mysqld, work string) error {
	script := filepath.Join(work, "accounts.sql")
	if err := os.WriteFile(script, []byte(templateSQL()), 0o644); err != nil {
		return fmt.Errorf("write the accounts' statements: %w", err)
	}
	data := filepath.Join(work, "data")
	args := append([]string{"--no-defaults", "--initialize-insecure", "--datadir=" + data, "--init-file=" + script}, templateFlags()...)
	out, err := exec.CommandContext(ctx, mysqld, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("initialise a data directory: %w: %s", err, tail(string(out), 5))
	}
	if i := bytes.Index(out, []byte("[ERROR]")); i >= 0 { // a refused statement of the script does not fail the program
		return fmt.Errorf("initialise a data directory: %s", lastLine(bytes.SplitN(out[i:], []byte("\n"), 2)[0]))
	}
	return nil
}

// copyTemplate copies a data directory, without what makes a server unique.
func copyTemplate(from, to string) error {
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o750)
		case name == "auto.cnf": // holds the server's UUID
			return nil
		}
		return copyFile(path, filepath.Join(to, name))
	})
	if err != nil {
		return fmt.Errorf("copy the template data directory: %w", err)
	}
	return nil
}

// copyFile copies one file, sharing blocks where the file system can.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_RDWR, info.Mode().Perm())
	if err != nil {
		return err
	}
	if !shareBlocks(out, in) {
		_, err = io.Copy(out, in)
	}
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	return err
}

// tail returns the last lines of a text.
func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
