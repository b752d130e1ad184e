package replica

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var (
	// ErrMariaDB says that the server is MariaDB, whose GTIDs and log events are not MySQL's.
	ErrMariaDB = errors.New("the server is MariaDB, which lastwrite does not support")
	// ErrVersion says that the server is too old, or that its version cannot be read.
	ErrVersion = errors.New("unsupported server version")
)

// Version is the version of a MySQL server.
type Version struct {
	Major, Minor, Patch int
	Text                string // as the server says it, such as 8.0.36-28.1
}

// Oldest is the first version that lastwrite works with: the first to speak of replicas.
func Oldest() Version { return Version{Major: 8, Minor: 0, Patch: 22} }

// ParseVersion reads what SELECT VERSION() returns. Errors: ErrMariaDB; ErrVersion when it is not a version.
func ParseVersion(text string) (Version, error) {
	if strings.Contains(strings.ToLower(text), "mariadb") {
		return Version{}, fmt.Errorf("%w (version %s)", ErrMariaDB, text)
	}
	number := text
	if end := strings.IndexFunc(text, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }); end >= 0 {
		number = text[:end]
	}
	v := Version{Text: text}
	parts := strings.Split(number, ".")
	if len(parts) < 3 {
		return Version{}, fmt.Errorf("%w: %q", ErrVersion, text)
	}
	for i, to := range []*int{&v.Major, &v.Minor, &v.Patch} {
		n, err := strconv.ParseUint(parts[i], 10, 16)
		if err != nil {
			return Version{}, fmt.Errorf("%w: %q", ErrVersion, text)
		}
		*to = int(n)
	}
	return v, nil
}

// AtLeast tells whether v is major.minor.patch or newer.
func (v Version) AtLeast(major, minor, patch int) bool {
	return cmp.Or(cmp.Compare(v.Major, major), cmp.Compare(v.Minor, minor), cmp.Compare(v.Patch, patch)) >= 0
}

// Supported returns ErrVersion for a server older than Oldest.
func (v Version) Supported() error {
	if o := Oldest(); !v.AtLeast(o.Major, o.Minor, o.Patch) {
		return fmt.Errorf("%w: the server runs %s, at least %d.%d.%d is needed", ErrVersion, v, o.Major, o.Minor, o.Patch)
	}
	return nil
}

// String is what the server says of itself, else the three numbers.
func (v Version) String() string {
	if v.Text != "" {
		return v.Text
	}
	return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
}
