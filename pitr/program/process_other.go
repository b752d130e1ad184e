//go:build unix && !linux

package program

import "syscall"

// childAttributes gives a child a process group of its own. There is no parent-death signal here: a child may
// outlive us when we are killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
