package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
)

// testCertificate is a certificate for nobody in particular.
func testCertificate(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	require.NoError(t, err)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
}

// endless yields batches of a MiB until so many bytes have been yielded.
type endless struct {
	left  atomic.Int64
	event binlog.Event
	pos   uint64
	form  *binlog.Format
	pool  *binlog.Pool
}

func (e *endless) GTIDs() binlog.GTIDSet { return binlog.GTIDSet{} }

func (e *endless) Open(context.Context, binlog.GTIDSet) (binlog.Source, error) { return e, nil }

func (e *endless) Next(ctx context.Context) (*binlog.Batch, error) {
	if e.left.Load() <= 0 {
		return nil, io.EOF
	}
	b, err := e.pool.Get(ctx)
	if err != nil {
		return nil, err
	}
	b.Server, b.File, b.Format = testUUID, "binlog.000001", e.form
	for n := 0; n+len(e.event.Raw) <= 1<<20; n += len(e.event.Raw) {
		next := e.event
		next.Start = e.pos
		e.pos = next.End()
		b.Events = append(b.Events, next)
	}
	e.left.Add(-int64(b.Bytes()))
	return b, nil
}

// Serving over loopback to a client that throws everything away: checksums compared, packets framed.
func BenchmarkServe(b *testing.B) {
	for _, secure := range []bool{false, true} {
		for _, size := range []int{100, 1000, 100_000} {
			b.Run(fmt.Sprintf("tls=%v/event=%d", secure, size), func(b *testing.B) { benchServe(b, size, secure) })
		}
	}
}

func benchServe(b *testing.B, size int, secure bool) {
	form := testFormat(b, true)
	lg := &endless{form: form, event: testEvent(0, size), pos: uint64(4 + len(form.Raw)), pool: binlog.NewPool(3, 0)}
	lg.left.Store(int64(b.N) << 20)
	cfg := testConfig()
	var client *tls.Config
	if secure {
		cfg.TLS, client = testCertificate(b), &tls.Config{InsecureSkipVerify: true} //nolint:gosec // a benchmark
	}
	_, addr := start(b, cfg, lg)
	c := connect(b, addr, "repl", "sesame", client)
	_, err := c.Execute("SET @source_binlog_checksum = 'CRC32'")
	require.NoError(b, err)
	b.SetBytes(1 << 20)
	b.ReportAllocs()
	b.ResetTimer()
	command(b, c, mysql.COM_BINLOG_DUMP_GTID, dumpCommand(b, dumpNonBlock, binlog.GTIDSet{}))
	buf := make([]byte, 256<<10)
	var got int
	for want := b.N << 20 / size * size; got < want; {
		n, err := c.Conn.Conn.Read(buf)
		require.NoError(b, err)
		got += n
	}
}
