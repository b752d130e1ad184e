package node

import (
	"context"
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
	"lastwrite/replica"
)

func version(t *testing.T, text string) replica.Version {
	t.Helper()
	v, err := replica.ParseVersion(text)
	require.NoError(t, err)
	return v
}

// Each supported version is spoken to in its own words.
func TestDialectFollowsTheVersion(t *testing.T) {
	settings := SourceSettings{Host: "127.0.0.1", Port: 3307, User: "r", Password: `p'a\b`, Encrypt: true, CA: "/ca.pem", Verify: true,
		ConnectRetry: time.Second, Retries: 3, Heartbeat: 1500 * time.Millisecond}
	for _, c := range []struct{ version, status, reset, change string }{
		{"8.0.22", "SHOW MASTER STATUS", "RESET MASTER",
			`CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 3307, MASTER_USER = 'r', MASTER_PASSWORD = 'p''a\\b', MASTER_AUTO_POSITION = 1, ` +
				`MASTER_SSL = 1, MASTER_SSL_CA = '/ca.pem', MASTER_SSL_VERIFY_SERVER_CERT = 1, MASTER_CONNECT_RETRY = 1, MASTER_RETRY_COUNT = 3, ` +
				`MASTER_HEARTBEAT_PERIOD = 1.500, GET_MASTER_PUBLIC_KEY = 0 FOR CHANNEL ''`},
		{"8.0.36", "SHOW MASTER STATUS", "RESET MASTER",
			`CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = 3307, SOURCE_USER = 'r', SOURCE_PASSWORD = 'p''a\\b', SOURCE_AUTO_POSITION = 1, ` +
				`SOURCE_SSL = 1, SOURCE_SSL_CA = '/ca.pem', SOURCE_SSL_VERIFY_SERVER_CERT = 1, SOURCE_CONNECT_RETRY = 1, SOURCE_RETRY_COUNT = 3, ` +
				`SOURCE_HEARTBEAT_PERIOD = 1.500, GET_SOURCE_PUBLIC_KEY = 0 FOR CHANNEL ''`},
		{"8.1.0", "SHOW MASTER STATUS", "RESET MASTER", ""},
		{"8.4.3", "SHOW BINARY LOG STATUS", "RESET BINARY LOGS AND GTIDS", ""},
		{"9.7.4", "SHOW BINARY LOG STATUS", "RESET BINARY LOGS AND GTIDS", ""},
	} {
		d := DialectOf(version(t, c.version))
		require.Equal(t, c.status, d.LogStatus(), c.version)
		require.Equal(t, c.reset, d.ResetBinaryLogsAndGTIDs(), c.version)
		if c.change != "" {
			require.Equal(t, c.change, d.ChangeSource(settings), c.version)
		}
	}
	require.Equal(t, "STOP REPLICA FOR CHANNEL 'a''b'", Dialect{}.StopReplica("a'b"))
}

func TestErrorsAreToldApartByNumberAndType(t *testing.T) {
	for _, c := range []struct {
		err  error
		want error
	}{
		{&mysql.MySQLError{Number: 1045}, replica.ErrAccessDenied},
		{&gomysql.MyError{Code: 1045}, replica.ErrAccessDenied},
		{&mysql.MySQLError{Number: 1040}, replica.ErrTooManyConnections},
		{&mysql.MySQLError{Number: 1130}, replica.ErrHostBlocked},
		{&mysql.MySQLError{Number: 1227}, replica.ErrPrivilege},
		{&gomysql.MyError{Code: 1236}, replica.ErrLogRead},
		{&mysql.MySQLError{Number: 1290, Message: "…the --super-read-only option…"}, replica.ErrReadOnly},
		{&mysql.MySQLError{Number: 1053}, replica.ErrUnreachable},
		{&mysql.MySQLError{Number: 3159}, replica.ErrTLS},
		{mysql.ErrNoTLS, replica.ErrTLS},
		{&tls.CertificateVerificationError{Err: io.EOF}, replica.ErrTLS},
		{mysql.ErrInvalidConn, replica.ErrUnreachable},
		{driver.ErrBadConn, replica.ErrUnreachable},
		{io.ErrUnexpectedEOF, replica.ErrUnreachable},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, replica.ErrUnreachable},
		{&net.DNSError{IsNotFound: true}, replica.ErrUnknownHost},
		{&net.DNSError{IsNotFound: true}, replica.ErrUnreachable},
	} {
		err := Classify(fmt.Errorf("doing something: %w", c.err))
		require.ErrorIs(t, err, c.want)
		require.ErrorIs(t, err, c.err)
		require.Equal(t, err, Classify(err), "classified once")
	}
	for _, other := range []error{context.Canceled, context.DeadlineExceeded, errors.New("x"), &mysql.MySQLError{Number: 1064},
		&mysql.MySQLError{Number: 1290, Message: "…the --secure-file-priv option…"}} {
		require.Equal(t, other, Classify(other))
	}
	require.NoError(t, Classify(nil))
}

func TestGrantsAreReadAndWhatIsMissingIsNamed(t *testing.T) {
	g := parseGrants("lw@10.%", []string{
		"GRANT SELECT, REPLICATION SLAVE ON *.* TO `lw`@`10.%` WITH GRANT OPTION",
		"GRANT BACKUP_ADMIN,SHOW_ROUTINE ON *.* TO `lw`@`10.%`",
		"GRANT REPLICATION CLIENT ON `shop`.* TO `lw`@`10.%`",
		"GRANT `reader`@`%` TO `lw`@`10.%`",
	})
	require.Equal(t, []string{"BACKUP_ADMIN", "REPLICATION SLAVE", "SELECT", "SHOW_ROUTINE"}, g.Privileges)
	err := g.Check(Streaming(), Cloning())
	require.ErrorIs(t, err, replica.ErrPrivilege)
	require.ErrorContains(t, err, "'lw'@'10.%' lacks REPLICATION CLIENT for streaming and a base backup by CLONE; run: GRANT REPLICATION CLIENT ON *.* TO 'lw'@'10.%'")
	require.NoError(t, parseGrants("root@localhost", []string{"GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost`"}).Check(Streaming(), Cloning(), Dumping()))
}

func TestSettingsOfASourceAreJudged(t *testing.T) {
	good := func() variables {
		return variables{"log_bin": "ON", "binlog_format": "ROW", "gtid_mode": "ON", "enforce_gtid_consistency": "ON", "binlog_checksum": "CRC32",
			"sync_binlog": "1", "binlog_row_image": "FULL", "binlog_row_metadata": "FULL", "binlog_rows_query_log_events": "ON",
			"binlog_expire_logs_seconds": "2592000"}
	}
	require.Empty(t, checkVariables(good()))
	for setting, c := range map[string]struct {
		value string
		want  Severity
	}{
		"log_bin":                      {"OFF", Refusal},
		"binlog_format":                {"MIXED", Refusal},
		"gtid_mode":                    {"OFF_PERMISSIVE", Refusal},
		"enforce_gtid_consistency":     {"WARN", Refusal},
		"binlog_checksum":              {"NONE", Warning},
		"sync_binlog":                  {"1000", Warning},
		"binlog_row_image":             {"MINIMAL", Warning},
		"binlog_row_metadata":          {"MINIMAL", Advice},
		"binlog_rows_query_log_events": {"OFF", Advice},
		"binlog_expire_logs_seconds":   {"3600", Warning},
	} {
		vars := good()
		vars[setting] = c.value
		got := checkVariables(vars)
		require.Len(t, got, 1, setting)
		require.Equal(t, setting, got[0].Setting)
		require.Equal(t, c.want, got[0].Severity, setting)
		require.NotEmpty(t, got[0].Remedy)
	}
	// A version that dropped a variable, or never purges, has nothing wrong with it.
	vars := good()
	delete(vars, "binlog_format")
	vars["binlog_expire_logs_seconds"], vars["binlog_expire_logs_auto_purge"] = "3600", "OFF"
	require.Empty(t, checkVariables(vars))
	require.Len(t, checkFilters(row{"binlog_do_db": "shop", "binlog_ignore_db": ""}), 1)
}

// The columns that 8.0.22 and later use for a channel (MySQL manual, SHOW REPLICA STATUS).
func TestReplicaStatusIsReadByColumnName(t *testing.T) {
	s, err := replicaStatus(row{
		"replica_io_running": "Connecting", "replica_sql_running": "Yes", "source_host": "db1", "source_port": "3306",
		"source_log_file": "binlog.000007", "read_source_log_pos": "4294967300", "relay_source_log_file": "binlog.000006", "exec_source_log_pos": "157",
		"last_io_errno": "2003", "last_io_error": "cannot connect", "last_sql_errno": "0", "auto_position": "1",
		"retrieved_gtid_set": "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5", "executed_gtid_set": "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-4", "channel_name": "",
	})
	require.NoError(t, err)
	require.Equal(t, binlog.Position{File: "binlog.000007", Offset: 4294967300}, s.Received)
	require.False(t, s.Receiver.Running())
	require.EqualError(t, s.Receiver.Error.Err(), "error 2003: cannot connect")
	require.True(t, s.Applier.Running())
	require.NoError(t, s.Applier.Error.Err())
	require.Nil(t, s.Behind)
	require.True(t, s.AutoPosition)
	require.Equal(t, "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5", s.Retrieved.String())
}

func TestConfigDoesNotShowThePassword(t *testing.T) {
	c := Config{Endpoint: replica.Endpoint{Network: replica.TCP, Address: "db1:3306"}, User: "lw", Password: "secret"}
	require.NoError(t, c.Validate())
	require.Equal(t, "lw@db1:3306", fmt.Sprintf("%v", c))
	require.NotContains(t, fmt.Sprintf("%+v %s %q", c, c, c), "secret")
	c.TLS.Mode = "sometimes"
	require.Error(t, c.Validate())
}
