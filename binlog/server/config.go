package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// ErrConfig says that a [Config] cannot be used.
var ErrConfig = errors.New("invalid binlog server configuration")

// Defaults of [Config].
const (
	DefaultVersion        = "8.4.0"
	DefaultHeartbeat      = 10 * time.Second
	DefaultWriteTimeout   = time.Minute
	DefaultWriteBuffer    = 256 << 10
	DefaultMaxConnections = 64
)

// Config says as whom and to whom the log is served.
type Config struct {
	// ServerUUID and ServerID identify the served log as a source. A replica refuses a source that bears
	// its own UUID or server_id.
	ServerUUID string
	ServerID   uint32
	// ServerVersion is the version shown to clients, best that of the servers whose log it is; default 8.4.0. (How events
	// are to be read says the format description event, not this.)
	ServerVersion string
	// User and Password are the one account; its authentication plugin is caching_sha2_password. Neither may be empty.
	User, Password string
	// TLS, with a certificate in it, makes TLS mandatory. Without it the password travels encrypted with an RSA key made
	// for the occasion (GET_SOURCE_PUBLIC_KEY = 1 at the replica), and the log in the clear.
	TLS *tls.Config
	// HeartbeatMax is the longest time between two heartbeats; a replica may ask for shorter ones, or for none. Default 10 s.
	HeartbeatMax time.Duration
	// WriteTimeout is how long a client may take none of what is sent before it is given up; default one minute.
	WriteTimeout time.Duration
	// WriteBuffer is how many bytes are gathered before they are sent, less when the log has no more to give
	// at the moment; default 256 KiB.
	WriteBuffer int
	// MaxConnections is how many clients may be connected at once; default 64.
	MaxConnections int
}

// WithDefaults fills in what was left open.
func (c Config) WithDefaults() Config {
	if c.ServerVersion == "" {
		c.ServerVersion = DefaultVersion
	}
	if c.HeartbeatMax == 0 {
		c.HeartbeatMax = DefaultHeartbeat
	}
	if c.WriteTimeout == 0 {
		c.WriteTimeout = DefaultWriteTimeout
	}
	if c.WriteBuffer == 0 {
		c.WriteBuffer = DefaultWriteBuffer
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = DefaultMaxConnections
	}
	return c
}

// Validate returns ErrConfig, wrapped, when the configuration cannot be used.
func (c Config) Validate() error {
	if _, err := uuid.Parse(c.ServerUUID); err != nil {
		return fmt.Errorf("%w: server UUID %q: %w", ErrConfig, c.ServerUUID, err)
	}
	switch {
	case c.ServerID == 0:
		return fmt.Errorf("%w: server id must not be 0", ErrConfig)
	case c.User == "" || c.Password == "":
		return fmt.Errorf("%w: user and password must not be empty", ErrConfig)
	case c.TLS != nil && len(c.TLS.Certificates) == 0 && c.TLS.GetCertificate == nil:
		return fmt.Errorf("%w: TLS without a certificate", ErrConfig)
	case c.HeartbeatMax < 0 || c.WriteTimeout < 0 || c.WriteBuffer < 0 || c.MaxConnections < 0:
		return fmt.Errorf("%w: durations, sizes and counts must not be negative", ErrConfig)
	}
	return nil
}
