package archive

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lastwrite/binlog"
	"lastwrite/binlog/binlogtest"
	"lastwrite/internal/objstore/file"
)

// BenchmarkWriter measures the way from batch to the file store, with small transactions.
func BenchmarkWriter(b *testing.B) {
	l := binlogtest.New(serverA, binlog.GTIDSet{})
	for range 50_000 {
		l.Insert("shop", "orders", 300)
	}
	bytes := int64(len(l.Files[0].Data))
	b.SetBytes(bytes)
	for b.Loop() {
		store, err := file.Open(file.Options{Root: b.TempDir()})
		require.NoError(b, err)
		w, err := OpenWriter(b.Context(), store, Config{Cluster: "c", SpoolDir: b.TempDir(), Flush: time.Hour}, Observer{})
		require.NoError(b, err)
		for _, batch := range l.Batches(binlog.Cursor{}, 1<<20) {
			require.NoError(b, w.Write(b.Context(), batch))
		}
		require.NoError(b, w.Close(b.Context()))
	}
}
