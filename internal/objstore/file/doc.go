// Package file is the object store in a directory: the embedded default, which
// needs no server. An object is a plain file at the path of its key below the root, so
// an archive can be looked at, copied and backed up with ordinary tools.
//
// # Order of a write
//
//  1. The content goes to a temporary file in <root>/.lastwrite/tmp, which is on
//     the same file system, gets its modification time (see below) and is fsynced.
//  2. Missing parent directories are made, and each is made durable by an
//     fsync of its own parent before anything is put into it.
//  3. The temporary file takes its name in one step: link(2) for IfAbsent, which
//     fails where the name is taken; rename(2) otherwise, under the lock of
//     the key.
//  4. The directory is fsynced. Only then does the write return. A lost race
//     does this too: who is told that an object exists must find it after a
//     power failure.
//
// A crash leaves at most a temporary file, which no listing shows and Open
// removes once it is an hour old. A full disk fails step 1 and touches no object.
//
// # Locks
//
// Compare-and-swap, replacement and deletion of a key happen under flock(2) of
// one of 64 files in <root>/.lastwrite/lock, chosen by a hash of the key, so
// that any number of processes may share a store. The lock is held for a
// stat and a rename, never while content is written, and dies with its process. The
// file system must support hard links and flock; objstore.Probe finds out.
// On NFS flock needs version 4, or version 3 with its lock daemon.
//
// # Versions
//
// A version is the file's modification time in nanoseconds and its size. The
// kernel's own stamp would not do: it advances in steps of milliseconds, and
// inode numbers are used again at once, so two quick replacements could look
// like none. So the store sets the time itself, and under the lock makes it
// greater than that of the file it replaces, by whole steps where the file
// system is coarse. Within the life of an object versions therefore only grow,
// whatever the clock does; across a deletion they rest on the clock. Nothing is
// hashed, no extended attributes are needed (tmpfs, NFS and copies lack
// them), rsync and cp -p keep versions, and a change by another program shows.
//
// # Limits
//
// A key cannot be a parent of another one (objstore.ErrInvalidKey). Directories are
// not removed when they become empty. Sort order is by byte, whatever the locale.
// File systems that fold case or normalise Unicode are not supported.
package file
