package lab

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

const (
	// modulePath is this project's module.
	modulePath = "lastwrite"
	// toolsDir holds the module that pins the tools, below the repository's root.
	toolsDir = "integration/lab/tools"
	// buildReport is how often a long build says that it goes on.
	buildReport = 15 * time.Second
)

// ErrNoRepository says that the working directory is not inside the project's repository.
var ErrNoRepository = errors.New("not inside the lastwrite repository")

// Root is the repository's root: the nearest directory, from the working directory
// upwards, whose go.mod is this project's.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module "+modulePath+"\n") {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("find the repository: %w", ErrNoRepository)
		}
		dir = parent
	}
}

// Lastwrite builds ./cmd/lastwrite from the working tree and returns the program's path, a copy that later builds do not touch. What
// is up to date is not linked again.
func (l *Lab) Lastwrite(ctx context.Context) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.binary != "" {
		return l.binary, nil
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	unlock, err := lockCache(ctx, cache, "lastwrite", l.log)
	if err != nil {
		return "", err
	}
	defer unlock()
	sum := sha256.Sum256([]byte(root)) // each checkout has a binary of its own
	shared := filepath.Join(cache, "lastwrite-"+hex.EncodeToString(sum[:6]))
	if err := goBuild(ctx, root, shared, "./cmd/lastwrite", l.log); err != nil {
		return "", err
	}
	own := filepath.Join(l.dir, "lastwrite")
	if err := copyFile(shared, own); err != nil {
		return "", fmt.Errorf("copy the lastwrite program: %w", err)
	}
	l.binary = own
	return own, nil
}

// Versitygw returns the path of the S3 server, built from the pinned module if the cache does not have it (2 minutes on two
// processors with nothing compiled before).
func Versitygw(ctx context.Context, log zerolog.Logger) (string, error) {
	return toolPath(ctx, "github.com/versity/versitygw", "cmd/versitygw", log)
}

// Staticcheck returns the path of the linter, built from the pinned module if the cache does not have it (half a minute).
func Staticcheck(ctx context.Context, log zerolog.Logger) (string, error) {
	return toolPath(ctx, "honnef.co/go/tools", "cmd/staticcheck", log)
}

// toolPath returns the path of a program of the tools module, from the cache or built into it. The key
// holds the Go version too, since a linter has to understand the compiler it is used with.
func toolPath(ctx context.Context, module, pkg string, log zerolog.Logger) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, toolsDir)
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return "", fmt.Errorf("read the pinned versions: %w", err)
	}
	version, ok := requiredVersion(string(text), module)
	if !ok {
		return "", fmt.Errorf("read the pinned versions: %s is not required in %s", module, toolsDir)
	}
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	program := filepath.Base(pkg)
	name := strings.Join([]string{program, version, strings.Fields(runtime.Version())[0], runtime.GOARCH}, "-")
	if entry, _, ok := newestEntry(cache, name); ok {
		return filepath.Join(entry, program), nil
	}
	unlock, err := lockCache(ctx, cache, program, log)
	if err != nil {
		return "", err
	}
	defer unlock()
	entry, _, ok := newestEntry(cache, name)
	if !ok {
		log.Info().Str("program", program).Str("version", version).Msg("building; the first time this can take minutes")
		entry, err = install(cache, program, func(work string) (string, marker, error) {
			err := goBuild(ctx, dir, filepath.Join(work, program), module+"/"+pkg, log)
			return name, marker{Version: version}, err
		})
		if err != nil {
			return "", err
		}
	}
	return filepath.Join(entry, program), nil
}

// requiredVersion finds the version of a module in the text of a go.mod.
func requiredVersion(gomod, module string) (string, bool) {
	for line := range strings.Lines(gomod) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) >= 2 && fields[0] == module && strings.HasPrefix(fields[1], "v") {
			return fields[1], true
		}
	}
	return "", false
}

// goBuild builds a package of the module in dir. Every so often it says how many packages it has compiled.
func goBuild(ctx context.Context, dir, out, pkg string, log zerolog.Logger) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-C", dir, "-v", "-o", out, pkg)
	reader, writer := io.Pipe()
	var kept bytes.Buffer
	cmd.Stdout, cmd.Stderr = writer, writer
	done := make(chan struct{})
	go func() {
		defer close(done)
		reportBuild(io.TeeReader(reader, &kept), pkg, log)
	}()
	err := cmd.Run()
	_ = writer.Close()
	<-done
	if err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, tail(kept.String(), 20))
	}
	return nil
}

// reportBuild reads the names of compiled packages to the end, a line each.
func reportBuild(names io.Reader, pkg string, log zerolog.Logger) {
	packages, last := 0, time.Now()
	for lines := bufio.NewScanner(names); lines.Scan(); packages++ {
		if time.Since(last) >= buildReport {
			last = time.Now()
			log.Info().Str("program", filepath.Base(pkg)).Int("packages_compiled", packages).Msg("building")
		}
	}
	_, _ = io.Copy(io.Discard, names) // a line too long for the scanner must not block the build
}
