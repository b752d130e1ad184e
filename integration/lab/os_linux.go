package lab

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// childAttributes ties a child's life to the thread that starts it and gives it a process
// group of its own, so that a Ctrl-C in the terminal reaches only us and we end the servers in order.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// lockByte takes an exclusive lock on one byte of a file for as long as the file is open; false
// if somebody else, in this process or another, has it (open file description locks, fcntl(2)).
func lockByte(file *os.File, offset int64) (bool, error) {
	err := unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Start: offset, Len: 1})
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return false, nil
	}
	return err == nil, err
}

// shareBlocks makes to a copy of from that shares its blocks, where the file system can (ioctl FICLONE).
func shareBlocks(to, from *os.File) bool {
	return unix.IoctlFileClone(int(to.Fd()), int(from.Fd())) == nil
}

// waitStopped returns when every thread of a child that was sent SIGSTOP has stopped (waitid(2), WSTOPPED).
func waitStopped(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WSTOPPED, nil)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
