package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"lastwrite/internal/objstore"
)

// dirBatch is how many names are read from a directory at a time, so that those
// that are not wanted are dropped before the next are read.
const dirBatch = 1024

// List implements objstore.Store. One directory at a time is held in memory, names only.
func (s *Store) List(ctx context.Context, prefix, startAfter string) iter.Seq2[objstore.Info, error] {
	return func(yield func(objstore.Info, error) bool) {
		err := objstore.ValidatePrefix(prefix)
		if err == nil {
			w := walk{store: s, prefix: prefix, after: startAfter, yield: yield}
			err = w.dir(ctx, prefix[:strings.LastIndexByte(prefix, '/')+1])
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(objstore.Info{}, fmt.Errorf("list %q: %w", prefix, err))
		}
	}
}

// errStopped ends a walk whose caller has seen enough.
var errStopped = errors.New("stopped")

// walk is one listing.
type walk struct {
	store         *Store
	prefix, after string
	yield         func(objstore.Info, error) bool
}

// dir yields what is below dir, which is empty for the root or ends in a slash.
func (w *walk) dir(ctx context.Context, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	names, err := w.names(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := dir + name
		if strings.HasSuffix(name, "/") {
			err = w.dir(ctx, path)
		} else {
			err = w.object(ctx, path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// names returns the wanted names in dir, those of directories with a slash at the
// end, sorted: with the slash the order of names is the order of keys.
func (w *walk) names(dir string) ([]string, error) {
	f, err := w.store.root.Open("./" + dir)
	if err != nil {
		return nil, w.ignoreAbsent(err)
	}
	defer func() { _ = f.Close() }()
	var names []string
	for {
		entries, err := f.ReadDir(dirBatch)
		for _, entry := range entries {
			if name, ok := w.wanted(dir, entry); ok {
				names = append(names, name)
			}
		}
		if errors.Is(err, io.EOF) {
			slices.Sort(names)
			return names, nil
		}
		if err != nil {
			return nil, w.ignoreAbsent(err)
		}
	}
}

// ignoreAbsent passes over a directory that is not there: it was removed since its parent was
// read, or the prefix names none. Only a store that is gone is an error.
func (w *walk) ignoreAbsent(err error) error {
	if err = w.store.absent(err); errors.Is(err, objstore.ErrNotExist) {
		return nil
	}
	return err
}

// wanted reports whether an entry can hold or be something to list.
func (w *walk) wanted(dir string, entry fs.DirEntry) (string, bool) {
	name := entry.Name()
	if strings.HasPrefix(name, ".") {
		return "", false
	}
	path := dir + name
	if entry.IsDir() {
		path += "/"
		below := strings.HasPrefix(path, w.prefix) || strings.HasPrefix(w.prefix, path)
		later := path > w.after || strings.HasPrefix(w.after, path)
		return name + "/", below && later
	}
	return name, entry.Type().IsRegular() && strings.HasPrefix(path, w.prefix) && path > w.after
}

func (w *walk) object(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	stat, err := w.store.root.Lstat(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed since
	}
	if err != nil {
		return classify(err)
	}
	if !w.yield(describe(key, stat), nil) {
		return errStopped
	}
	return nil
}
