package main

import (
	"encoding/binary"
	"os"
	"strconv"

	"github.com/google/uuid"

	"lastwrite/cmd/lastwrite/config"
)

// maxReportHost is what older servers take for a replica's host name (HOSTNAME_LENGTH).
const maxReportHost = 60

// identity is who lastwrite is towards a source: the same at every start.
type identity struct {
	serverID   uint32
	uuid       string
	reportHost string
	holder     string // towards the archive: this process
}

// newIdentity makes the identity from the cluster's name, so that the sidecar of a cluster is one and the same replica wherever it
// runs: a source ends the connection of an older replica with the same UUID.
func newIdentity(cfg config.Config) identity {
	name := uuid.NewSHA1(uuid.NameSpaceURL, []byte("lastwrite:"+cfg.Cluster))
	host, err := os.Hostname()
	if err != nil {
		host = "unknown-host"
	}
	id := identity{serverID: uint32(cfg.Source.ServerID), uuid: name.String(), reportHost: cfg.Source.ReportHost}
	if id.serverID == 0 {
		// Above the small numbers that people give to their servers.
		id.serverID = binary.BigEndian.Uint32(name[:4]) | 1<<31
	}
	if id.reportHost == "" {
		id.reportHost = "lastwrite@" + host
		if len(id.reportHost) > maxReportHost {
			id.reportHost = id.reportHost[:maxReportHost]
		}
	}
	id.holder = host + ":" + strconv.Itoa(os.Getpid())
	return id
}
