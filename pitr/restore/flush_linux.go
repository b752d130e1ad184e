package restore

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// flush writes everything on the file system of dir to disk: mysqld flushes what it has changed, but not what was extracted and never touched again.
func flush(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(d.Fd())), d.Close())
}
