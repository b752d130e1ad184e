package server

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"net"
	"testing"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
)

const (
	testUUID = "f0000000-0000-4000-8000-000000000001"
	testID   = 900
)

func testConfig() Config {
	return Config{ServerUUID: testUUID, ServerID: testID, User: "repl", Password: "sesame", ServerVersion: "9.7.4"}
}

func testLogger(t testing.TB) zerolog.Logger {
	return zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.InfoLevel)
}

// start serves lg on loopback until the test ends, and then checks that serving ends without an error.
func start(t testing.TB, cfg Config, lg Log) (*Server, string) {
	t.Helper()
	s, err := New(cfg, testLogger(t))
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l, lg) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-served)
		require.Zero(t, s.Stats().Replicas, "every connection has been waited for")
	})
	return s, l.Addr().String()
}

// connect logs in as a client would.
func connect(t testing.TB, addr, user, password string, secure *tls.Config) *client.Conn {
	t.Helper()
	c, err := client.Connect(addr, user, password, "", func(c *client.Conn) error {
		if secure != nil {
			c.SetTLSConfig(secure)
		}
		return nil
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// aware connects and tells that checksums are understood, as every replica does.
func aware(t testing.TB, addr string) *client.Conn {
	c := connect(t, addr, "repl", "sesame", nil)
	_, err := c.Execute("SET @source_binlog_checksum = 'CRC32'")
	require.NoError(t, err)
	return c
}

func command(t testing.TB, c *client.Conn, code byte, data []byte) {
	t.Helper()
	c.ResetSequence()
	require.NoError(t, c.WritePacket(append([]byte{0, 0, 0, 0, code}, data...)))
}

// dumpCommand is COM_BINLOG_DUMP_GTID without its command byte.
func dumpCommand(t testing.TB, flags uint16, have binlog.GTIDSet) []byte {
	t.Helper()
	b := binary.LittleEndian.AppendUint16(nil, flags)
	b = binary.LittleEndian.AppendUint32(b, 77)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint64(b, 4)
	set, err := have.AppendBinary(nil)
	require.NoError(t, err)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(set)))
	return append(b, set...)
}

// registerCommand is COM_REGISTER_SLAVE without its command byte.
func registerCommand() []byte {
	b := binary.LittleEndian.AppendUint32(nil, 77)
	b = append(append(b, 5), "there"...)
	b = append(b, 0, 0)
	b = binary.LittleEndian.AppendUint16(b, 3306)
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0)
}

// events reads what a dump sends up to its end-of-file packet.
func events(t testing.TB, c *client.Conn) [][]byte {
	t.Helper()
	var out [][]byte
	for {
		p, err := c.ReadPacket()
		require.NoError(t, err)
		switch {
		case p[0] == 0xff:
			require.Fail(t, "error packet", string(p[9:]))
		case p[0] == 0xfe && len(p) < 9:
			return out
		}
		require.Zero(t, p[0])
		out = append(out, p[1:])
	}
}

func splitAddr(t testing.TB, addr string) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	return host, port
}
