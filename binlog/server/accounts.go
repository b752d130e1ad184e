package server

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	mysqlserver "github.com/go-mysql-org/go-mysql/server"
)

const (
	rsaBits = 2048
	// collation is utf8mb4_0900_ai_ci, the default since MySQL 8.0.
	collation = 255
	// handshakeTimeout is how long a client may take to authenticate itself.
	handshakeTimeout = 10 * time.Second
	// errInsecure is ER_SECURE_TRANSPORT_REQUIRED.
	errInsecure = 3159
)

// errHandshake says that a client's first messages made no sense.
var errHandshake = errors.New("malformed handshake")

// accounts knows the one account there is.
type accounts struct {
	user, password string
	decoy          string // what an unknown user's password would have to be: nobody learns which users there are
	tls            bool
}

func newAccounts(cfg Config) (*mysqlserver.Server, *accounts, error) {
	who := &accounts{user: cfg.User, password: cfg.Password, decoy: rand.Text(), tls: cfg.TLS != nil}
	var key *rsa.PrivateKey
	tlsConfig := cfg.TLS
	if tlsConfig == nil {
		var err error
		if key, err = rsa.GenerateKey(rand.Reader, rsaBits); err != nil {
			return nil, nil, fmt.Errorf("make an RSA key: %w", err)
		}
	} else {
		tlsConfig = tlsConfig.Clone()
		tlsConfig.DynamicRecordSizingDisabled = true // a dump is long: full records from the start
	}
	proto, err := newProtocol(cfg.ServerVersion, key, tlsConfig)
	return proto, who, err
}

// newProtocol turns the library's way of refusing its arguments into an error.
func newProtocol(version string, key *rsa.PrivateKey, tlsConfig *tls.Config) (proto *mysqlserver.Server, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("set up the MySQL protocol: %v", reason)
		}
	}()
	return mysqlserver.NewServer(version, collation, mysql.AUTH_CACHING_SHA2_PASSWORD, key, tlsConfig), nil
}

// GetCredential implements the library's AuthenticationHandler.
func (a *accounts) GetCredential(user string) (mysqlserver.Credential, bool, error) {
	password := a.decoy
	if user == a.user {
		password = a.password
	}
	return mysqlserver.Credential{Passwords: []string{password}, AuthPluginName: mysql.AUTH_CACHING_SHA2_PASSWORD}, true, nil
}

// OnAuthSuccess refuses a connection in the clear where TLS is mandatory.
func (a *accounts) OnAuthSuccess(conn *mysqlserver.Conn) error {
	if _, secure := conn.Conn.Conn.(*tls.Conn); a.tls && !secure {
		return mysql.NewError(errInsecure, "connections using insecure transport are prohibited: use SOURCE_SSL = 1")
	}
	return nil
}

// OnAuthFailure does nothing: the failure is returned to us as well.
func (a *accounts) OnAuthFailure(*mysqlserver.Conn, error) {}

// anyDatabase lets clients name a default database, which means nothing here. None of its other methods is called: commands
// are read by the session.
type anyDatabase struct{ mysqlserver.EmptyHandler }

func (anyDatabase) UseDB(string) error { return nil }

// welcome authenticates a client. The session it returns holds one of the server's slots.
func (s *Server) welcome(l *link, lg Log) (sess *session, err error) {
	if err := l.expect(handshakeTimeout); err != nil {
		return nil, err
	}
	select {
	case s.slots <- struct{}{}:
	default:
		full := newPacketWriter(l, minBuffer)
		full.seq = 0
		_ = full.fail(mysql.NewDefaultError(mysql.ER_CON_COUNT_ERROR))
		return nil, fmt.Errorf("too many connections: %d are open", cap(s.slots))
	}
	defer func() {
		if reason := recover(); reason != nil { // the library trusts lengths that clients send
			err = fmt.Errorf("%w: %v", errHandshake, reason)
		}
		if err != nil {
			<-s.slots
		}
	}()
	conn, err := s.proto.NewCustomizedConn(l, s.accounts, anyDatabase{})
	if err != nil {
		return nil, err
	}
	return &session{srv: s, log: lg, link: l, conn: conn, vars: map[string]any{}}, nil
}
