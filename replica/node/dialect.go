package node

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"lastwrite/replica"
)

// Dialect holds the statements that are not said alike in all versions of MySQL. Its zero value is not usable.
//
//	statement                     | form                                                  | from
//	own log position              | SHOW MASTER STATUS / SHOW BINARY LOG STATUS           | 8.2.0
//	clear logs and GTIDs          | RESET MASTER / RESET BINARY LOGS AND GTIDS            | 8.2.0
//	point a replica               | CHANGE MASTER TO / CHANGE REPLICATION SOURCE TO       | 8.0.23
//	options of the latter         | MASTER_… / SOURCE_…                                   | 8.0.23
//	replica's own status and work | SHOW REPLICA STATUS, START, STOP and RESET REPLICA    | 8.0.22
//	replicas of a source          | SHOW REPLICAS                                         | 8.0.22
type Dialect struct {
	logStatus, resetLogs, changeSource, prefix string
}

// DialectOf returns what a server of version v understands.
func DialectOf(v replica.Version) Dialect {
	d := Dialect{
		logStatus:    "SHOW BINARY LOG STATUS",
		resetLogs:    "RESET BINARY LOGS AND GTIDS",
		changeSource: "CHANGE REPLICATION SOURCE TO",
		prefix:       "SOURCE_",
	}
	if !v.AtLeast(8, 2, 0) {
		d.logStatus, d.resetLogs = "SHOW MASTER STATUS", "RESET MASTER"
	}
	if !v.AtLeast(8, 0, 23) {
		d.changeSource, d.prefix = "CHANGE MASTER TO", "MASTER_"
	}
	return d
}

// LogStatus asks for the server's own position in its log.
func (d Dialect) LogStatus() string { return d.logStatus }

// ResetBinaryLogsAndGTIDs deletes all logs of the server and empties gtid_executed and gtid_purged.
func (d Dialect) ResetBinaryLogsAndGTIDs() string { return d.resetLogs }

// SourceSettings say from whom and how a replica is to replicate.
type SourceSettings struct {
	Host     string
	Port     int
	User     string
	Password string

	// Auto-position by GTID is always asked for; a replica is never pointed at a file and position.

	Encrypt   bool   // require TLS
	CA        string // file, read by the replica; only with Encrypt
	Verify    bool   // the source's certificate must be made out for Host; only with Encrypt
	PublicKey bool   // let the replica fetch the source's RSA key (caching_sha2_password without TLS)

	ConnectRetry time.Duration // whole seconds; 0: the server's default
	Retries      int           // attempts to connect; 0: the server's default
	Heartbeat    time.Duration // milliseconds at the finest; 0: the server's default

	Channel string // empty: the default channel
}

// ChangeSource points a replica at a source. The statement holds the password: it must not be logged.
// It counts on backslashes being escapes in string literals, MySQL's default.
func (d Dialect) ChangeSource(s SourceSettings) string {
	var opts []string
	add := func(name, value string) { opts = append(opts, d.prefix+name+" = "+value) }
	add("HOST", quote(s.Host))
	add("PORT", strconv.Itoa(s.Port))
	add("USER", quote(s.User))
	add("PASSWORD", quote(s.Password))
	add("AUTO_POSITION", "1")
	add("SSL", flag(s.Encrypt))
	if s.Encrypt && s.CA != "" {
		add("SSL_CA", quote(s.CA))
	}
	add("SSL_VERIFY_SERVER_CERT", flag(s.Encrypt && s.Verify))
	if s.ConnectRetry > 0 {
		add("CONNECT_RETRY", strconv.FormatInt(int64(s.ConnectRetry/time.Second), 10))
	}
	if s.Retries > 0 {
		add("RETRY_COUNT", strconv.Itoa(s.Retries))
	}
	if s.Heartbeat > 0 {
		add("HEARTBEAT_PERIOD", strconv.FormatFloat(s.Heartbeat.Round(time.Millisecond).Seconds(), 'f', 3, 64))
	}
	// Here the prefix stands in the middle.
	opts = append(opts, "GET_"+d.prefix+"PUBLIC_KEY = "+flag(s.PublicKey))
	return d.changeSource + " " + strings.Join(opts, ", ") + channel(s.Channel)
}

// StartReplica starts both threads of a channel; empty means the default channel.
func (Dialect) StartReplica(name string) string { return "START REPLICA" + channel(name) }

// StopReplica stops both threads of a channel.
func (Dialect) StopReplica(name string) string { return "STOP REPLICA" + channel(name) }

// ResetReplicaAll makes the server forget the channel's source and relay logs. The channel must be stopped.
func (Dialect) ResetReplicaAll(name string) string { return "RESET REPLICA ALL" + channel(name) }

// CloneLocal copies the server's data into dir, which must be absolute and not exist, on the server's own host.
func (Dialect) CloneLocal(dir string) string {
	return "CLONE LOCAL DATA DIRECTORY = " + quote(dir)
}

// channel writes the FOR CHANNEL clause. The name is always given: without one, START and STOP act on every channel.
func channel(name string) string { return fmt.Sprintf(" FOR CHANNEL %s", quote(name)) }

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// quote makes a string literal.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(s) + "'"
}
