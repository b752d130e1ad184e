package lab

import (
	"fmt"
	"strconv"
)

// Options describe a MySQL server. The zero value is a primary fit for lastwrite: GTIDs on and enforced, row-based
// binary log with full metadata, replica updates logged, the system defaults for durability
// (sync_binlog=1, innodb_flush_log_at_trx_commit=1), little memory, loopback only.
type Options struct {
	// Name is used for directories and messages; default mysql-<server id>.
	Name string
	// ServerID is the replication id; by default one that is unique in the lab.
	ServerID uint32
	// TLS gives the server a certificate that verifies against Server.TLS for 127.0.0.1 and localhost. Without it the
	// server has, as any unconfigured MySQL, self-made certificates that verify for no name.
	TLS bool
	// Clone loads the CLONE plugin.
	Clone bool
	// SemiSync loads both semi-synchronous plugins and enables the side that fits: a server made by MySQL waits
	// for an acknowledgement (by default up to 10 s, then goes on without), one made by Replica sends it.
	SemiSync bool
	// DataDir starts the server on this existing data directory instead of on a copy of the template. It is not removed
	// with the lab. Its accounts are what they are; root must be able to log in over the socket without a password.
	DataDir string
	// Extra are further mysqld options, such as "--max-binlog-size=4096". They come last and so override ours.
	Extra []string

	replica bool // made by Lab.Replica
}

// withDefaults fills in what was left open.
func (o Options) withDefaults(l *Lab) Options {
	if o.ServerID == 0 {
		o.ServerID = l.nextID()
	}
	if o.Name == "" {
		o.Name = "mysql-" + strconv.FormatUint(uint64(o.ServerID), 10)
	}
	return o
}

// flags is mysqld's command line. Options that not all supported versions know are written --loose-.
func (s *Server) flags() []string {
	flags := append([]string{"--no-defaults"}, rootFlags()...)
	flags = append(flags,
		"--datadir="+s.DataDir,
		"--tmpdir="+s.dir,
		"--socket="+s.Socket,
		"--pid-file="+s.dir+"/mysqld.pid",
		"--bind-address="+loopback,
		"--port="+strconv.Itoa(s.Port),
		"--skip-name-resolve",
		"--loose-mysqlx=OFF",
		"--secure-file-priv=NULL",
		fmt.Sprintf("--server-id=%d", s.ServerID),
		"--report-host="+loopback,
		"--log-bin=binlog",
		"--relay-log=relay",
		"--relay-log-recovery=ON",
		"--gtid-mode=ON",
		"--enforce-gtid-consistency=ON",
		"--binlog-row-metadata=FULL",
		// Small: many servers share a test machine. The table caches also decide how
		// much the performance schema sets aside.
		"--innodb-buffer-pool-size=64M",
		"--innodb-log-buffer-size=8M",
		"--innodb-read-io-threads=2",
		"--innodb-write-io-threads=2",
		"--loose-innodb-redo-log-capacity=128M",
		"--table-open-cache=400",
		"--table-definition-cache=400",
		"--max-connections=150",
		"--thread-cache-size=8",
	)
	if s.TLS != nil {
		flags = append(flags, "--ssl-ca="+s.TLS.CA, "--ssl-cert="+s.TLS.ServerCert, "--ssl-key="+s.TLS.ServerKey)
	}
	if s.opts.Clone {
		flags = append(flags, "--plugin-load-add=mysql_clone.so")
	}
	if s.opts.SemiSync {
		flags = append(flags, "--plugin-load-add=semisync_source.so", "--plugin-load-add=semisync_replica.so")
		side := "source"
		if s.opts.replica {
			side = "replica"
		}
		flags = append(flags, "--loose-rpl-semi-sync-"+side+"-enabled=ON")
	}
	if s.opts.replica {
		flags = append(flags, "--super-read-only=ON")
	}
	return append(flags, s.opts.Extra...)
}
