package archive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"lastwrite/binlog"
	"lastwrite/binlog/segment"
)

// LogFile is one of the servers' log files, as far as the archive has it.
type LogFile struct {
	Server string `json:"server"`
	File   string `json:"file"`
	Again  int    `json:"again,omitempty"` // counts files of one server that had the same name before (RESET BINARY LOGS AND GTIDS)
	Start  uint64 `json:"start"`           // offset of the first archived byte; 4 when the file is archived from its beginning
	End    uint64 `json:"end"`             // offset behind the last
	Holes  int    `json:"holes,omitempty"` // places in between that the source skipped

	parts []part
}

type part struct {
	entry *Entry
	span  segment.SpanSummary
	raw   uint64 // offset in the segment's raw stream
}

// Whole tells whether the archive has the file from its beginning, without a hole.
func (f *LogFile) Whole() bool { return f.Start == binlog.FileHeaderSize && f.Holes == 0 }

// Files lists the log files, in the order they were archived.
func (a *Archive) Files() []*LogFile {
	type key struct{ server, file string }
	var out []*LogFile
	current := map[key]*LogFile{}
	for _, e := range a.entries {
		raw := uint64(0)
		for _, sp := range e.Summary.Spans {
			k := key{sp.Server, sp.File}
			f := current[k]
			switch {
			case f == nil:
				f = &LogFile{Server: sp.Server, File: sp.File, Start: sp.Start}
				current[k] = f
				out = append(out, f)
			case sp.Start < f.End:
				f = &LogFile{Server: sp.Server, File: sp.File, Start: sp.Start, Again: f.Again + 1}
				current[k] = f
				out = append(out, f)
			case sp.Start > f.End:
				f.Holes++
			}
			f.parts = append(f.parts, part{e, sp, raw})
			f.End = sp.Start + sp.Length
			raw += sp.Length
		}
	}
	return out
}

// ExportOptions says what Export writes and where.
type ExportOptions struct {
	Dir       string
	Files     []string // names to export; empty: all
	Server    string   // only of this server; empty: of all
	Overwrite bool     // replace files that are there
	Progress  func(file string, done, total int64)
}

// Exported is a file that Export has written.
type Exported struct {
	LogFile
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

// ErrPartial says that a log file is not archived as a whole and cannot be exported.
var ErrPartial = errors.New("log file is not archived as a whole")

// Export writes log files as the servers had them, byte for byte. The files of the first server go to Dir, those of others to a
// directory in it that is named by their server_uuid. A file appears under its name only when it is complete.
// Files that are not Whole are left out when all are asked for; asked for by name they are ErrPartial.
func (a *Archive) Export(ctx context.Context, o ExportOptions) ([]Exported, error) {
	files := a.Files()
	if len(files) == 0 {
		return nil, fmt.Errorf("%w: there is no log file to export", ErrNotFound)
	}
	main := files[0].Server
	chosen, err := choose(files, o)
	if err != nil {
		return nil, err
	}
	var out []Exported
	for _, f := range chosen {
		dir := o.Dir
		if f.Server != main {
			dir = filepath.Join(dir, f.Server)
		}
		name := f.File
		if f.Again > 0 {
			name = fmt.Sprintf("%s~%d", name, f.Again+1)
		}
		n, err := a.exportFile(ctx, f, filepath.Join(dir, name), o)
		if err != nil {
			return out, fmt.Errorf("export %s: %w", f.File, err)
		}
		out = append(out, Exported{LogFile: *f, Path: filepath.Join(dir, name), Bytes: n})
	}
	return out, nil
}

func choose(files []*LogFile, o ExportOptions) ([]*LogFile, error) {
	var out []*LogFile
	for _, f := range files {
		if filepath.Base(f.File) != f.File || f.File == "." || f.File == ".." {
			return nil, fmt.Errorf("export: log file name %q is not a file name", f.File)
		}
		if o.Server != "" && f.Server != o.Server || len(o.Files) > 0 && !slices.Contains(o.Files, f.File) {
			continue
		}
		if !f.Whole() {
			if len(o.Files) > 0 {
				return nil, fmt.Errorf("%w: %s begins at %d and has %d holes", ErrPartial, f.File, f.Start, f.Holes)
			}
			continue
		}
		out = append(out, f)
	}
	for _, want := range o.Files {
		if !slices.ContainsFunc(out, func(f *LogFile) bool { return f.File == want }) {
			return nil, fmt.Errorf("%w: log file %s", ErrNotFound, want)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: no file is archived from its beginning", ErrPartial)
	}
	return out, nil
}

// exportFile writes one file under a temporary name and gives it its own when it is on disk.
func (a *Archive) exportFile(ctx context.Context, f *LogFile, path string, o ExportOptions) (n int64, err error) {
	if _, err := os.Lstat(path); err == nil && !o.Overwrite {
		return 0, fmt.Errorf("%s: %w", path, os.ErrExist)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return 0, err
	}
	tmp, err := os.OpenFile(path+".partial", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
		}
	}()
	out := bufio.NewWriterSize(tmp, 1<<20)
	out.Write(binlog.FileMagic())
	n = binlog.FileHeaderSize
	for _, p := range f.parts {
		if err := a.copyPart(ctx, p, out, &n, f, o.Progress); err != nil {
			return 0, err
		}
	}
	if err := errors.Join(out.Flush(), tmp.Sync(), tmp.Close()); err != nil {
		return 0, err
	}
	return n, os.Rename(tmp.Name(), path)
}

func (a *Archive) copyPart(ctx context.Context, p part, out io.Writer, n *int64, f *LogFile, progress func(string, int64, int64)) error {
	blob := a.blob(p.entry)
	index, err := segment.ReadIndex(ctx, blob)
	if err != nil {
		return fmt.Errorf("read %s: %w", p.entry.Key, err)
	}
	r := segment.NewReader(index, blob, []segment.Range{{From: p.raw, To: p.raw + p.span.Length}}, binlog.NewPool(sourceBatches, sourceBatchSize))
	defer r.Close()
	for {
		b, err := r.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", p.entry.Key, err)
		}
		for i := range b.Events {
			if _, err := out.Write(b.Events[i].Raw); err != nil {
				b.Release()
				return err
			}
		}
		*n += int64(b.Bytes())
		b.Release()
		if progress != nil {
			progress(f.File, *n, int64(f.End))
		}
	}
}
