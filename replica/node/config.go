package node

import (
	"context"
	"errors"
	"net"
	"time"

	"lastwrite/replica"
)

// dialTimeout bounds connecting to a server's endpoint.
const dialTimeout = 10 * time.Second

// Config says how to reach a server.
type Config struct {
	Endpoint replica.Endpoint
	User     string
	Password string
	TLS      TLS
}

// String leaves out the password.
func (c Config) String() string {
	return replica.Server{Endpoint: c.Endpoint, User: c.User}.String()
}

// Validate checks the settings without connecting.
func (c Config) Validate() error {
	if c.Endpoint.IsZero() {
		return errors.New("no server address given")
	}
	if c.User == "" {
		return errors.New("no user given")
	}
	return c.TLS.Validate()
}

// Dial opens the network connection to the endpoint, within 10 seconds. Errors are classified.
func (c Config) Dial(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, c.Endpoint.Network, c.Endpoint.Address)
	if err != nil {
		return nil, Classify(err)
	}
	return conn, nil
}
