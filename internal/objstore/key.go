package objstore

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxKeyLen is the longest key in bytes. S3 allows 1024 and that includes the
	// prefix a store puts before the key.
	MaxKeyLen = 900
	// MaxSegmentLen is the longest part between slashes in bytes. File systems
	// allow 255.
	MaxSegmentLen = 250
)

// ValidateKey checks that key can be stored everywhere: 1 to MaxKeyLen bytes of
// printable UTF-8, in segments of 1 to MaxSegmentLen bytes separated by single
// slashes. No segment begins with a dot: "." and ".." are directories, and names
// with a dot are the store's own. Errors are ErrInvalidKey.
func ValidateKey(key string) error {
	if key == "" {
		return fmt.Errorf("%w: empty", ErrInvalidKey)
	}
	if err := validateText(key); err != nil {
		return err
	}
	for segment := range strings.SplitSeq(key, "/") {
		if err := validateSegment(key, segment); err != nil {
			return err
		}
	}
	return nil
}

// ValidatePrefix checks a prefix for List: empty, or the beginning of a valid
// key. It may end in the middle of a segment or in a slash.
func ValidatePrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	if err := validateText(prefix); err != nil {
		return err
	}
	whole := strings.TrimSuffix(prefix, "/")
	for segment := range strings.SplitSeq(whole, "/") {
		if err := validateSegment(prefix, segment); err != nil {
			return err
		}
	}
	return nil
}

func validateText(key string) error {
	if len(key) > MaxKeyLen {
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrInvalidKey, len(key), MaxKeyLen)
	}
	if !utf8.ValidString(key) {
		return fmt.Errorf("%w: %q is not UTF-8", ErrInvalidKey, key)
	}
	for _, r := range key {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("%w: %q holds the unprintable character %U", ErrInvalidKey, key, r)
		}
	}
	return nil
}

func validateSegment(key, segment string) error {
	switch {
	case segment == "":
		return fmt.Errorf("%w: %q has an empty segment", ErrInvalidKey, key)
	case segment[0] == '.':
		return fmt.Errorf("%w: %q has a segment that begins with a dot", ErrInvalidKey, key)
	case len(segment) > MaxSegmentLen:
		return fmt.Errorf("%w: %q has a segment of %d bytes, at most %d are allowed",
			ErrInvalidKey, key, len(segment), MaxSegmentLen)
	}
	return nil
}
