package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// TLSFiles are the PEM files of a lab's own certificate authority: one server certificate for 127.0.0.1 and localhost, and
// one client certificate, both signed by it. They are made once per lab and valid for a day.
type TLSFiles struct {
	CA, ServerCert, ServerKey, ClientCert, ClientKey string
}

// ClientConfig is a TLS configuration that trusts the lab's authority alone and expects the name localhost.
func (f TLSFiles) ClientConfig() (*tls.Config, error) {
	text, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, fmt.Errorf("read the lab's certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return &tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS12}, nil
}

// tlsFiles makes the lab's certificates on first use.
func (l *Lab) tlsFiles() (*TLSFiles, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tls == nil {
		files, err := makeCertificates(filepath.Join(l.dir, "tls"), time.Now())
		if err != nil {
			return nil, fmt.Errorf("make certificates: %w", err)
		}
		l.tls = &files
	}
	return l.tls, nil
}

// signer is a certificate with its key.
type signer struct {
	cert *x509.Certificate
	der  []byte
	key  *ecdsa.PrivateKey
}

// makeCertificates writes an authority and what it signs into dir.
func makeCertificates(dir string, now time.Time) (TLSFiles, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return TLSFiles{}, err
	}
	authority, err := issue(nil, 1, "lastwrite lab authority", now)
	if err != nil {
		return TLSFiles{}, err
	}
	server, err := issue(authority, 2, "localhost", now)
	if err != nil {
		return TLSFiles{}, err
	}
	client, err := issue(authority, 3, "lastwrite lab client", now)
	if err != nil {
		return TLSFiles{}, err
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	files := TLSFiles{in("ca.pem"), in("server-cert.pem"), in("server-key.pem"), in("client-cert.pem"), in("client-key.pem")}
	for _, out := range []struct {
		of        *signer
		cert, key string
	}{{authority, files.CA, ""}, {server, files.ServerCert, files.ServerKey}, {client, files.ClientCert, files.ClientKey}} {
		if err := out.of.write(out.cert, out.key); err != nil {
			return TLSFiles{}, err
		}
	}
	return files, nil
}

// issue makes a certificate signed by parent, or an authority signed by itself.
func issue(parent *signer, serial int64, name string, now time.Time) (*signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	cert := &x509.Certificate{
		SerialNumber:          big.NewInt(serial),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	made := &signer{cert: cert, key: key}
	if parent == nil {
		cert.IsCA, cert.KeyUsage, cert.ExtKeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign, nil
		cert.DNSNames, cert.IPAddresses = nil, nil
		parent = made
	}
	made.der, err = x509.CreateCertificate(rand.Reader, cert, parent.cert, &key.PublicKey, parent.key)
	return made, err
}

// write writes the certificate, and the key if it has a file, as PEM.
func (s *signer) write(certFile, keyFile string) error {
	if err := os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.der}), 0o644); err != nil {
		return err
	}
	if keyFile == "" {
		return nil
	}
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		return err
	}
	return os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}
