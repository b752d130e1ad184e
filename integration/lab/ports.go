package lab

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

const (
	// Ports are taken from below the range that systems hand out to outgoing connections (32768 and up on Linux):
	// so a server that is down for a while finds its port free when it comes back.
	firstPort, lastPort = 20000, 32000
	portTries           = 200
)

// errNoPort says that no free port was found.
var errNoPort = errors.New("no free port on the loopback address")

// portLease holds a TCP port of the loopback address against every other lab on the machine, also while nothing listens on it.
type portLease struct {
	file *os.File
	port int
}

// leasePort finds a free port. The lock is on the byte of a shared file at the port's offset: it costs no space, and is
// gone with the process that holds it.
func leasePort(base string) (*portLease, error) {
	file, err := os.OpenFile(filepath.Join(base, "ports.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lease a port: %w", err)
	}
	for range portTries {
		port := firstPort + rand.IntN(lastPort-firstPort)
		ours, err := lockByte(file, int64(port))
		if err != nil {
			_ = file.Close()
			return nil, fmt.Errorf("lease a port: %w", err)
		}
		if !ours {
			continue
		}
		// A port that proves busy stays locked until the lease is released: harmless, and simpler.
		if listener, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port))); err == nil {
			_ = listener.Close()
			return &portLease{file: file, port: port}, nil
		}
	}
	_ = file.Close()
	return nil, fmt.Errorf("lease a port: %w", errNoPort)
}

// release gives the port back.
func (p *portLease) release() { _ = p.file.Close() }
