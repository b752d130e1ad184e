package file

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path"
	"strconv"
	"syscall"
	"time"
)

const (
	lockShards = 64
	// The wait for another process grows from lockPollMin to lockPollMax: flock(2)
	// that blocks cannot be ended by a context.
	lockPollMin = time.Millisecond
	lockPollMax = 16 * time.Millisecond
)

// locks gives out one lock per key: among the goroutines of this process by a channel,
// among processes by flock(2).
type locks struct {
	root   *os.Root
	shards [lockShards]chan struct{}
}

func newLocks(root *os.Root) *locks {
	l := &locks{root: root}
	for i := range l.shards {
		l.shards[i] = make(chan struct{}, 1)
	}
	return l
}

// lock waits for the lock of key and returns what releases it. The lock directory
// must exist.
func (l *locks) lock(ctx context.Context, key string) (unlock func(), err error) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	shard := int(h.Sum32() % lockShards)
	select {
	case l.shards[shard] <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f, err := l.lockFile(ctx, path.Join(lockDir, strconv.Itoa(shard)))
	if err != nil {
		<-l.shards[shard]
		return nil, fmt.Errorf("lock %s: %w", key, err)
	}
	return func() {
		_ = f.Close() // releases the lock: nobody else has this open file
		<-l.shards[shard]
	}, nil
}

func (l *locks) lockFile(ctx context.Context, name string) (*os.File, error) {
	f, err := l.root.OpenFile(name, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	for wait := lockPollMin; ; wait = min(2*wait, lockPollMax) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return f, nil
		case errors.Is(err, syscall.EINTR):
			continue
		case !errors.Is(err, syscall.EWOULDBLOCK):
			_ = f.Close()
			return nil, fmt.Errorf("the file system does not lock: %w", err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			_ = f.Close()
			return nil, ctx.Err()
		}
	}
}
