package backup

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"lastwrite/pitr"
)

// leaveOut are the names at the top of a data directory that belong to one server or one run, and not to the data.
func leaveOut(name string) bool {
	switch name {
	case "auto.cnf", "ibtmp1", "#innodb_temp", "#clone", "mysqld_safe.pid":
		return true
	}
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".pid") || strings.HasSuffix(name, ".dblwr") || strings.HasSuffix(name, ".bdblwr")
}

// pack writes the data directory dir, which nobody may be writing to, as a tar archive.
func pack(ctx context.Context, dir string, w io.Writer) error {
	out := tar.NewWriter(w)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		name, err := filepath.Rel(dir, path)
		switch {
		case err != nil:
			return err
		case name == ".":
			return nil
		case filepath.Dir(name) == "." && leaveOut(name):
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		return packOne(out, path, filepath.ToSlash(name), entry)
	})
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	return nil
}

// packOne writes one directory or file. Anything else has no business in a copy made by CLONE.
func packOne(out *tar.Writer, path, name string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	header := &tar.Header{Name: name, ModTime: info.ModTime(), Format: tar.FormatPAX}
	switch {
	case entry.IsDir():
		header.Typeflag, header.Name, header.Mode = tar.TypeDir, name+"/", 0o750
		return out.WriteHeader(header)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is neither a file nor a directory", name)
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	header.Typeflag, header.Size, header.Mode = tar.TypeReg, info.Size(), 0o640
	if err := out.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.CopyN(out, file, info.Size())
	return err
}

// Extract writes the data directory of a base taken by CLONE into dir, which exists. It writes over nothing, and nowhere else whatever the
// archive says. On an error, what was written stays: the caller knows whether dir was empty. Errors: ErrNotExist, ErrFormat
// (another method), ErrDamaged, pitr.ErrNoSpace.
func (r *Repository) Extract(ctx context.Context, id, dir string, progress pitr.Progress) error {
	m, err := r.Get(ctx, id)
	if err != nil {
		return err
	}
	if m.Method != pitr.MethodClone {
		return fmt.Errorf("extract base %s: %w: it was taken by %s", id, ErrFormat, m.Method)
	}
	data, err := r.openData(ctx, m, progress)
	if err != nil {
		return err
	}
	defer func() { _ = data.Close() }()
	if err := unpack(ctx, data, dir); err != nil {
		return fmt.Errorf("extract base %s into %s: %w", id, dir, err)
	}
	return nil
}

// unpack writes a tar archive into dir.
func unpack(ctx context.Context, from io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	in := tar.NewReader(from)
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			// The tar archive ends before its stream does: read that, for its checksum.
			_, err = io.Copy(io.Discard, from)
			return err
		}
		if err != nil {
			return damaged(err)
		}
		if err := unpackOne(root, header, in); err != nil {
			return err
		}
	}
}

// unpackOne writes one entry. os.Root sees to it that nothing outside the directory is reached, by no name and no link.
func unpackOne(root *os.Root, header *tar.Header, content io.Reader) error {
	name := filepath.FromSlash(strings.TrimSuffix(header.Name, "/"))
	if !filepath.IsLocal(name) {
		return fmt.Errorf("%w: it holds the path %q", ErrDamaged, header.Name)
	}
	switch header.Typeflag {
	case tar.TypeDir:
		return noSpace(root.Mkdir(name, 0o750))
	case tar.TypeReg:
	default:
		return fmt.Errorf("%w: %q is neither a file nor a directory", ErrDamaged, header.Name)
	}
	file, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return noSpace(err)
	}
	_, err = io.Copy(file, content)
	return noSpace(errors.Join(err, file.Close()))
}

// damaged marks errors of the tar format; those of the store say themselves what they are.
func damaged(err error) error {
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// noSpace marks the error of a full file system.
func noSpace(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return pitr.ErrNoSpace
	}
	return err
}
