package server

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
)

// One account, and nobody learns whether it was the name or the password that was wrong.
func TestAuthentication(t *testing.T) {
	s, addr := start(t, testConfig(), &memLog{})
	for _, who := range [][2]string{{"repl", "wrong"}, {"nobody", "sesame"}, {"repl", ""}, {"", ""}} {
		_, err := client.Connect(addr, who[0], who[1], "")
		require.Equal(t, uint16(mysql.ER_ACCESS_DENIED_ERROR), code(t, err), "%q", who)
	}
	for range 2 { // the second time by the scramble
		require.NoError(t, connect(t, addr, "repl", "sesame", nil).Ping())
	}
	require.Equal(t, uint64(4), s.Stats().Refused)
	require.Equal(t, uint64(6), s.Stats().Connections)
}

// With TLS configured, nobody gets in without it.
func TestTLSIsMandatory(t *testing.T) {
	cfg := testConfig()
	cfg.TLS = testCertificate(t)
	_, addr := start(t, cfg, &memLog{})
	trusting := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // the certificate is made up
	require.NoError(t, connect(t, addr, "repl", "sesame", trusting).Ping())
	_, err := client.Connect(addr, "repl", "sesame", "")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "EOF", "the refusal says why")
}

func code(t *testing.T, err error) uint16 {
	t.Helper()
	var e *mysql.MyError
	require.ErrorAs(t, err, &e)
	return e.Code
}

// What MySQL 8.0, 8.4 and 9.7 replicas, their semi-synchronous plugin, mysqlbinlog and common clients ask before a dump.
func TestStatements(t *testing.T) {
	_, addr := start(t, testConfig(), &memLog{})
	c := connect(t, addr, "repl", "sesame", nil)
	for _, step := range [][2]string{
		{"SELECT @@GLOBAL.SERVER_ID", "900"},
		{"SET @master_heartbeat_period = 30000001024, @source_heartbeat_period = 30000001024", ""},
		{"SELECT @source_heartbeat_period", "30000001024"},
		{"SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = @@global.binlog_checksum", ""},
		{"SELECT @source_binlog_checksum", "CRC32"},
		{"SELECT @master_binlog_checksum", "CRC32"},
		{"SET @master_binlog_checksum='NONE', @source_binlog_checksum = 'NONE'", ""},
		{"select @master_binlog_checksum;", "NONE"},
		{"SELECT @@GLOBAL.GTID_MODE", "ON"},
		{"SELECT @@GLOBAL.SERVER_UUID", testUUID},
		{"SET @slave_uuid = 'a,b', @replica_uuid = 'a,b'", ""},
		{"SELECT @replica_uuid", "a,b"},
		{"SET @rpl_semi_sync_replica = 1, @rpl_semi_sync_slave = 1", ""},
		{"SELECT @@GLOBAL.GTID_EXECUTED", testUUID + ":1-7"},
		{"SELECT VERSION()", "9.7.4"},
		{"SELECT @@version_comment limit 1", "lastwrite binlog server"},
		{"SELECT @unset", ""},
		{"SET NAMES utf8mb4", ""},
		{"SET SESSION wait_timeout = 28800", ""},
		{"SET @@session.character_set_results = NULL", ""},
		{"SHOW VARIABLES LIKE 'gtid_mode'", "gtid_mode"},
		{"SHOW GLOBAL VARIABLES LIKE 'BINLOG_CHECKSUM'", "binlog_checksum"},
		{"SHOW VARIABLES LIKE 'log\\_b%'", "log_bin"},
	} {
		r, err := c.Execute(step[0])
		require.NoError(t, err, step[0])
		got := ""
		if r.HasResultset() {
			got, err = r.GetString(0, 0)
			require.NoError(t, err)
		}
		require.Equal(t, step[1], got, step[0])
	}
	r, err := c.Execute("SELECT UNIX_TIMESTAMP()")
	require.NoError(t, err)
	now, err := r.GetInt(0, 0)
	require.NoError(t, err)
	require.InDelta(t, time.Now().Unix(), now, 5)
	r, err = c.Execute("SHOW VARIABLES LIKE 'rpl_semi_sync_%'")
	require.NoError(t, err)
	require.Zero(t, r.RowNumber())
}

// Everything else gets an error that says so, and the connection goes on.
func TestUnknownStatementsAndCommands(t *testing.T) {
	_, addr := start(t, testConfig(), &memLog{})
	c := connect(t, addr, "repl", "sesame", nil)
	for text, want := range map[string]uint16{
		"DROP DATABASE shop": mysql.ER_NOT_SUPPORTED_YET,
		"":                   mysql.ER_NOT_SUPPORTED_YET,
		"SHOW":               mysql.ER_NOT_SUPPORTED_YET,
		"SHOW REPLICAS":      mysql.ER_NOT_SUPPORTED_YET,
		"SELECT * FROM t":    mysql.ER_NOT_SUPPORTED_YET,
		"SELECT @@global.rpl_semi_sync_source_enabled": mysql.ER_UNKNOWN_SYSTEM_VARIABLE,
		"SELECT @@GLOBAL.NO_SUCH_THING":                mysql.ER_UNKNOWN_SYSTEM_VARIABLE,
		"SET GLOBAL read_only = 1":                     mysql.ER_SPECIFIC_ACCESS_DENIED_ERROR,
		"SET @@GLOBAL.read_only = 1":                   mysql.ER_SPECIFIC_ACCESS_DENIED_ERROR,
		"SET PERSIST read_only = 1":                    mysql.ER_SPECIFIC_ACCESS_DENIED_ERROR,
		"SET @x = (SELECT 1)":                          mysql.ER_NOT_SUPPORTED_YET,
		"SELECT '" + string(make([]byte, 2000)):        mysql.ER_NOT_SUPPORTED_YET,
	} {
		_, err := c.Execute(text)
		require.Equal(t, want, code(t, err), text)
	}
	command(t, c, mysql.COM_PROCESS_INFO, nil)
	p, err := c.ReadPacket()
	require.NoError(t, err)
	require.Equal(t, []byte{0xff, 0x17, 0x04}, p[:3], "error 1047")
	for _, code := range []byte{mysql.COM_BINLOG_DUMP, mysql.COM_BINLOG_DUMP_GTID, mysql.COM_REGISTER_SLAVE} {
		command(t, c, code, []byte{1})
		p, err := c.ReadPacket()
		require.NoError(t, err)
		require.Equal(t, []byte{0xff, 0x2b, 0x07}, p[:3], "error 1835")
	}
	require.NoError(t, c.Ping())
}

// The log is asked for what the replica has not, and a dump by position is only for whole files and for clients that are no replicas.
func TestDumpRequests(t *testing.T) {
	lg := &memLog{batches: []*binlog.Batch{fileBatch(t, "binlog.000001", 50), fileBatch(t, "binlog.000002", 60)}}
	_, addr := start(t, testConfig(), lg)
	c := aware(t, addr)
	have, err := binlog.ParseGTIDSet(testUUID + ":1-5:blue:7")
	require.NoError(t, err)
	command(t, c, mysql.COM_BINLOG_DUMP_GTID, dumpCommand(t, dumpNonBlock, have))
	require.Len(t, events(t, c), 6)
	require.True(t, have.Equal(lg.have))

	byPosition := func(pos uint32, file string) {
		b := binary.LittleEndian.AppendUint32(nil, pos)
		b = append(binary.LittleEndian.AppendUint16(b, dumpNonBlock), 0, 0, 0, 0)
		command(t, c, mysql.COM_BINLOG_DUMP, append(b, file...))
	}
	byPosition(4, "")
	require.Len(t, events(t, c), 6)
	byPosition(4, "binlog.000002")
	require.Len(t, events(t, c), 3)
	byPosition(4, "binlog.000003")
	require.Contains(t, errorPacket(t, c.ReadPacket), `could not find log file "binlog.000003"`)
	byPosition(123, "binlog.000001")
	require.Contains(t, errorPacket(t, c.ReadPacket), "SOURCE_AUTO_POSITION = 1")
	command(t, c, mysql.COM_REGISTER_SLAVE, registerCommand())
	ok, err := c.ReadPacket()
	require.NoError(t, err)
	require.Zero(t, ok[0])
	byPosition(4, "")
	require.Contains(t, errorPacket(t, c.ReadPacket), "SOURCE_AUTO_POSITION = 1")
}

// A client that never said it knows checksums is not sent any.
func TestChecksumUnawareClient(t *testing.T) {
	_, addr := start(t, testConfig(), &memLog{batches: []*binlog.Batch{fileBatch(t, "binlog.000001", 50)}})
	c := connect(t, addr, "repl", "sesame", nil)
	command(t, c, mysql.COM_BINLOG_DUMP_GTID, dumpCommand(t, 0, binlog.GTIDSet{}))
	require.Contains(t, errorPacket(t, c.ReadPacket), "cannot handle events with checksums")
}

// When a replica connects anew, the connection that it left behind is closed; others are not.
func TestReconnectEndsZombie(t *testing.T) {
	s, addr := start(t, testConfig(), &memLog{batches: []*binlog.Batch{fileBatch(t, "binlog.000001", 50)}})
	dial := func(uuid string) *client.Conn {
		c := aware(t, addr)
		_, err := c.Execute("SET @replica_uuid = '" + uuid + "'")
		require.NoError(t, err)
		command(t, c, mysql.COM_REGISTER_SLAVE, registerCommand())
		_, err = c.ReadPacket()
		require.NoError(t, err)
		command(t, c, mysql.COM_BINLOG_DUMP_GTID, dumpCommand(t, 0, binlog.GTIDSet{}))
		for range 3 {
			_, err = c.ReadPacket()
			require.NoError(t, err)
		}
		return c
	}
	zombie, other := dial("r1"), dial("r2")
	_ = dial("r1")
	_, err := zombie.ReadPacket()
	require.Error(t, err)
	require.Eventually(t, func() bool { return len(s.Replicas()) == 2 && s.Replicas()[1].CaughtUp }, 5*time.Second, time.Millisecond)
	is := s.Replicas()[0]
	require.Equal(t, Replica{
		ServerID: 77, UUID: "r2", Host: "there", Port: 3306, Addr: other.LocalAddr().String(), Since: is.Since, Have: is.Have,
		File: "binlog.000001", Pos: is.Pos, Bytes: 50, CaughtUp: true,
	}, is)
}

// A client that takes nothing is given up; one too many is told so; and the end of the context ends the rest.
func TestSlowAndSurplusClients(t *testing.T) {
	cfg := testConfig()
	cfg.WriteTimeout, cfg.MaxConnections = 50*time.Millisecond, 1
	big := fileBatch(t, "binlog.000001", 64<<20)
	s, addr := start(t, cfg, &memLog{batches: []*binlog.Batch{big}})
	c := aware(t, addr)
	_, err := client.Connect(addr, "repl", "sesame", "")
	require.ErrorContains(t, err, "Too many connections")
	command(t, c, mysql.COM_BINLOG_DUMP_GTID, dumpCommand(t, 0, binlog.GTIDSet{}))
	require.Eventually(t, func() bool {
		again, err := client.Connect(addr, "repl", "sesame", "")
		if err == nil {
			_ = again.Close()
		}
		return err == nil
	}, 10*time.Second, 20*time.Millisecond, "its place becomes free")
	require.Empty(t, s.Replicas())
}

// Serving ends with an error when the listener fails.
func TestListenerFails(t *testing.T) {
	s, err := New(testConfig(), testLogger(t))
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.ErrorIs(t, s.Serve(context.Background(), l, &memLog{}), net.ErrClosed)
}

func TestConfigIsChecked(t *testing.T) {
	for _, spoil := range []func(*Config){
		func(c *Config) { c.ServerUUID = "x" },
		func(c *Config) { c.ServerID = 0 },
		func(c *Config) { c.User = "" },
		func(c *Config) { c.Password = "" },
		func(c *Config) { c.TLS = &tls.Config{} }, //nolint:gosec // it is refused
		func(c *Config) { c.WriteBuffer = -1 },
	} {
		cfg := testConfig()
		spoil(&cfg)
		_, err := New(cfg, testLogger(t))
		require.ErrorIs(t, err, ErrConfig)
	}
}

func FuzzCommands(f *testing.F) {
	f.Add([]byte{1, 0, 5, 0, 0, 0, 1, 0, 0, 0, 'x', 4, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{4, 0, 0, 0, 1, 0, 9, 0, 0, 0, 'b', 'i', 'n'})
	f.Add(registerCommand())
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, err := range []error{second(decodeDumpGTID(b)), second(decodeDump(b)), second(decodeRegister(b))} {
			if err != nil && !errors.Is(err, errCommand) {
				t.Fatal(err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func FuzzStatements(f *testing.F) {
	f.Add("SET @a = 'x,y', @b := 3")
	f.Add("SHOW VARIABLES LIKE '%\\_[x'")
	f.Fuzz(func(t *testing.T, text string) {
		s := &session{srv: &Server{cfg: testConfig()}, log: &memLog{}, vars: map[string]any{}}
		r, err := s.query(text)
		if err != nil {
			var e *mysql.MyError
			require.ErrorAs(t, err, &e, "only errors that can be sent")
			return
		}
		_ = fmt.Sprint(r)
	})
}
