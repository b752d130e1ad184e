package scratch

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
)

// maxLine is the longest piece of a line of the error log that is looked at, in bytes.
const maxLine = 4 << 10

// errorLog takes what mysqld writes: into a file, and line by line to a listener. It keeps the first error, which is
// the cause more often than the last.
type errorLog struct {
	file *os.File
	each func(line string)

	mu    sync.Mutex
	part  []byte
	first string // the first [ERROR]
	last  string // the last line
}

func openErrorLog(path string, each func(string)) (*errorLog, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of a scratch server: %w", err)
	}
	return &errorLog{file: file, each: each}, nil
}

// Write never fails: a full disk must not end the server by a broken pipe, it will say so itself.
func (l *errorLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.file.Write(p)
	l.part = append(l.part, p...)
	for {
		line, rest, whole := bytes.Cut(l.part, []byte("\n"))
		if !whole {
			break
		}
		l.line(strings.TrimSpace(string(line[:min(len(line), maxLine)])))
		l.part = rest
	}
	if len(l.part) > maxLine {
		l.part = l.part[:maxLine]
	}
	return len(p), nil
}

func (l *errorLog) line(text string) {
	if text == "" {
		return
	}
	l.last = text
	if l.first == "" && strings.Contains(text, "[ERROR]") {
		l.first = text
	}
	if l.each != nil {
		l.each(text)
	}
}

// cause is the line that most likely says why the server ended.
func (l *errorLog) cause() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first != "" {
		return l.first
	}
	return l.last
}

// hint is what an error says about the log: its telling line and where the rest is.
func (l *errorLog) hint() string {
	return fmt.Sprintf("mysqld said: %s (its log: %s)", l.cause(), l.file.Name())
}
