package scratch

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Mode is what a server is started for.
type Mode uint8

// The modes; see the package's documentation.
const (
	Prove Mode = iota
	Replay
	Serve
)

// Defaults of Config.
const (
	DefaultBufferPool = 512 << 20 // bytes
	DefaultAppliers   = 4
)

// maxPacket is the largest packet in bytes that MySQL knows. The log may hold events of that size, and the server that applies them
// must take them whatever its source allowed.
const maxPacket = 1 << 30

// Settings that data on disk depends on: without the same value mysqld does not start, or does not find tables.
var vital = [...]string{"lower_case_table_names", "innodb_page_size", "innodb_data_file_path"}

// Settings that statements in the log may depend on, and that their events do not carry.
var wanted = [...]string{
	"character_set_server", "collation_server", "default_storage_engine", "explicit_defaults_for_timestamp", "innodb_default_row_format",
	"innodb_file_per_table", "innodb_strict_mode", "innodb_ft_min_token_size", "innodb_ft_max_token_size", "innodb_ft_enable_stopword",
	"ngram_token_size", "ft_min_word_len", "ft_max_word_len",
}

// SharedSettings are the names of the system variables that a server started on a base must have from the server the base was taken from.
func SharedSettings() []string { return slices.Concat(vital[:], wanted[:]) }

// sharedFlags turns recorded settings into options. Paths are left out: a copy has everything in its own directory.
func sharedFlags(settings map[string]string) []string {
	var flags []string
	for _, name := range vital {
		if value, ok := settings[name]; ok && !strings.Contains(value, "/") {
			flags = append(flags, "--"+name+"="+value)
		}
	}
	for _, name := range wanted {
		if value, ok := settings[name]; ok && value != "" {
			flags = append(flags, "--loose-"+name+"="+value)
		}
	}
	return flags
}

// initFlags are the options of mysqld --initialize-insecure.
func initFlags(c Config) []string {
	flags := append([]string{"--no-defaults"}, rootFlags()...)
	flags = append(flags, "--initialize-insecure", "--datadir="+c.DataDir, "--skip-log-bin", "--loose-mysqlx=OFF", "--secure-file-priv=NULL")
	return append(flags, sharedFlags(c.Settings)...)
}

// flags are the options of the server. Those that not all supported versions know are written --loose-, some in
// both their old and their new name.
func (s *Server) flags() []string {
	c := s.cfg
	flags := append([]string{"--no-defaults"}, rootFlags()...)
	flags = append(flags,
		"--datadir="+c.DataDir,
		"--tmpdir="+filepath.Join(c.WorkDir, "tmp"),
		"--socket="+s.socket,
		"--pid-file="+filepath.Join(s.dir, "mysqld.pid"),
		"--init-file="+s.initFile(),
		"--secure-file-priv=NULL",
		"--skip-networking",
		"--skip-name-resolve",
		"--loose-mysqlx=OFF",
		"--skip-log-bin",
		"--gtid-mode=ON",
		"--enforce-gtid-consistency=ON",
		"--event-scheduler=OFF",
		"--local-infile=OFF",
		"--loose-skip-replica-start", "--loose-skip-slave-start",
		"--loose-group-replication-start-on-boot=OFF",
		"--loose-auto-generate-certs=OFF",
		"--loose-sha256-password-auto-generate-rsa-keys=OFF",
		"--loose-caching-sha2-password-auto-generate-rsa-keys=OFF",
		"--max-connections=50",
		fmt.Sprintf("--max-allowed-packet=%d", maxPacket),
		fmt.Sprintf("--innodb-buffer-pool-size=%d", c.BufferPool),
		// The next server's cache is not to be filled with what this one did.
		"--innodb-buffer-pool-dump-at-shutdown=OFF",
		"--innodb-buffer-pool-load-at-startup=OFF",
	)
	if c.Mode == Replay {
		flags = append(flags, replayFlags(c)...)
	}
	if c.Upgrade {
		flags = append(flags, "--upgrade=FORCE")
	}
	return append(flags, sharedFlags(c.Settings)...)
}

// replayFlags are for applying a log.
func replayFlags(c Config) []string {
	appliers := strconv.Itoa(c.Appliers)
	return []string{
		"--innodb-doublewrite=OFF",
		"--innodb-flush-log-at-trx-commit=0",
		"--loose-innodb-redo-log-capacity=1G",
		"--innodb-log-buffer-size=64M",
		"--innodb-io-capacity=4000", "--innodb-io-capacity-max=20000",
		// A replica passes over events of its own server id, and we cannot know which ids the log holds. Without
		// a binary log nothing can go in circles.
		"--server-id=" + strconv.Itoa(serverID),
		"--replicate-same-server-id=ON",
		"--relay-log=" + filepath.Join(c.WorkDir, "relay"),
		"--relay-log-index=" + filepath.Join(c.WorkDir, "relay.index"),
		// The log comes faster than it is applied: bound what waits on disk.
		"--max-relay-log-size=256M",
		"--relay-log-space-limit=4G",
		"--sync-relay-log=0",
		fmt.Sprintf("--loose-slave-max-allowed-packet=%d", maxPacket), fmt.Sprintf("--loose-replica-max-allowed-packet=%d", maxPacket),
		"--loose-slave-parallel-workers=" + appliers, "--loose-replica-parallel-workers=" + appliers,
		// Nobody reads while the log is applied, so the order of commits does not matter, and keeping it costs a sixth of the processor time.
		// What depends on each other is applied in order all the same.
		"--loose-slave-preserve-commit-order=OFF", "--loose-replica-preserve-commit-order=OFF",
	}
}

// serverID is the replication id of every scratch server: the largest there is.
const serverID = 1<<32 - 1

// rootFlags lets mysqld run as root where we are root; it refuses to otherwise.
func rootFlags() []string {
	if os.Geteuid() == 0 {
		return []string{"--user=root"}
	}
	return nil
}
