package mem_test

import (
	"testing"

	"lastwrite/internal/objstore"
	"lastwrite/internal/objstore/mem"
	"lastwrite/internal/objstore/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(*testing.T) objstore.Store { return mem.New() })
}
