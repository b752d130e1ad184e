package node

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"lastwrite/replica"
)

// TLSMode says how far a connection must be protected. The words are those of MySQL's own --ssl-mode.
type TLSMode string

// The modes. The zero value means TLSPreferred.
const (
	TLSDisabled       TLSMode = "disabled"
	TLSPreferred      TLSMode = "preferred"       // encrypt where the server can; anybody in between can prevent it
	TLSRequired       TLSMode = "required"        // encrypt, whoever the server is
	TLSVerifyCA       TLSMode = "verify-ca"       // and its certificate is signed by one of CA
	TLSVerifyIdentity TLSMode = "verify-identity" // and is made out for the server's name
)

// TLS says how a connection is protected. Files are PEM.
type TLS struct {
	Mode       TLSMode
	CA         string // file of certificate authorities; empty: the system's
	Cert, Key  string // files of the client's certificate and key; both or none
	ServerName string // name the certificate must be made out for; empty: the endpoint's host
}

// Validate checks the settings without looking at files.
func (t TLS) Validate() error {
	switch t.Mode {
	case "", TLSDisabled, TLSPreferred, TLSRequired, TLSVerifyCA, TLSVerifyIdentity:
	default:
		return fmt.Errorf("tls mode %q: want disabled, preferred, required, verify-ca or verify-identity", t.Mode)
	}
	if (t.Cert == "") != (t.Key == "") {
		return errors.New("tls: a client certificate needs both cert and key")
	}
	return nil
}

// fallback tells whether an unencrypted connection will do.
func (t TLS) fallback() bool { return t.Mode == "" || t.Mode == TLSPreferred }

// Load reads the files and returns the configuration for connections to e: nil when they are not
// to be encrypted. On a Unix socket only a mode that asks for encryption encrypts.
// Errors wrap replica.ErrTLS.
func (t TLS) Load(e replica.Endpoint) (*tls.Config, error) {
	if t.Mode == TLSDisabled || (t.fallback() && e.Network == replica.Unix) {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if c.ServerName == "" {
		c.ServerName = e.Host()
	}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("%w: read certificate authorities: %w", replica.ErrTLS, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%w: no certificate in %s", replica.ErrTLS, t.CA)
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("%w: read client certificate: %w", replica.ErrTLS, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	switch t.Mode {
	case TLSVerifyIdentity:
		if c.ServerName == "" {
			return nil, fmt.Errorf("%w: verify-identity over a Unix socket needs a server name", replica.ErrTLS)
		}
	case TLSVerifyCA:
		c.InsecureSkipVerify = true
		c.VerifyConnection = verifyChain(c.RootCAs)
	default:
		c.InsecureSkipVerify = true
	}
	return c, nil
}

// verifyChain checks who signed the server's certificate, but not whose it is.
func verifyChain(roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(s tls.ConnectionState) error {
		opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, c := range s.PeerCertificates[1:] {
			opts.Intermediates.AddCert(c)
		}
		if _, err := s.PeerCertificates[0].Verify(opts); err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
		}
		return nil
	}
}
