//go:build !linux

package lab

import (
	"os"
	"syscall"
)

// childAttributes gives a child a process group of its own. Other systems cannot tie its life
// to ours; there a server outlives a lab that is killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// lockByte is only to be had on Linux; elsewhere a port is as free as binding it shows.
func lockByte(*os.File, int64) (bool, error) { return true, nil }

// shareBlocks is only to be had on Linux; elsewhere files are copied.
func shareBlocks(_, _ *os.File) bool { return false }

// waitStopped is only to be had on Linux; elsewhere a thread may answer once more.
func waitStopped(int) error { return nil }
