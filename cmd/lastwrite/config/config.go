package config

import (
	"errors"
	"fmt"
	"time"

	"lastwrite/replica"
)

// Config is every setting, with its value.
type Config struct {
	Cluster  string // name of the history in the store
	Store    string // address of the object store: file:///path or s3://bucket/prefix
	Spool    Spool
	Source   Source
	Stream   Stream
	Log      Log
	Programs Programs
	Restore  Restore
}

// Spool is the local directory where segments are put together.
type Spool struct {
	Dir string
	Max int64 // bytes
}

// Source is the MySQL server whose log is read.
type Source struct {
	Address      string // as it was given
	Server       replica.Server
	User         string // overrides the user of Address
	Password     string // secret
	PasswordFile string
	TLS          TLS
	ServerID     int64 // 0: made from the cluster's name
	ReportHost   string
	Heartbeat    time.Duration
}

// TLS says how the connection to the source is protected.
type TLS struct {
	Mode       string
	CA         string
	Cert       string
	Key        string
	ServerName string
}

// Stream is how the log is cut into segments.
type Stream struct {
	From            string
	Flush           time.Duration
	SegmentSize     int64 // bytes
	ShutdownTimeout time.Duration
}

// Log is how lastwrite speaks of its work.
type Log struct {
	Level  string
	Format string
}

// Programs are MySQL's own programs; empty: looked for.
type Programs struct {
	Mysqld    string
	Mysql     string
	Mysqldump string
}

// Restore is what a restore may use.
type Restore struct {
	Workers    int64 // parallel appliers
	BufferPool int64 // bytes of InnoDB's cache while the log is applied
}

// Defaults returns the configuration in which nothing was set.
func Defaults() Config {
	c := &Config{}
	for _, s := range c.Settings() {
		if s.Default != "" {
			// A default that its own setting refuses would be caught by the test of this package.
			_ = s.Set(s.Default)
		}
	}
	return *c
}

// ErrNoSource says that the source, or how to log in there, was not set.
var ErrNoSource = errors.New("no source")

// CheckSource refuses a configuration in which a source is needed and not fully given. It wraps ErrNoSource.
func (c Config) CheckSource() error {
	switch {
	case c.Source.Address == "":
		return fmt.Errorf("%w: source.address is not set", ErrNoSource)
	case c.SourceUser() == "":
		return fmt.Errorf("%w: source.user is not set", ErrNoSource)
	}
	return nil
}

// SourceUser is the account at the source: source.user, else the user of the address.
func (c Config) SourceUser() string {
	if c.Source.User != "" {
		return c.Source.User
	}
	return c.Source.Server.User
}

// Validate looks at settings that belong together.
func (c Config) Validate() error {
	switch {
	case c.Source.User != "" && c.Source.Server.User != "" && c.Source.User != c.Source.Server.User:
		return fmt.Errorf("source.address names user %s, source.user names %s", c.Source.Server.User, c.Source.User)
	case (c.Source.TLS.Cert == "") != (c.Source.TLS.Key == ""):
		return errors.New("source.tls.cert and source.tls.key are needed together")
	}
	return nil
}
