package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	// PathEnv names the environment variable with the path of the configuration file.
	PathEnv = "LASTWRITE_CONFIG"
	// DefaultPath is the file that is read when none is named, if it is there.
	DefaultPath = "/etc/lastwrite/lastwrite.yaml"

	maxFile     = 1 << 20 // bytes
	maxPassword = 4 << 10
)

// Loader is where settings come from.
type Loader struct {
	// Path is the configuration file. Empty: what PathEnv names; else Fallback, if it is there.
	Path     string
	Fallback string
	// Flags are the values that were given on the command line, by name of flag.
	Flags  map[string]string
	Getenv func(string) string
	// Dir is the directory that relative paths of flags and environment are relative to.
	Dir string
}

// Load reads all settings. path is the file that was read, or empty. Errors wrap ErrInvalid, or are those of reading a file.
func (l Loader) Load() (c Config, path string, err error) {
	c = Defaults()
	settings := c.Settings()
	if path, err = l.file(settings); err != nil {
		return c, path, err
	}
	if err := l.environment(settings); err != nil {
		return c, path, err
	}
	if err := l.flags(settings); err != nil {
		return c, path, err
	}
	if err := c.readPassword(); err != nil {
		return c, path, err
	}
	if err := c.Validate(); err != nil {
		return c, path, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return c, path, nil
}

// file applies the configuration file, if there is one.
func (l Loader) file(settings []Setting) (string, error) {
	path, named := l.Path, true
	if path == "" {
		path = l.Getenv(PathEnv)
	}
	if path == "" {
		path, named = l.Fallback, false
	}
	if path == "" {
		return "", nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(l.Dir, path)
	}
	content, err := readLimited(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read configuration: %w", err)
	}
	reader := fileReader{name: path, settings: settings}
	return path, reader.read(content)
}

func (l Loader) environment(settings []Setting) error {
	for i := range settings {
		s := &settings[i]
		value := l.Getenv(s.Env)
		if value == "" {
			continue
		}
		if err := s.Set(l.absolute(s, value)); err != nil {
			return &invalid{"environment variable " + s.Env, err.Error()}
		}
	}
	return nil
}

func (l Loader) flags(settings []Setting) error {
	for i := range settings {
		s := &settings[i]
		value, given := l.Flags[s.Flag]
		if !given || s.Flag == "" {
			continue
		}
		if err := s.Set(l.absolute(s, value)); err != nil {
			return &invalid{"flag --" + s.Flag, err.Error()}
		}
	}
	return nil
}

// absolute makes the value of a path absolute.
func (l Loader) absolute(s *Setting, value string) string {
	if s.Type != "path" || value == "" || filepath.IsAbs(value) {
		return value
	}
	return filepath.Join(l.Dir, value)
}

// readPassword takes the password from its file, unless the environment gave one.
func (c *Config) readPassword() error {
	if c.Source.PasswordFile == "" || c.Source.Password != "" {
		return nil
	}
	content, err := readLimited(c.Source.PasswordFile, maxPassword)
	if err != nil {
		return fmt.Errorf("read source.password_file: %w", err)
	}
	password := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if strings.ContainsAny(password, "\r\n\x00") {
		return &invalid{c.Source.PasswordFile, "a password file holds the password on one line and nothing else"}
	}
	c.Source.Password = password
	return nil
}

// readLimited reads a small file.
func readLimited(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() || info.Size() > limit {
		return nil, &invalid{path, fmt.Sprintf("is not a file of at most %s", FormatSize(limit))}
	}
	return os.ReadFile(path)
}
