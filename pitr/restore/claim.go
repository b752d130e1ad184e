package restore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"lastwrite/pitr"
)

// ErrNotEmpty says that there is something in the directory to be restored into.
var ErrNotEmpty = errors.New("the directory is not empty")

// workName is our own directory inside the one that is restored into: relay logs and temporary files belong on the same file system. mysqld takes no
// notice of names with a leading dot, also when it initialises a directory.
const workName = ".lastwrite"

// claim is a directory that we may fill.
type claim struct {
	dir  string
	made []string // directories that were not there before, outermost first
}

// claimDir takes an absent or empty directory. A lost+found, as a fresh file system has it, is not counted.
func claimDir(dir string) (*claim, error) {
	if !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("restore into %q: want an absolute path", dir)
	}
	c := &claim{dir: filepath.Clean(dir)}
	if err := c.makeDirs(); err != nil {
		return nil, errors.Join(fmt.Errorf("restore into %s: %w", dir, err), c.removeMade())
	}
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, fmt.Errorf("restore into %s: %w", dir, err)
	}
	for _, entry := range entries {
		if entry.Name() != "lost+found" {
			return nil, fmt.Errorf("restore into %s: %w: %s is in it; nothing was touched", dir, ErrNotEmpty, entry.Name())
		}
	}
	// Mkdir is the claim: of two who come at the same time it lets one through.
	if err := os.Mkdir(c.work(), 0o700); err != nil {
		return nil, errors.Join(fmt.Errorf("restore into %s: %w", dir, err), c.removeMade())
	}
	return c, nil
}

func (c *claim) work() string { return filepath.Join(c.dir, workName) }

// makeDirs makes the directory and those above it that are missing, and remembers which.
func (c *claim) makeDirs() error {
	var missing []string
	for dir := c.dir; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is not a directory", dir)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrNotExist) {
			return err
		}
		missing = append([]string{dir}, missing...)
	}
	for _, dir := range missing {
		if err := os.Mkdir(dir, 0o750); err != nil {
			return err
		}
		c.made = append(c.made, dir)
	}
	return nil
}

// clear removes everything that we put into the directory, and the directories that we made.
func (c *claim) clear() error {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return fmt.Errorf("clear %s: %w", c.dir, err)
	}
	var errs []error
	for _, entry := range entries {
		if entry.Name() != "lost+found" {
			errs = append(errs, os.RemoveAll(filepath.Join(c.dir, entry.Name())))
		}
	}
	if err := errors.Join(append(errs, c.removeMade())...); err != nil {
		return fmt.Errorf("clear %s: %w", c.dir, err)
	}
	return nil
}

func (c *claim) removeMade() error {
	var errs []error
	for i := len(c.made) - 1; i >= 0; i-- {
		errs = append(errs, os.Remove(c.made[i]))
	}
	return errors.Join(errs...)
}

const (
	// reserve is how much must stay free while a server works, in bytes. On a full disk mysqld waits, for minutes at a time, for room that nobody
	// makes; and some of its files grow by tens of megabytes at once.
	reserve = 64 << 20
	// roomPoll is how often that is looked at.
	roomPoll = 200 * time.Millisecond
)

// checkRoom returns pitr.ErrNoSpace when fewer than need bytes, and the reserve, are free below the directory.
func (c *claim) checkRoom(need int64) error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(c.dir, &fs); err != nil {
		return fmt.Errorf("look for room in %s: %w", c.dir, err)
	}
	if free := int64(fs.Bavail) * int64(fs.Bsize); free < need+reserve {
		return fmt.Errorf("%w: %s has %s free, %s are needed", pitr.ErrNoSpace, c.dir, pitr.FormatBytes(free), pitr.FormatBytes(need+reserve))
	}
	return nil
}

// watchRoom calls fail once with pitr.ErrNoSpace when the reserve is reached. The caller calls stop in the end.
func (c *claim) watchRoom(fail func(error)) (stop func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(roomPoll)
		defer ticker.Stop()
		for {
			select {
			case <-quit:
				return
			case <-ticker.C:
			}
			if err := c.checkRoom(0); errors.Is(err, pitr.ErrNoSpace) {
				fail(err)
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-ended
	}
}
