package node_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lastwrite/integration/lab"
	"lastwrite/replica"
	"lastwrite/replica/node"
)

func configOf(t *testing.T, s *lab.Server, user string) node.Config {
	t.Helper()
	e, err := replica.ParseEndpoint(s.Addr())
	require.NoError(t, err)
	return node.Config{Endpoint: e, User: user, Password: lab.Password}
}

func open(t *testing.T, cfg node.Config) *node.Node {
	t.Helper()
	n, err := node.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	return n
}

// One real server and its real replica are asked everything there is to ask.
func TestServerAndReplicaAreDescribed(t *testing.T) {
	t.Parallel()
	l, ctx := lab.New(t), t.Context()
	primary, err := l.MySQL(ctx, lab.Options{})
	require.NoError(t, err)
	secondary, err := l.Replica(ctx, primary, lab.Options{})
	require.NoError(t, err)
	require.NoError(t, primary.Exec(ctx, "CREATE DATABASE shop", "FLUSH BINARY LOGS"))

	p := open(t, configOf(t, primary, lab.LastwriteUser))
	uuid, err := primary.UUID(ctx)
	require.NoError(t, err)
	require.Equal(t, uuid, p.Identity().UUID)
	require.Equal(t, primary.ServerID, p.Identity().ServerID)

	logs, err := p.BinaryLogs(ctx)
	require.NoError(t, err)
	at, err := p.LogPosition(ctx)
	require.NoError(t, err)
	require.Equal(t, logs[len(logs)-1].Name, at.File)
	require.Equal(t, logs[len(logs)-1].Size, at.Offset)
	executed, err := p.GTIDExecuted(ctx)
	require.NoError(t, err)
	require.Equal(t, uuid+":1", executed.String())
	purged, err := p.GTIDPurged(ctx)
	require.NoError(t, err)
	require.True(t, purged.IsEmpty())

	replicas, err := p.Replicas(ctx)
	require.NoError(t, err)
	require.Len(t, replicas, 1)
	require.Equal(t, secondary.ServerID, replicas[0].ServerID)

	require.NoError(t, secondary.WaitGTID(ctx, executed.String()))
	s := open(t, configOf(t, secondary, lab.AdminUser))
	status, err := s.ReplicaStatus(ctx)
	require.NoError(t, err)
	require.Len(t, status, 1)
	require.True(t, status[0].Receiver.Running() && status[0].Applier.Running() && status[0].AutoPosition)
	require.Equal(t, uuid, status[0].SourceUUID)
	require.True(t, status[0].Executed.Equal(executed))
	none, err := p.ReplicaStatus(ctx)
	require.NoError(t, err)
	require.Empty(t, none)

	findings, err := p.CheckSource(ctx)
	require.NoError(t, err)
	require.Len(t, findings, 1, "the lab's servers lack only the text of row statements: %v", findings)
	require.Equal(t, node.Advice, findings[0].Severity)
}

// The statements for replication do on a real server what they say.
func TestReplicaIsPointedAndReset(t *testing.T) {
	t.Parallel()
	l, ctx := lab.New(t), t.Context()
	primary, err := l.MySQL(ctx, lab.Options{})
	require.NoError(t, err)
	other, err := l.MySQL(ctx, lab.Options{})
	require.NoError(t, err)
	require.NoError(t, primary.Exec(ctx, "CREATE DATABASE shop"))
	set, err := primary.GTIDExecuted(ctx)
	require.NoError(t, err)

	n := open(t, configOf(t, other, lab.AdminUser))
	d := n.Dialect()
	for _, channel := range []string{"", "side"} {
		require.NoError(t, n.Exec(ctx, d.ChangeSource(node.SourceSettings{Host: primary.Host, Port: primary.Port, User: lab.ReplicationUser, Password: lab.Password,
			PublicKey: true, ConnectRetry: time.Second, Retries: 5, Heartbeat: time.Second, Channel: channel})))
		require.NoError(t, n.Exec(ctx, d.StartReplica(channel)))
		require.NoError(t, other.WaitGTID(ctx, set))
		require.NoError(t, n.Exec(ctx, d.StopReplica(channel)))
		require.NoError(t, n.Exec(ctx, d.ResetReplicaAll(channel)))
		require.NoError(t, n.Exec(ctx, "DROP DATABASE shop"))
		require.NoError(t, n.Exec(ctx, d.ResetBinaryLogsAndGTIDs()))
	}
	empty, err := n.GTIDExecuted(ctx)
	require.NoError(t, err)
	require.True(t, empty.IsEmpty())
}

// Each thing that keeps a connection from coming about has its own sentinel.
func TestRefusedConnectionsAreToldApart(t *testing.T) {
	t.Parallel()
	l, ctx := lab.New(t), t.Context()
	server, err := l.MySQL(ctx, lab.Options{Extra: []string{"--max-connections=3"}})
	require.NoError(t, err)
	good := configOf(t, server, lab.LastwriteUser)

	wrong := good
	wrong.Password = "wrong"
	_, err = node.Open(ctx, wrong)
	require.ErrorIs(t, err, replica.ErrAccessDenied)
	require.NotContains(t, err.Error(), "wrong")

	for address, want := range map[string]error{"no-such-host.invalid:3306": replica.ErrUnknownHost, "127.0.0.1:1": replica.ErrUnreachable,
		"/no/such.sock": replica.ErrUnreachable} {
		lost := good
		lost.Endpoint, err = replica.ParseEndpoint(address)
		require.NoError(t, err)
		_, err = node.Open(ctx, lost)
		require.ErrorIs(t, err, want, address)
	}

	require.NoError(t, server.CreateUser(ctx, "nobody", lab.Password))
	nobody := good
	nobody.User = "nobody"
	n := open(t, nobody)
	require.ErrorIs(t, n.CheckPrivileges(ctx, node.Streaming()), replica.ErrPrivilege)
	_, err = n.BinaryLogs(ctx)
	require.ErrorIs(t, err, replica.ErrPrivilege)

	held := make([]*node.Node, 0, 4)
	for range 4 {
		var n *node.Node
		if n, err = node.Open(ctx, good); err != nil {
			break
		}
		held = append(held, n)
	}
	require.ErrorIs(t, err, replica.ErrTooManyConnections)
	for _, n := range held {
		require.NoError(t, n.Close())
	}
}

// Privileges given by a role count once the role is active.
func TestPrivilegesOfRolesCount(t *testing.T) {
	t.Parallel()
	l, ctx := lab.New(t), t.Context()
	server, err := l.MySQL(ctx, lab.Options{})
	require.NoError(t, err)
	require.NoError(t, server.CreateUser(ctx, "lw", lab.Password))
	require.NoError(t, server.Exec(ctx, "CREATE ROLE streamer", "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO streamer",
		"GRANT streamer TO lw", "SET DEFAULT ROLE streamer TO lw"))
	n := open(t, configOf(t, server, "lw"))
	require.NoError(t, n.CheckPrivileges(ctx, node.Streaming()))
	err = n.CheckPrivileges(ctx, node.Cloning())
	require.ErrorContains(t, err, "GRANT BACKUP_ADMIN, SELECT ON *.* TO 'lw'@'%'")
	for _, user := range []string{lab.LastwriteUser, lab.AdminUser} {
		require.NoError(t, open(t, configOf(t, server, user)).CheckPrivileges(ctx, node.Streaming(), node.Cloning(), node.Dumping()))
	}
}

// What is wrong with a source is found on the server itself.
func TestUnfitSourceIsFound(t *testing.T) {
	t.Parallel()
	l, ctx := lab.New(t), t.Context()
	server, err := l.MySQL(ctx, lab.Options{Extra: []string{"--gtid-mode=OFF", "--enforce-gtid-consistency=OFF", "--binlog-checksum=NONE", "--sync-binlog=0",
		"--binlog-row-image=MINIMAL", "--binlog-expire-logs-seconds=60", "--binlog-do-db=shop", "--binlog-format=MIXED"}})
	require.NoError(t, err)
	findings, err := open(t, configOf(t, server, lab.LastwriteUser)).CheckSource(ctx)
	require.NoError(t, err)
	got := map[string]node.Severity{}
	for _, f := range findings {
		got[f.Setting] = f.Severity
	}
	require.Equal(t, map[string]node.Severity{"gtid_mode": node.Refusal, "enforce_gtid_consistency": node.Refusal, "binlog_format": node.Refusal,
		"binlog_checksum": node.Warning, "sync_binlog": node.Warning, "binlog_row_image": node.Warning, "binlog_expire_logs_seconds": node.Warning,
		"binlog_do_db": node.Warning, "binlog_rows_query_log_events": node.Advice}, got)

	off, err := l.MySQL(ctx, lab.Options{Extra: []string{"--skip-log-bin", "--gtid-mode=OFF"}})
	require.NoError(t, err)
	findings, err = open(t, configOf(t, off, lab.LastwriteUser)).CheckSource(ctx)
	require.NoError(t, err)
	require.Equal(t, "log_bin", findings[0].Setting)
}

// Every TLS mode does what its name says, against certificates that verify and those that do not.
func TestTLSModes(t *testing.T) {
	t.Parallel()
	l, ctx := lab.New(t), t.Context()
	proper, err := l.MySQL(ctx, lab.Options{TLS: true})
	require.NoError(t, err)
	plain, err := l.MySQL(ctx, lab.Options{Extra: []string{"--tls-version="}})
	require.NoError(t, err)
	strange, err := l.MySQL(ctx, lab.Options{})
	require.NoError(t, err)

	cipher := func(s *lab.Server, t2 node.TLS) (string, error) {
		cfg := configOf(t, s, lab.LastwriteUser)
		cfg.TLS = t2
		n, err := node.Open(ctx, cfg)
		if err != nil {
			return "", err
		}
		defer n.Close()
		var name, value string
		err = n.DB().QueryRowContext(ctx, "SHOW STATUS LIKE 'Ssl_cipher'").Scan(&name, &value)
		return value, err
	}
	ca := proper.TLS.CA
	for _, c := range []struct {
		name      string
		server    *lab.Server
		tls       node.TLS
		encrypted bool
		err       error
	}{
		{"default encrypts where it can", proper, node.TLS{}, true, nil},
		{"default goes without where it must", plain, node.TLS{}, false, nil},
		{"disabled", proper, node.TLS{Mode: node.TLSDisabled}, false, nil},
		{"required", strange, node.TLS{Mode: node.TLSRequired}, true, nil},
		{"required of a server without", plain, node.TLS{Mode: node.TLSRequired}, false, replica.ErrTLS},
		{"right authority", proper, node.TLS{Mode: node.TLSVerifyCA, CA: ca}, true, nil},
		{"wrong authority", strange, node.TLS{Mode: node.TLSVerifyCA, CA: ca}, false, replica.ErrTLS},
		{"right name", proper, node.TLS{Mode: node.TLSVerifyIdentity, CA: ca}, true, nil},
		{"wrong name", proper, node.TLS{Mode: node.TLSVerifyIdentity, CA: ca, ServerName: "db1"}, false, replica.ErrTLS},
		{"client certificate", proper, node.TLS{Mode: node.TLSVerifyIdentity, CA: ca, Cert: proper.TLS.ClientCert, Key: proper.TLS.ClientKey}, true, nil},
		{"no such file", proper, node.TLS{Mode: node.TLSVerifyCA, CA: "/no/such"}, false, replica.ErrTLS},
	} {
		got, err := cipher(c.server, c.tls)
		if c.err != nil {
			require.ErrorIs(t, err, c.err, c.name)
			continue
		}
		require.NoError(t, err, c.name)
		require.Equal(t, c.encrypted, got != "", c.name)
	}
}

// A local clone can be followed from the side.
func TestCloneIsFollowed(t *testing.T) {
	t.Parallel()
	l, ctx := lab.New(t), t.Context()
	server, err := l.MySQL(ctx, lab.Options{Clone: true})
	require.NoError(t, err)
	n := open(t, configOf(t, server, lab.LastwriteUser))
	before, err := n.CloneStatus(ctx)
	require.NoError(t, err)
	require.Equal(t, node.CloneStatus{}, before)
	require.NoError(t, n.Exec(ctx, n.Dialect().CloneLocal(fmt.Sprintf("%s/copy", l.Dir()))))
	after, err := n.CloneStatus(ctx)
	require.NoError(t, err)
	require.Equal(t, "Completed", after.State)
	require.NotZero(t, after.Done)
	require.NoError(t, after.Fault.Err())
}

func TestEndedContextIsNotAFault(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e, err := replica.ParseEndpoint("127.0.0.1:1")
	require.NoError(t, err)
	_, err = node.Open(ctx, node.Config{Endpoint: e, User: "u"})
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, replica.ErrUnreachable)
}
