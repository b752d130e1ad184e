package program

import "syscall"

// childAttributes gives a child a process group of its own and has the kernel kill it when we are gone.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
