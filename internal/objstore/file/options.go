package file

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
)

// Options says where a store is.
type Options struct {
	// Root is the directory that holds the objects: an absolute path.
	Root string
	// Create makes the root directory where it is missing. Without it a missing
	// root is objstore.ErrNoStore: a command that only reads must not turn a
	// mistyped path into an empty archive.
	Create bool
}

// Validate checks the options without touching the file system.
func (o Options) Validate() error {
	if o.Root == "" {
		return errors.New("file store: no directory given, want file:///path")
	}
	if !filepath.IsAbs(o.Root) {
		return fmt.Errorf("file store: %q is not an absolute path", o.Root)
	}
	return nil
}

// ParseURL reads a store address of the form file:///path. Create is left to
// the caller.
func ParseURL(u *url.URL) (Options, error) {
	switch {
	case u.Scheme != "file":
		return Options{}, fmt.Errorf("file store: scheme is %q, want file:///path", u.Scheme)
	case u.Host != "":
		return Options{}, fmt.Errorf("file store: %q names the host %q; a path has three slashes: file:///%s%s",
			u.Redacted(), u.Host, u.Host, u.Path)
	case u.Opaque != "":
		return Options{}, fmt.Errorf("file store: %q is not an absolute path, want file:///path", u.Opaque)
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return Options{}, fmt.Errorf("file store: %q has more than a path", u.Redacted())
	}
	o := Options{Root: filepath.Clean(u.Path)}
	if u.Path == "" {
		o.Root = ""
	}
	return o, o.Validate()
}
