package server

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	mysqlserver "github.com/go-mysql-org/go-mysql/server"
	"github.com/rs/zerolog"
)

const (
	// idleTimeout is how long a client may be silent between two commands. During a dump it may be silent for ever.
	idleTimeout = 5 * time.Minute
	// minBuffer is a writer's buffer, in bytes, where little is written.
	minBuffer = 512
)

var (
	// errQuit says that the client said goodbye.
	errQuit = errors.New("client quit")
	// errGone says that a client closed its connection, or spoke, in the middle of a dump.
	errGone = errors.New("client left")
	// errReplaced says that the same replica has connected anew: this connection is what it left behind.
	errReplaced = errors.New("replica connected anew")
)

// session is one authenticated connection. Only its own goroutine uses it, but for end.
type session struct {
	srv    *Server
	log    Log
	link   *link
	conn   *mysqlserver.Conn
	logger zerolog.Logger
	end    context.CancelCauseFunc // closes the connection
	vars   map[string]any          // user variables by name with its @, in lower case
	peer   *registration           // nil unless registered as a replica
}

// run answers commands until the client leaves, fails or is cut off.
func (s *session) run(ctx context.Context) error {
	for {
		if err := s.link.expect(idleTimeout); err != nil {
			return err
		}
		s.conn.ResetSequence()
		data, err := s.conn.ReadPacket()
		if err != nil {
			return err
		}
		if len(data) == 0 {
			return errCommand
		}
		if err := s.command(ctx, data[0], data[1:]); err != nil {
			return err
		}
	}
}

func (s *session) command(ctx context.Context, code byte, data []byte) error {
	switch code {
	case mysql.COM_QUIT:
		return errQuit
	case mysql.COM_PING, mysql.COM_INIT_DB:
		return s.conn.WriteValue(nil)
	case mysql.COM_QUERY:
		result, err := s.query(string(data))
		s.logger.Trace().Str("query", string(data)).AnErr("answer", err).Msg("query")
		if err != nil {
			return s.conn.WriteValue(err)
		}
		return s.conn.WriteValue(result)
	case mysql.COM_REGISTER_SLAVE:
		peer, err := decodeRegister(data)
		if err != nil {
			return s.conn.WriteValue(mysql.NewError(mysql.ER_MALFORMED_PACKET, err.Error()))
		}
		s.peer = &peer
		return s.conn.WriteValue(nil)
	case mysql.COM_BINLOG_DUMP:
		request, err := decodeDump(data)
		return s.dumpOrRefuse(ctx, request, err)
	case mysql.COM_BINLOG_DUMP_GTID:
		request, err := decodeDumpGTID(data)
		return s.dumpOrRefuse(ctx, request, err)
	}
	return s.conn.WriteValue(mysql.NewDefaultError(mysql.ER_UNKNOWN_COM_ERROR))
}

func (s *session) dumpOrRefuse(ctx context.Context, request dumpRequest, err error) error {
	out := newPacketWriter(s.conn.Conn.Conn, s.srv.cfg.WriteBuffer)
	switch {
	case err != nil:
		return out.fail(mysql.NewError(mysql.ER_MALFORMED_PACKET, err.Error()))
	case !request.auto && (s.peer != nil || request.pos != fileStart):
		s.logger.Warn().Str("file", request.file).Uint64("pos", request.pos).Msg("refused to send a replica the log by position")
		return out.fail(fatal("this source has no positions to start at: use SOURCE_AUTO_POSITION = 1"))
	}
	return s.dump(ctx, request, out)
}

// dump sends the log until the client leaves (an error), or until it has been told that there is no more, or why (nil).
func (s *session) dump(ctx context.Context, request dumpRequest, out *packetWriter) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	note := s.introduce(request)
	log := s.logger.With().Uint32("server_id", note.ServerID).Str("server", note.UUID).Logger()
	note.end = s.end
	defer s.srv.replicas.add(note)()

	d := &dump{
		request: request, out: out, note: note, count: &s.srv.count, log: log,
		make:  maker{serverID: s.srv.cfg.ServerID, newBeats: request.newBeats},
		every: s.heartbeatPeriod(),
	}
	d.make.checksum, d.aware = s.checksumAsked()

	unwatch := s.link.watch(func() { cancel(errGone) })
	err := d.run(ctx, s.log)
	unwatch()
	return s.conclude(d, err)
}

// conclude tells the client how the dump ended, where it can be told.
func (s *session) conclude(d *dump, err error) error {
	var no *refusal
	switch {
	case err == nil:
		d.log.Info().Msg("log sent to its end")
		return d.out.end()
	case !errors.As(err, &no):
		d.log.Info().AnErr("reason", err).Msg("connection of a replica ended")
		return err
	case d.out.open():
		_ = d.out.flush() // what came before was right
		d.log.Error().Err(err).Msg("connection of a replica cut in the middle of an event")
		return err
	}
	d.log.Error().Err(err).Msg("log cannot be sent to a replica")
	return d.out.fail(fatal(no.Error()))
}

// introduce says who it is that asks for the log.
func (s *session) introduce(request dumpRequest) *progress {
	note := &progress{Replica: Replica{
		ServerID: request.serverID, Addr: s.conn.RemoteAddr().String(), Since: time.Now(), Have: request.have,
	}}
	note.UUID, _ = s.userVariable("@replica_uuid", "@slave_uuid")
	if s.peer != nil {
		note.ServerID, note.Host, note.Port = s.peer.serverID, s.peer.host, s.peer.port
	}
	return note
}

// heartbeatPeriod is what the client asked for, in nanoseconds, and not longer than ours; 0 if it wants none.
func (s *session) heartbeatPeriod() time.Duration {
	text, _ := s.userVariable("@source_heartbeat_period", "@master_heartbeat_period")
	ns, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ns <= 0 {
		return 0
	}
	return min(time.Duration(ns), s.srv.cfg.HeartbeatMax)
}

// checksumAsked tells whether the client wants events to bear a CRC32, and whether it knows of checksums at all.
func (s *session) checksumAsked() (crc32, aware bool) {
	text, aware := s.userVariable("@source_binlog_checksum", "@master_binlog_checksum")
	return text == "CRC32" || text == "1", aware
}

// refusal is an error that the client is to be told.
type refusal struct{ err error }

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

func refuse(format string, args ...any) error { return &refusal{fmt.Errorf(format, args...)} }

// fatal is error 1236, at which a replica stops.
func fatal(text string) *mysql.MyError {
	return mysql.NewError(mysql.ER_MASTER_FATAL_ERROR_READING_BINLOG, text)
}
