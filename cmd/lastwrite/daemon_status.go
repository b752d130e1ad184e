package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"lastwrite/binlog"
)

const (
	socketName    = "status.sock"
	statusPath    = "/v1/status"
	statusTimeout = 3 * time.Second
	// maxSocketPath is the longest path of a Unix socket on every system lastwrite runs on, in bytes.
	maxSocketPath = 100
)

// daemonStatus is the JSON document of GET /v1/status, and the member "daemon" of `lastwrite status --json`.
type daemonStatus struct {
	PID      int           `json:"pid"`
	Version  string        `json:"version"`
	Started  time.Time     `json:"started"`
	Cluster  string        `json:"cluster"`
	Epoch    uint64        `json:"epoch"`
	Stream   streamStatus  `json:"stream"`
	Spool    spoolStatus   `json:"spool"`
	Requests requestStatus `json:"requests"` // to the store, since the start
}

// streamStatus is how reading goes.
type streamStatus struct {
	Phase          string          `json:"phase"` // connecting, streaming, waiting or stopped
	Since          time.Time       `json:"since"`
	Source         string          `json:"source"`
	ServerUUID     string          `json:"server_uuid,omitempty"`
	ServerVersion  string          `json:"server_version,omitempty"`
	Received       binlog.Position `json:"received"`
	ReceivedAt     time.Time       `json:"received_at,omitzero"`
	HeardAt        time.Time       `json:"heard_at,omitzero"`
	Bytes          uint64          `json:"bytes"`
	BytesPerSecond float64         `json:"bytes_per_second"`
	Sessions       int             `json:"sessions"`
	LastFault      string          `json:"last_fault,omitempty"`
	LastFaultAt    time.Time       `json:"last_fault_at,omitzero"`
	Findings       []finding       `json:"findings"`
}

// finding is one thing about the source's settings.
type finding struct {
	Severity string `json:"severity"` // refusal, warning or advice
	Setting  string `json:"setting"`
	Problem  string `json:"problem"`
	Remedy   string `json:"remedy"`
}

// spoolStatus is how storing goes.
type spoolStatus struct {
	Bytes    int64     `json:"bytes"`
	Max      int64     `json:"max"`
	Pending  int       `json:"pending_segments"`
	Stored   string    `json:"stored,omitempty"` // where the stored log ends, file:offset
	StoredAt time.Time `json:"stored_at,omitzero"`
	Failing  string    `json:"failing,omitempty"` // why store or spool take no more
}

// document is the daemon's state now.
func (d *daemon) document() daemonStatus {
	st, ar := d.stream.State(), d.writer.State()
	doc := daemonStatus{
		PID: os.Getpid(), Version: readVersion().Version, Started: d.started.UTC(), Cluster: d.app.cfg.Cluster, Epoch: ar.Epoch,
		Stream: streamStatus{
			Phase: string(st.Phase), Since: st.Since.UTC(), Source: d.app.cfg.Source.Server.Endpoint.String(),
			ServerUUID: st.Source.UUID, Received: st.Received, ReceivedAt: utc(st.ReceivedAt), HeardAt: utc(st.HeardAt),
			Bytes: st.Bytes, BytesPerSecond: st.BytesPerSecond, Sessions: st.Sessions, LastFaultAt: utc(st.LastFaultAt),
			Findings: []finding{},
		},
		Spool: spoolStatus{
			Bytes: ar.SpoolBytes, Max: d.app.cfg.Spool.Max, Pending: ar.SpoolPending, Stored: positionOf(ar), StoredAt: utc(ar.StoredAt),
		},
	}
	if d.app.meter != nil {
		doc.Requests = newRequestStatus(d.app.meter.Snapshot())
	}
	if st.Source.UUID != "" {
		doc.Stream.ServerVersion = st.Source.Version.String()
	}
	if st.LastFault != nil {
		doc.Stream.LastFault = oneLine(st.LastFault.Error())
	}
	if ar.Failing != nil {
		doc.Spool.Failing = oneLine(ar.Failing.Error())
	}
	for _, f := range st.Findings {
		doc.Stream.Findings = append(doc.Stream.Findings, finding{string(f.Severity), f.Setting, f.Problem, f.Remedy})
	}
	return doc
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}

// statusServer answers on the socket in the spool directory.
type statusServer struct {
	server http.Server
	dir    *os.File // kept open while the socket's address goes through it
	done   chan struct{}
}

// serveStatus listens on the socket. The caller holds the spool's lock, so a socket that is there is a dead process's. A nil server
// may be closed.
func serveStatus(spool string, document func() daemonStatus) (*statusServer, error) {
	path := filepath.Join(spool, socketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	address, dir, err := socketAddress(spool)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("unix", address)
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		closeDir(dir)
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	s := &statusServer{dir: dir, done: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+statusPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(document()) // a client that has gone away is no news
	})
	s.server.Handler = mux
	s.server.ReadHeaderTimeout = statusTimeout
	go func() {
		defer close(s.done)
		_ = s.server.Serve(listener) // returns when the server is closed
	}()
	return s, nil
}

func (s *statusServer) close() {
	if s == nil {
		return
	}
	_ = s.server.Close() // removes the socket too
	<-s.done
	closeDir(s.dir)
}

// socketAddress is an address of the socket that is short enough: a long directory is named through a descriptor (Linux).
func socketAddress(spool string) (address string, dir *os.File, err error) {
	path := filepath.Join(spool, socketName)
	if len(path) <= maxSocketPath {
		return path, nil, nil
	}
	if runtime.GOOS != "linux" {
		return "", nil, fmt.Errorf("the path of the socket %s is longer than %d bytes", path, maxSocketPath)
	}
	if dir, err = os.Open(spool); err != nil {
		return "", nil, fmt.Errorf("open the spool directory: %w", err)
	}
	return "/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + socketName, dir, nil
}

func closeDir(dir *os.File) {
	if dir != nil {
		_ = dir.Close() // it was only opened to be named
	}
}

// askDaemon asks the daemon of a spool directory for its status. fs.ErrNotExist or a refused connection: none runs there.
func askDaemon(ctx context.Context, spool string) (*daemonStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	address, dir, err := socketAddress(spool)
	if err != nil {
		return nil, err
	}
	defer closeDir(dir)
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", address)
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://lastwrite"+statusPath, nil)
	if err != nil {
		return nil, fmt.Errorf("ask the daemon: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the daemon: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	var doc daemonStatus
	if err := json.NewDecoder(response.Body).Decode(&doc); err != nil {
		return nil, fmt.Errorf("ask the daemon: %w", err)
	}
	return &doc, nil
}
