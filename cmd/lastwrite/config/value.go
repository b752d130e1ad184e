package config

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// units are the suffixes of a size, in bytes. A longer suffix comes before one that it ends in.
var units = [...]struct {
	suffix string
	bytes  int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// ParseSize reads a number of bytes with its unit, such as 64MiB, 1.5GiB or 500MB. A number without a unit is refused.
func ParseSize(text string) (int64, error) {
	trimmed := strings.TrimSpace(text)
	for _, u := range units {
		if len(trimmed) < len(u.suffix) || !strings.EqualFold(trimmed[len(trimmed)-len(u.suffix):], u.suffix) {
			continue
		}
		number := strings.TrimSpace(trimmed[:len(trimmed)-len(u.suffix)])
		value, err := strconv.ParseFloat(number, 64)
		if err != nil || value < 0 || math.IsNaN(value) || value*float64(u.bytes) >= math.MaxInt64 {
			return 0, fmt.Errorf("%q is not a size (want, for example, 64MiB)", text)
		}
		return int64(value * float64(u.bytes)), nil
	}
	if _, err := strconv.ParseFloat(trimmed, 64); err == nil {
		return 0, fmt.Errorf("%q has no unit (want, for example, %sMiB)", text, trimmed)
	}
	return 0, fmt.Errorf("%q is not a size (want, for example, 64MiB)", text)
}

// FormatSize writes what ParseSize reads, in the largest binary unit that gives a whole number.
func FormatSize(n int64) string {
	for i := 3; i >= 0; i-- {
		if u := units[i]; n >= u.bytes && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.suffix
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}

// ParseDuration reads a duration with its unit, such as 500ms, 30s or 1h30m. A number without a unit is refused.
func ParseDuration(text string) (time.Duration, error) {
	trimmed := strings.TrimSpace(text)
	if _, err := strconv.ParseFloat(trimmed, 64); err == nil {
		return 0, fmt.Errorf("%q has no unit (want, for example, %ss)", text, trimmed)
	}
	d, err := time.ParseDuration(trimmed)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration (want, for example, 30s or 1m30s)", text)
	}
	if d < 0 {
		return 0, fmt.Errorf("%q is negative", text)
	}
	return d, nil
}

// FormatDuration writes what ParseDuration reads, without units that are zero.
func FormatDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// duration makes a setting's set and get for a time.Duration of at least low.
func duration(into *time.Duration, low time.Duration) (func(string) error, func() string) {
	return func(text string) error {
		d, err := ParseDuration(text)
		if err != nil {
			return err
		}
		if d < low {
			return fmt.Errorf("%s is too short: at least %s", text, FormatDuration(low))
		}
		*into = d
		return nil
	}, func() string { return FormatDuration(*into) }
}

// size makes a setting's set and get for a number of bytes of at least low.
func size(into *int64, low int64) (func(string) error, func() string) {
	return func(text string) error {
		n, err := ParseSize(text)
		if err != nil {
			return err
		}
		if n < low {
			return fmt.Errorf("%s is too little: at least %s", text, FormatSize(low))
		}
		*into = n
		return nil
	}, func() string { return FormatSize(*into) }
}

// number makes a setting's set and get for a whole number from low to high.
func number(into *int64, low, high int64) (func(string) error, func() string) {
	return func(text string) error {
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil || n < low || n > high {
			return fmt.Errorf("%q: want a whole number from %d to %d", text, low, high)
		}
		*into = n
		return nil
	}, func() string { return strconv.FormatInt(*into, 10) }
}

// text makes a setting's set and get for a text that check, if given, accepts.
func text(into *string, check func(string) error) (func(string) error, func() string) {
	return func(value string) error {
		if check != nil && value != "" {
			if err := check(value); err != nil {
				return err
			}
		}
		*into = value
		return nil
	}, func() string { return *into }
}

// path makes a setting's set and get for a path, which Load has made absolute.
func path(into *string) (func(string) error, func() string) {
	return text(into, func(value string) error {
		if !filepath.IsAbs(value) {
			return fmt.Errorf("%q is not an absolute path", value)
		}
		return nil
	})
}

// choice makes a setting's set and get for one of a few words.
func choice(into *string, words ...string) (func(string) error, func() string) {
	return func(value string) error {
		if !slices.Contains(words, value) {
			return fmt.Errorf("%q: want %s", value, oneOf(words))
		}
		*into = value
		return nil
	}, func() string { return *into }
}

// oneOf writes "a, b or c".
func oneOf(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
