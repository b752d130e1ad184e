package stream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/go-mysql-org/go-mysql/client"

	"lastwrite/replica"
	"lastwrite/replica/node"
)

const (
	// loginTimeout bounds everything between dialling and the request for the log.
	loginTimeout = 20 * time.Second
	// readBuffer is the size of one read from the connection at most.
	readBuffer = 256 << 10
	// stallSeconds is how long the source waits for us to read before it gives the connection up: a slow
	// store must not lead to reading things again.
	stallSeconds = 600
)

// link is a connection over which the source sends its log.
type link struct {
	conn   net.Conn // as dialled; closing it ends everything
	reader *bufio.Reader
}

// open logs in, registers and asks for the log.
func open(ctx context.Context, cfg Config, source node.Identity, encrypt bool, dump []byte) (*link, error) {
	raw, err := cfg.Source.Dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("open a dump from %s: %w", cfg.Source.Endpoint, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	if err := raw.SetDeadline(time.Now().Add(loginTimeout)); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	conn, err := login(ctx, cfg, raw, encrypt)
	if err == nil {
		err = ask(conn, cfg, source, dump)
	}
	if err == nil {
		err = raw.SetDeadline(time.Time{})
	}
	if err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("open a dump from %s: %w", cfg.Source.Endpoint, node.Classify(cause(ctx, err)))
	}
	// The client has read the answer to the last command to its end, and the source says nothing before the dump:
	// its own read buffer is empty, and the connection below is at the dump's first byte.
	timed := &timedConn{Conn: conn.Conn.Conn, timeout: cfg.ReadTimeout}
	return &link{conn: raw, reader: bufio.NewReaderSize(timed, readBuffer)}, nil
}

// cause prefers the reason why ctx ended to what that did to the connection.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// login does the handshake on a fresh connection.
func login(ctx context.Context, cfg Config, raw net.Conn, encrypt bool) (conn *client.Conn, err error) {
	defer func() { // the client takes on trust that it speaks to a MySQL server
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: log in: %v", ErrProtocol, r)
		}
	}()
	var options []client.Option
	if encrypt {
		tlsConfig, err := cfg.Source.TLS.Load(cfg.Source.Endpoint)
		if err != nil {
			return nil, err
		}
		options = append(options, func(c *client.Conn) error { c.SetTLSConfig(tlsConfig); return nil })
	}
	options = append(options, func(c *client.Conn) error {
		c.SetAttributes(map[string]string{"program_name": "lastwrite"})
		return nil
	})
	return client.ConnectWithDialer(ctx, cfg.Source.Endpoint.Network, cfg.Source.Endpoint.Address, cfg.Source.User, cfg.Source.Password, "",
		func(context.Context, string, string) (net.Conn, error) { return raw, nil }, options...)
}

// ask sets up the session, registers, and sends the request for the log, whose answer it leaves unread.
func ask(conn *client.Conn, cfg Config, source node.Identity, dump []byte) error {
	r, err := conn.Execute("SELECT @@GLOBAL.server_uuid")
	if err != nil {
		return err
	}
	if id, err := r.GetString(0, 0); err != nil || id != source.UUID {
		return fmt.Errorf("%w: the address leads to %s now, and led to %s a moment ago", replica.ErrUnreachable, id, source.UUID)
	}
	r.Close()
	if _, err := conn.Execute(sessionSetup(cfg)); err != nil {
		return fmt.Errorf("set up the session: %w", err)
	}
	if err := send(conn, registerCommand(cfg.ServerID, cfg.HostName)); err != nil {
		return err
	}
	if _, err := conn.ReadOKPacket(); err != nil {
		return fmt.Errorf("register as a replica: %w", err)
	}
	return send(conn, dump)
}

// sessionSetup sets what a source wants to know of a replica, in the words of all versions.
func sessionSetup(cfg Config) string {
	return fmt.Sprintf("SET @master_heartbeat_period = %[1]d, @source_heartbeat_period = %[1]d, "+
		"@master_binlog_checksum = @@GLOBAL.binlog_checksum, @source_binlog_checksum = @@GLOBAL.binlog_checksum, "+
		"@slave_uuid = '%[2]s', @replica_uuid = '%[2]s', "+
		"SESSION net_write_timeout = %[3]d", cfg.Heartbeat.Nanoseconds(), cfg.UUID, stallSeconds)
}

// send sends a command, which begins a new count of packets.
func send(conn *client.Conn, command []byte) error {
	conn.ResetSequence()
	return conn.WritePacket(append(make([]byte, packetHeader), command...))
}

// close ends the connection; the source notices at once.
func (l *link) close() { _ = l.conn.Close() }

// packets returns the payloads that follow the request for the log, whose packet had number 0.
func (l *link) packets() packets { return packets{br: l.reader, seq: 1} }

// timedConn gives up a read after a time of silence.
type timedConn struct {
	net.Conn
	timeout time.Duration
}

func (c *timedConn) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}
