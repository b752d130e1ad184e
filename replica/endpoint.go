package replica

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// ErrAddress says that a text is not the address of a server.
var ErrAddress = errors.New("not a server address")

// Networks of an Endpoint.
const (
	TCP  = "tcp"
	Unix = "unix"
)

// defaultPort is MySQL's registered port.
const defaultPort = "3306"

// Endpoint is where a server listens.
type Endpoint struct {
	Network string // TCP or Unix
	Address string // host:port, or the absolute path of a socket
}

// String writes what ParseEndpoint reads.
func (e Endpoint) String() string { return e.Address }

// IsZero tells whether no endpoint was set.
func (e Endpoint) IsZero() bool { return e == Endpoint{} }

// Host returns the host name or address without its port; empty for a socket.
func (e Endpoint) Host() string {
	if e.Network != TCP {
		return ""
	}
	host, _, err := net.SplitHostPort(e.Address)
	if err != nil {
		return ""
	}
	return host
}

// ParseEndpoint reads host, host:port, [ipv6]:port, or the absolute path of a Unix socket. The default port
// is 3306. It returns ErrAddress for anything else.
func ParseEndpoint(text string) (Endpoint, error) {
	if strings.HasPrefix(text, "/") {
		return Endpoint{Network: Unix, Address: text}, nil
	}
	host, port := text, defaultPort
	if bare, ok := strings.CutPrefix(text, "["); ok && strings.HasSuffix(bare, "]") {
		host = strings.TrimSuffix(bare, "]")
	} else if h, p, err := net.SplitHostPort(text); err == nil {
		host, port = h, p
	} else if net.ParseIP(text) == nil && strings.Contains(text, ":") {
		return Endpoint{}, fmt.Errorf("%w: %q: %w", ErrAddress, text, err)
	}
	if host == "" || strings.ContainsAny(host, "/@ \t\r\n?#[]") {
		return Endpoint{}, fmt.Errorf("%w: %q (want host:port or the absolute path of a socket)", ErrAddress, text)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return Endpoint{}, fmt.Errorf("%w: %q: port must be a number from 1 to 65535", ErrAddress, text)
	}
	return Endpoint{Network: TCP, Address: net.JoinHostPort(host, port)}, nil
}

// Server is a server and the account to use there.
type Server struct {
	Endpoint Endpoint
	User     string // empty: not said
}

// String writes user@address.
func (s Server) String() string {
	if s.User == "" {
		return s.Endpoint.String()
	}
	return s.User + "@" + s.Endpoint.String()
}

// ParseServer reads what ParseEndpoint reads, with an optional mysql:// in front and an optional user: db1,
// lastwrite@db1:3306, mysql://lastwrite@db1:3306, mysql://lastwrite@/run/mysqld/mysqld.sock. Special characters of a
// user behind mysql:// are percent-encoded. A password is refused, because what stands in an address ends
// up in process lists and logs. It returns ErrAddress.
func ParseServer(text string) (Server, error) {
	rest, isURL := strings.CutPrefix(text, "mysql://")
	if !isURL && strings.Contains(text, "://") {
		return Server{}, fmt.Errorf("%w: %q (the scheme must be mysql://)", ErrAddress, redact(text))
	}
	var s Server
	if at := strings.LastIndexByte(rest, '@'); at >= 0 && !strings.HasPrefix(rest, "/") {
		user := rest[:at]
		if strings.Contains(user, ":") {
			return Server{}, fmt.Errorf("%w: a password does not belong in an address: give it in a file or in the environment", ErrAddress)
		}
		if isURL {
			var err error
			if user, err = url.PathUnescape(user); err != nil {
				return Server{}, fmt.Errorf("%w: %q: %w", ErrAddress, text, err)
			}
		}
		if user == "" {
			return Server{}, fmt.Errorf("%w: %q has no user before the @", ErrAddress, text)
		}
		s.User, rest = user, rest[at+1:]
	}
	if isURL && !strings.HasPrefix(rest, "/") {
		rest = strings.TrimSuffix(rest, "/")
	}
	var err error
	if s.Endpoint, err = ParseEndpoint(rest); err != nil {
		return Server{}, err
	}
	return s, nil
}

// redact hides what stands before the last @, which may be a password.
func redact(text string) string {
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		return "…" + text[at:]
	}
	return text
}
