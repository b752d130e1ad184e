package config

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"lastwrite/binlog/archive"
	"lastwrite/replica"
)

// Group says which commands a setting belongs to.
type Group int

// The groups.
const (
	Global    Group = iota // every command
	Source_                // commands that speak to the source
	Stream_                // run
	Programs_              // commands that start MySQL's programs
	Restore_               // restore
)

// Setting is one thing that can be set.
type Setting struct {
	Key     string // in the file: names joined by dots
	Flag    string // without dashes; empty: a secret, or not for the command line
	Env     string // environment variable
	Type    string // what the value is, in a word: text, path, duration, size, number, address, or the choices
	Default string // empty: none
	Help    string // one sentence, beginning in lower case
	Group   Group
	Secret  bool // from the environment only

	// Set reads a value. Its error says what is wrong with it, and what would be right.
	Set func(string) error
	// Get writes the present value as Set reads it.
	Get func() string
}

// Settings lists all settings, bound to c, in the order of the reference page.
func (c *Config) Settings() []Setting {
	list := []Setting{
		{Key: "cluster", Flag: "cluster", Type: "name", Default: "main",
			Help: "name of the cluster: one history in the store, a primary and whoever takes its place"},
		{Key: "store", Flag: "store", Type: "URL", Default: "file:///var/lib/lastwrite/store",
			Help: "object store: file:///path, or s3://bucket/prefix with ?region=, ?endpoint=, ?path-style=, ?part-size=, ?concurrency="},
		{Key: "spool.dir", Flag: "spool", Type: "path", Default: "/var/lib/lastwrite/spool",
			Help: "local directory where segments are put together before they are stored"},
		{Key: "spool.max", Flag: "spool-max", Type: "size", Default: "4GiB", Group: Stream_,
			Help: "what the spool may hold while the store is away; then the source has to wait"},

		{Key: "source.address", Flag: "source", Type: "address", Group: Source_,
			Help: "the primary: host, host:port, or the absolute path of its Unix socket, with user@ in front if you like"},
		{Key: "source.user", Flag: "source-user", Type: "text", Group: Source_,
			Help: "account at the source; see docs/reference/privileges.md for what it may need to do"},
		{Key: "source.password", Type: "secret", Group: Source_, Secret: true,
			Help: "its password; from the environment only"},
		{Key: "source.password_file", Flag: "source-password-file", Type: "path", Group: Source_,
			Help: "file with its password, which a line break may end; read at every start"},
		{Key: "source.tls.mode", Flag: "source-tls", Type: "disabled|preferred|required|verify-ca|verify-identity", Default: "preferred", Group: Source_,
			Help: "how the connection is protected, in the words of MySQL's --ssl-mode"},
		{Key: "source.tls.ca", Flag: "source-tls-ca", Type: "path", Group: Source_,
			Help: "PEM file of certificate authorities; without it the system's are used"},
		{Key: "source.tls.cert", Flag: "source-tls-cert", Type: "path", Group: Source_,
			Help: "PEM file of the client's certificate"},
		{Key: "source.tls.key", Flag: "source-tls-key", Type: "path", Group: Source_,
			Help: "PEM file of the client's key"},
		{Key: "source.tls.server_name", Flag: "source-tls-server-name", Type: "text", Group: Source_,
			Help: "name that the server's certificate must be made out for; without it, the host of the address"},

		{Key: "source.server_id", Flag: "server-id", Type: "number", Default: "0", Group: Stream_,
			Help: "replication id, which no other replica of the source may have; 0 makes one from the cluster's name"},
		{Key: "source.report_host", Flag: "report-host", Type: "text", Group: Stream_,
			Help: "host name to show in SHOW REPLICAS; without it, lastwrite@ and this host's name"},
		{Key: "source.heartbeat", Flag: "heartbeat", Type: "duration", Default: "5s", Group: Stream_,
			Help: "how often an idle source says that it is there; after four silent periods the connection is made anew"},
		{Key: "stream.from", Flag: "begin", Type: "oldest|current", Default: "oldest", Group: Stream_,
			Help: "where an archive that holds nothing yet begins: at the oldest log file the source has, or at the one it writes now"},
		{Key: "stream.flush", Flag: "flush", Type: "duration", Default: "1s", Group: Stream_,
			Help: "longest time that a committed transaction waits before it is on its way to the store"},
		{Key: "stream.segment_size", Flag: "segment-size", Type: "size", Default: "64MiB", Group: Stream_,
			Help: "log, before compression, after which a segment is closed sooner"},
		{Key: "stream.shutdown_timeout", Flag: "shutdown-timeout", Type: "duration", Default: "30s", Group: Stream_,
			Help: "how long a stop may take to store what is whole; what is left stays in the spool for the next start"},

		{Key: "log.level", Flag: "log-level", Type: "debug|info|warn|error", Default: "info",
			Help: "what is said of the work, on standard error"},
		{Key: "log.format", Flag: "log-format", Type: "auto|text|json", Default: "auto",
			Help: "auto is text on a terminal and JSON lines elsewhere"},

		{Key: "programs.mysqld", Flag: "mysqld", Env: "LASTWRITE_MYSQLD", Type: "path", Group: Programs_,
			Help: "mysqld for restores and proofs, of the source's release series; without it, looked for in PATH and the usual places"},
		{Key: "programs.mysql", Flag: "mysql", Env: "LASTWRITE_MYSQL", Type: "path", Group: Programs_,
			Help: "mysql client; without it, looked for beside mysqld and in PATH"},
		{Key: "programs.mysqldump", Flag: "mysqldump", Env: "LASTWRITE_MYSQLDUMP", Type: "path", Group: Programs_,
			Help: "mysqldump; without it, looked for beside mysqld and in PATH"},

		{Key: "restore.workers", Flag: "workers", Type: "number", Default: "4", Group: Restore_,
			Help: "transactions applied at the same time"},
		{Key: "restore.buffer_pool", Flag: "buffer-pool", Type: "size", Default: "512MiB", Group: Restore_,
			Help: "memory for InnoDB's cache while the log is applied"},
	}
	for i := range list {
		s := &list[i]
		if s.Env == "" {
			s.Env = "LASTWRITE_" + strings.ToUpper(strings.ReplaceAll(s.Key, ".", "_"))
		}
		s.Set, s.Get = c.bind(s.Key)
	}
	return list
}

// bind returns how a setting's value is read and written.
func (c *Config) bind(key string) (set func(string) error, get func() string) {
	switch key {
	case "cluster":
		return text(&c.Cluster, archive.ValidCluster)
	case "store":
		return text(&c.Store, checkStore)
	case "spool.dir":
		return path(&c.Spool.Dir)
	case "spool.max":
		return size(&c.Spool.Max, 16<<20)
	case "source.address":
		return c.bindAddress()
	case "source.user":
		return text(&c.Source.User, nil)
	case "source.password":
		return text(&c.Source.Password, nil)
	case "source.password_file":
		return path(&c.Source.PasswordFile)
	case "source.tls.mode":
		return choice(&c.Source.TLS.Mode, "disabled", "preferred", "required", "verify-ca", "verify-identity")
	case "source.tls.ca":
		return path(&c.Source.TLS.CA)
	case "source.tls.cert":
		return path(&c.Source.TLS.Cert)
	case "source.tls.key":
		return path(&c.Source.TLS.Key)
	case "source.tls.server_name":
		return text(&c.Source.TLS.ServerName, nil)
	}
	return c.bindWork(key)
}

// bindWork is bind for what is not about where things are.
func (c *Config) bindWork(key string) (set func(string) error, get func() string) {
	switch key {
	case "source.server_id":
		return number(&c.Source.ServerID, 0, 1<<32-1)
	case "source.report_host":
		return text(&c.Source.ReportHost, checkReportHost)
	case "source.heartbeat":
		return duration(&c.Source.Heartbeat, 100*time.Millisecond)
	case "stream.from":
		return choice(&c.Stream.From, "oldest", "current")
	case "stream.flush":
		return duration(&c.Stream.Flush, 10*time.Millisecond)
	case "stream.segment_size":
		return size(&c.Stream.SegmentSize, 1<<20)
	case "stream.shutdown_timeout":
		return duration(&c.Stream.ShutdownTimeout, 0)
	case "log.level":
		return choice(&c.Log.Level, "debug", "info", "warn", "error")
	case "log.format":
		return choice(&c.Log.Format, "auto", "text", "json")
	case "programs.mysqld":
		return path(&c.Programs.Mysqld)
	case "programs.mysql":
		return path(&c.Programs.Mysql)
	case "programs.mysqldump":
		return path(&c.Programs.Mysqldump)
	case "restore.workers":
		return number(&c.Restore.Workers, 1, 1024)
	case "restore.buffer_pool":
		return size(&c.Restore.BufferPool, 16<<20)
	}
	unknown := func(string) error { return fmt.Errorf("setting %s is bound to nothing", key) }
	return unknown, func() string { return "" }
}

func (c *Config) bindAddress() (set func(string) error, get func() string) {
	return func(value string) error {
		if value == "" {
			c.Source.Address, c.Source.Server = "", replica.Server{}
			return nil
		}
		server, err := replica.ParseServer(value)
		if err != nil {
			return err
		}
		c.Source.Address, c.Source.Server = value, server
		return nil
	}, func() string { return c.Source.Address }
}

// checkStore looks at the scheme; the rest is the business of the store's own package.
func checkStore(value string) error {
	u, err := url.Parse(value)
	if err != nil {
		return fmt.Errorf("%q is not a URL (want file:///path or s3://bucket/prefix)", value)
	}
	if u.User != nil {
		return errors.New("credentials do not belong in the store's address: give them in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or a shared file")
	}
	if u.Scheme != "file" && u.Scheme != "s3" {
		return fmt.Errorf("%q: want file:///path or s3://bucket/prefix", value)
	}
	return nil
}

// checkReportHost bounds the name by what COM_REGISTER_SLAVE can carry (HOSTNAME_LENGTH, but older servers take 60).
func checkReportHost(value string) error {
	if len(value) > 60 {
		return fmt.Errorf("%q is longer than 60 characters", value)
	}
	return nil
}
