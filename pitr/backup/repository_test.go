package backup_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lastwrite/internal/objstore"
	"lastwrite/internal/objstore/mem"
	"lastwrite/pitr"
	"lastwrite/pitr/backup"
)

const id = "20261121T140000Z-abcd"

// noise writes n bytes that do not compress.
func noise(n int) func(context.Context, io.Writer) error {
	return func(_ context.Context, w io.Writer) error {
		_, err := io.CopyN(w, rand.NewChaCha8([32]byte{1}), int64(n))
		return err
	}
}

func dumpBase(id string) pitr.Base { return pitr.Base{ID: id, Method: pitr.MethodDump} }

// Data of several chunks comes back as it was, whatever order the chunks were stored in.
func TestRoundTrip(t *testing.T) {
	ctx, store := t.Context(), mem.New()
	repo := backup.NewRepository(store, "main")
	size := 4*backup.ChunkSize + 12345
	require.NoError(t, repo.Put(ctx, dumpBase(id), noise(size)))
	m, err := repo.Get(ctx, id)
	require.NoError(t, err)
	require.Len(t, m.Chunks, 5)
	require.EqualValues(t, size, m.Bytes)

	var want, got bytes.Buffer
	require.NoError(t, noise(size)(ctx, &want))
	var fetched int64
	r, err := repo.OpenDump(ctx, id, func(stage pitr.Stage, done, total int64) {
		require.Equal(t, pitr.StageFetch, stage)
		require.Equal(t, m.Stored, total)
		fetched = done
	})
	require.NoError(t, err)
	_, err = io.Copy(&got, r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.True(t, bytes.Equal(want.Bytes(), got.Bytes()))
	require.Equal(t, m.Stored, fetched)
	require.NoError(t, repo.Verify(ctx, id, nil))
}

// Not one byte of a damaged chunk is given away, and a lost one is named.
func TestDamageIsFound(t *testing.T) {
	ctx := t.Context()
	damage := map[string]func(store objstore.Store, key string){
		"a flipped bit": func(store objstore.Store, key string) {
			content, _, err := objstore.ReadAll(ctx, store, key, 1<<30)
			require.NoError(t, err)
			content[len(content)/2] ^= 4
			_, err = store.Put(ctx, key, objstore.Bytes(content))
			require.NoError(t, err)
		},
		"a short object": func(store objstore.Store, key string) {
			_, err := store.Put(ctx, key, objstore.Bytes([]byte("x")))
			require.NoError(t, err)
		},
		"a lost object": func(store objstore.Store, key string) { require.NoError(t, store.Delete(ctx, key)) },
	}
	for name, do := range damage {
		t.Run(name, func(t *testing.T) {
			store := mem.New()
			repo := backup.NewRepository(store, "main")
			require.NoError(t, repo.Put(ctx, dumpBase(id), noise(2*backup.ChunkSize)))
			do(store, "main/base/"+id+"/data/000001.zst")
			require.ErrorIs(t, repo.Verify(ctx, id, nil), backup.ErrDamaged)
			require.ErrorContains(t, repo.Verify(ctx, id, nil), "chunk 1")
			r, err := repo.OpenDump(ctx, id, nil)
			require.NoError(t, err)
			n, err := io.Copy(io.Discard, r)
			require.ErrorIs(t, err, backup.ErrDamaged)
			require.LessOrEqual(t, n, int64(backup.ChunkSize))
			require.NoError(t, r.Close())
		})
	}
}

// A backup that breaks is no backup, and its reason is the first failure, on either side.
func TestFailureLeavesNoBase(t *testing.T) {
	ctx, store := t.Context(), mem.New()
	repo := backup.NewRepository(store, "main")
	broken := errors.New("the source is gone")
	err := repo.Put(ctx, dumpBase(id), func(ctx context.Context, w io.Writer) error {
		return errors.Join(noise(backup.ChunkSize*2)(ctx, w), broken)
	})
	require.ErrorIs(t, err, broken)

	_, err = store.Put(ctx, "main/base/20261121T150000Z-aaaa/data/000002.zst", objstore.Bytes([]byte("in the way")))
	require.NoError(t, err)
	err = repo.Put(ctx, dumpBase("20261121T150000Z-aaaa"), noise(backup.ChunkSize*8))
	require.ErrorIs(t, err, objstore.ErrPrecondition)
	require.ErrorContains(t, err, "store chunk 2")

	_, err = store.Put(ctx, "main/base/"+id+"/data/000007.zst", objstore.Bytes([]byte("whatever was stored before it broke")))
	require.NoError(t, err)
	bases, err := repo.List(ctx)
	require.NoError(t, err)
	require.Empty(t, bases)
	swept, err := repo.Sweep(ctx, time.Date(2026, 11, 21, 14, 30, 0, 0, time.UTC))
	require.NoError(t, err)
	require.Equal(t, []string{id}, swept, "the later one is left alone")
	swept, err = repo.Sweep(ctx, time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	require.Len(t, swept, 1)
	for info := range store.List(ctx, "", "") {
		t.Fatalf("left behind: %s", info.Key)
	}
}

// A manifest is not written over data that was swept away meanwhile.
func TestCommitLooksForItsData(t *testing.T) {
	ctx, store := t.Context(), mem.New()
	repo := backup.NewRepository(store, "main")
	lossy := backup.NewRepository(forgetful{store}, "main")
	require.ErrorIs(t, lossy.Put(ctx, dumpBase(id), noise(100)), backup.ErrDamaged)
	_, err := repo.Get(ctx, id)
	require.ErrorIs(t, err, backup.ErrNotExist)
}

// forgetful confirms what it does not keep.
type forgetful struct{ objstore.Store }

func (forgetful) PutIf(context.Context, string, objstore.Body, objstore.Cond) (objstore.Version, error) {
	return "1", nil
}

func TestListAndDelete(t *testing.T) {
	ctx, store := t.Context(), mem.New()
	repo := backup.NewRepository(store, "main")
	ids := []string{"20261121T140000Z-abcd", "20261121T140000Z-abce", "20261122T000000Z-zzzz"}
	for _, id := range []string{ids[2], ids[0], ids[1]} {
		require.NoError(t, repo.Put(ctx, dumpBase(id), noise(10)))
	}
	require.NoError(t, backup.NewRepository(store, "other").Put(ctx, dumpBase("20261121T140000Z-oooo"), noise(10)))
	_, err := store.Put(ctx, "main/base/notes/readme", objstore.Bytes([]byte("not ours")))
	require.NoError(t, err)
	bases, err := repo.List(ctx)
	require.NoError(t, err)
	var got []string
	for _, b := range bases {
		got = append(got, b.ID)
	}
	require.Equal(t, ids, got)
	require.NoError(t, repo.Delete(ctx, ids[1]))
	_, err = repo.Get(ctx, ids[1])
	require.ErrorIs(t, err, backup.ErrNotExist)
	_, err = repo.Get(ctx, "../../x")
	require.ErrorIs(t, err, backup.ErrNotExist)
	bases, err = repo.List(ctx)
	require.NoError(t, err)
	require.Len(t, bases, 2)
}

// A packed directory comes out as it went in, without what belongs to one server only.
func TestPackAndExtract(t *testing.T) {
	ctx, from, to := t.Context(), t.TempDir(), t.TempDir()
	files := map[string]string{"ibdata1": "system", "shop/t.ibd": strings.Repeat("rows", 100000), "auto.cnf": "uuid", "#innodb_temp/x": "t", "shop/auto.cnf": "kept"}
	require.NoError(t, os.MkdirAll(filepath.Join(from, "empty"), 0o750))
	for name, content := range files {
		path := filepath.Join(from, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o640))
	}
	repo := backup.NewRepository(mem.New(), "main")
	base := pitr.Base{ID: id, Method: pitr.MethodClone}
	require.NoError(t, repo.Put(ctx, base, func(ctx context.Context, w io.Writer) error { return backup.Pack(ctx, from, w) }))
	require.NoError(t, repo.Extract(ctx, id, to, nil))
	require.NoFileExists(t, filepath.Join(to, "auto.cnf"))
	require.NoDirExists(t, filepath.Join(to, "#innodb_temp"))
	require.DirExists(t, filepath.Join(to, "empty"))
	for _, name := range []string{"ibdata1", "shop/t.ibd", "shop/auto.cnf"} {
		content, err := os.ReadFile(filepath.Join(to, name))
		require.NoError(t, err)
		require.Equal(t, files[name], string(content))
	}
	require.ErrorIs(t, repo.Extract(ctx, id, to, nil), os.ErrExist, "nothing is written over")
	_, err := repo.OpenDump(ctx, id, nil)
	require.ErrorIs(t, err, backup.ErrFormat)
}

// No archive makes Extract write outside its directory, or make a link or a device.
func TestExtractStaysInside(t *testing.T) {
	for _, header := range []tar.Header{
		{Name: "../escaped", Typeflag: tar.TypeReg}, {Name: "/escaped", Typeflag: tar.TypeReg}, {Name: "a/../../escaped", Typeflag: tar.TypeReg},
		{Name: "link", Linkname: "..", Typeflag: tar.TypeSymlink}, {Name: "link", Linkname: "../x", Typeflag: tar.TypeLink},
		{Name: "fifo", Typeflag: tar.TypeFifo}, {Name: "..", Typeflag: tar.TypeDir},
	} {
		repo := backup.NewRepository(mem.New(), "main")
		require.NoError(t, repo.Put(t.Context(), pitr.Base{ID: id, Method: pitr.MethodClone}, func(_ context.Context, w io.Writer) error {
			out := tar.NewWriter(w)
			return errors.Join(out.WriteHeader(&header), out.Close())
		}))
		dir := filepath.Join(t.TempDir(), "a", "b")
		require.NoError(t, os.MkdirAll(dir, 0o750))
		err := repo.Extract(t.Context(), id, dir, nil)
		require.ErrorIs(t, err, backup.ErrDamaged, header.Name)
		for _, up := range []string{".", "..", "../.."} {
			entries, err := os.ReadDir(filepath.Join(dir, up))
			require.NoError(t, err)
			require.LessOrEqual(t, len(entries), 1, header.Name)
		}
	}
}

func TestScanDump(t *testing.T) {
	const (
		set  = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:nightly:7"
		end  = "-- Dump completed on 2026-11-21  2:54:04\n"
		head = "-- MySQL dump\nSET @@SESSION.SQL_LOG_BIN= 0;\n"
	)
	whole := head + "SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '" + set + ",\n4e11fa47-71ca-11e1-9e33-c80aa9429562:9';\n" +
		"CREATE DATABASE x;\nSET @@GLOBAL.GTID_PURGED='" + strings.Replace(set, "1-5", "1-500", 1) + "';\n" + end
	for n := 1; n < 70; n++ {
		got, err := backup.ScanDump(whole, n)
		require.NoError(t, err)
		require.Equal(t, set+",4e11fa47-71ca-11e1-9e33-c80aa9429562:9", got, "only the head counts, in pieces of %d", n)
	}
	for _, text := range []string{
		"", head + end, strings.TrimSuffix(whole, end), head + "CREATE DATABASE x;\nSET @@GLOBAL.GTID_PURGED='" + set + "';\n" + end,
		head + "SET @@GLOBAL.GTID_PURGED='nonsense';\n" + end,
	} {
		_, err := backup.ScanDump(text, 10)
		require.Error(t, err, text)
	}
}

func FuzzDecodeManifest(f *testing.F) {
	f.Add([]byte(`{"format":1,"id":"` + id + `","method":"clone","stored_bytes":1,"chunks":[{"size":1,"sha256":"` + strings.Repeat("a", 64) + `"}]}`))
	f.Add([]byte(`{"format":2}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := backup.DecodeManifest(text)
		if err != nil {
			require.True(t, errors.Is(err, backup.ErrDamaged) || errors.Is(err, backup.ErrFormat), err)
			return
		}
		require.NotEmpty(t, m.Chunks)
	})
}
