package s3_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"lastwrite/integration/lab"
	"lastwrite/internal/objstore"
	"lastwrite/internal/objstore/retry"
	"lastwrite/internal/objstore/s3"
)

var errLost = errors.New("connection reset by test")

// gateway stands between the store and the server: act may answer in the server's place.
type gateway struct {
	act func(r *http.Request, forward func() (*http.Response, error)) (*http.Response, error)

	mu   sync.Mutex
	seen []string // what went by
}

// RoundTrip implements http.RoundTripper.
func (g *gateway) RoundTrip(r *http.Request) (*http.Response, error) {
	g.mu.Lock()
	g.seen = append(g.seen, name(r))
	g.mu.Unlock()
	var content []byte
	if r.Body != nil {
		var err error
		if content, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
	}
	return g.act(r, func() (*http.Response, error) {
		again := r.Clone(r.Context())
		if r.Body != nil {
			again.Body = io.NopCloser(bytes.NewReader(content))
		}
		return http.DefaultTransport.RoundTrip(again)
	})
}

// name is the S3 operation of a request.
func name(r *http.Request) string {
	q := r.URL.Query()
	switch {
	case r.Method == http.MethodPost && q.Has("uploads"):
		return "create upload"
	case r.Method == http.MethodPost:
		return "complete upload"
	case r.Method == http.MethodPut && q.Has("partNumber"):
		return "upload part " + q.Get("partNumber")
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		return "abort upload"
	default:
		return strings.ToLower(r.Method)
	}
}

// lost lets the server act and loses its answer.
func lost(forward func() (*http.Response, error)) (*http.Response, error) {
	response, err := forward()
	if err != nil {
		return nil, err
	}
	_ = response.Body.Close()
	return nil, errLost
}

// answer is an error answer of S3.
func answer(r *http.Request, status int, code string) *http.Response {
	text := fmt.Sprintf("<Error><Code>%s</Code><Message>by test</Message></Error>", code)
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"X-Amz-Request-Id": {"TESTREQUEST"}}, ContentLength: int64(len(text)), Body: io.NopCloser(strings.NewReader(text)),
	}
}

// once makes an action that is taken for the first request of that name only.
func once(operation string, act func(r *http.Request, forward func() (*http.Response, error)) (*http.Response, error)) *gateway {
	var mu sync.Mutex
	done := false
	return &gateway{act: func(r *http.Request, forward func() (*http.Response, error)) (*http.Response, error) {
		mu.Lock()
		first := !done && name(r) == operation
		done = done || first
		mu.Unlock()
		if first {
			return act(r, forward)
		}
		return forward()
	}}
}

// TestFaults: what goes wrong between us and the server is resolved.
func TestFaults(t *testing.T) {
	server := server(t)
	plain := open(t, server, "faults", nil)
	small, big := objstore.Bytes([]byte("ours")), objstore.Bytes(bytes.Repeat([]byte("ours"), 5<<20))

	t.Run("a gateway that sends a write twice", func(t *testing.T) {
		g := once("put", func(_ *http.Request, forward func() (*http.Response, error)) (*http.Response, error) {
			if _, err := lost(forward); !errors.Is(err, errLost) {
				return nil, err
			}
			return forward()
		})
		v, err := open(t, server, "faults", g).PutIf(t.Context(), "twice", small, objstore.IfAbsent())
		require.NoError(t, err)
		require.Equal(t, []string{"put", "head"}, g.seen)
		isThere(t, plain, "twice", small, v)
	})
	t.Run("a lost answer to a compare-and-swap, seen through retry", func(t *testing.T) {
		v, err := plain.Put(t.Context(), "swap", objstore.Bytes([]byte("before")))
		require.NoError(t, err)
		g := once("put", func(_ *http.Request, forward func() (*http.Response, error)) (*http.Response, error) {
			return lost(forward)
		})
		v, err = retried(t, open(t, server, "faults", g)).PutIf(t.Context(), "swap", small, objstore.IfMatch(v))
		require.NoError(t, err)
		require.Equal(t, []string{"put", "put", "head", "get"}, g.seen)
		isThere(t, plain, "swap", small, v)
	})
	t.Run("a lost answer to the end of an upload", func(t *testing.T) {
		g := once("complete upload", func(_ *http.Request, forward func() (*http.Response, error)) (*http.Response, error) {
			return lost(forward)
		})
		v, err := open(t, server, "faults", g).PutIf(t.Context(), "upload", big, objstore.IfAbsent())
		require.NoError(t, err)
		isThere(t, plain, "upload", big, v)
	})
	t.Run("a conflict that ends well", func(t *testing.T) {
		g := once("put", func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
			return answer(r, http.StatusConflict, "ConditionalRequestConflict"), nil
		})
		v, err := open(t, server, "faults", g).PutIf(t.Context(), "conflict", small, objstore.IfAbsent())
		require.NoError(t, err)
		isThere(t, plain, "conflict", small, v)
	})
	t.Run("a conflict that the other wins", func(t *testing.T) {
		g := once("put", func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
			_, err := plain.Put(r.Context(), "beaten", objstore.Bytes([]byte("theirs")))
			return answer(r, http.StatusConflict, "ConditionalRequestConflict"), err
		})
		_, err := open(t, server, "faults", g).PutIf(t.Context(), "beaten", small, objstore.IfAbsent())
		require.ErrorIs(t, err, objstore.ErrPrecondition)
		require.True(t, objstore.Definite(err))
	})
	t.Run("the look after a lost race fails", func(t *testing.T) {
		_, err := plain.Put(t.Context(), "open", objstore.Bytes([]byte("theirs")))
		require.NoError(t, err)
		g := once("head", func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
			return answer(r, http.StatusServiceUnavailable, "SlowDown"), nil
		})
		_, err = open(t, server, "faults", g).PutIf(t.Context(), "open", small, objstore.IfAbsent())
		require.ErrorIs(t, err, objstore.ErrOpen)
		require.NotErrorIs(t, err, objstore.ErrPrecondition)
		_, err = retried(t, open(t, server, "faults", g)).PutIf(t.Context(), "open", small, objstore.IfAbsent())
		require.ErrorIs(t, err, objstore.ErrPrecondition)
	})
	t.Run("a part that fails is sent again by itself", func(t *testing.T) {
		g := once("upload part 2", func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
			return answer(r, http.StatusServiceUnavailable, "SlowDown"), nil
		})
		v, err := open(t, server, "faults", g).Put(t.Context(), "part", big)
		require.NoError(t, err)
		isThere(t, plain, "part", big, v)
		require.ElementsMatch(t, []string{"create upload", "upload part 1", "upload part 2", "upload part 2", "complete upload"}, g.seen)
	})
	t.Run("an upload that fails is aborted", func(t *testing.T) {
		g := &gateway{act: func(r *http.Request, forward func() (*http.Response, error)) (*http.Response, error) {
			if name(r) == "upload part 2" {
				return answer(r, http.StatusForbidden, "AccessDenied"), nil
			}
			return forward()
		}}
		_, err := open(t, server, "faults", g).Put(t.Context(), "aborted", big)
		require.ErrorIs(t, err, objstore.ErrPermission)
		require.ErrorContains(t, err, "part 2")
		require.ErrorContains(t, err, "TESTREQUEST")
		requireNoUploads(t, server)
	})
	t.Run("damage on the way is noticed by the server", func(t *testing.T) {
		g := &gateway{act: func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
			damaged := r.Clone(r.Context())
			damaged.Body = io.NopCloser(strings.NewReader("0urs"))
			return http.DefaultTransport.RoundTrip(damaged)
		}}
		_, err := open(t, server, "faults", g).Put(t.Context(), "damaged", small)
		require.Error(t, err)
		require.False(t, objstore.Definite(err), "worth another attempt")
		_, _, err = plain.Get(t.Context(), "damaged")
		require.ErrorIs(t, err, objstore.ErrNotExist)
	})
}

// retried is the store as it is used.
func retried(t *testing.T, s objstore.Store) *retry.Store {
	t.Helper()
	r, err := retry.New(s, retry.Options{FirstWait: time.Millisecond, MaxWait: 10 * time.Millisecond})
	require.NoError(t, err)
	return r
}

// isThere requires that the object has this content and version.
func isThere(t *testing.T, s objstore.Store, key string, content objstore.Body, v objstore.Version) {
	t.Helper()
	info, same, err := objstore.SameContent(t.Context(), s, key, content)
	require.NoError(t, err)
	require.True(t, same)
	require.Equal(t, v, info.Version)
}

func requireNoUploads(t *testing.T, server *lab.S3) {
	t.Helper()
	client := awss3.New(awss3.Options{
		Region: server.Region, BaseEndpoint: aws.String(server.Endpoint), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(server.AccessKey, server.SecretKey, ""),
	})
	out, err := client.ListMultipartUploads(t.Context(), &awss3.ListMultipartUploadsInput{Bucket: aws.String("archive")})
	require.NoError(t, err)
	require.Empty(t, out.Uploads)
}

// TestFlakyRace: with answers lost and requests refused at random, still exactly one
// of many writers wins, it knows that it did, and what it wrote is there.
func TestFlakyRace(t *testing.T) {
	server := server(t)
	flaky := &gateway{act: func(r *http.Request, forward func() (*http.Response, error)) (*http.Response, error) {
		switch rand.IntN(6) {
		case 0:
			return lost(forward)
		case 1:
			return answer(r, http.StatusServiceUnavailable, "SlowDown"), nil
		case 2:
			return nil, errLost
		default:
			return forward()
		}
	}}
	s := retried(t, open(t, server, "race", flaky))
	plain := open(t, server, "race", nil)
	const rounds, writers = 12, 8
	for round := range rounds {
		key := fmt.Sprintf("round/%d", round)
		var wg sync.WaitGroup
		won := make([]bool, writers)
		for i := range writers {
			wg.Go(func() {
				_, err := s.PutIf(t.Context(), key, objstore.Bytes(fmt.Appendf(nil, "writer %d", i)), objstore.IfAbsent())
				won[i] = err == nil
				if err != nil && !errors.Is(err, objstore.ErrPrecondition) {
					t.Errorf("writer %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		winners := 0
		for i, w := range won {
			if w {
				winners++
				content, _, err := objstore.ReadAll(t.Context(), plain, key, 100)
				require.NoError(t, err)
				require.Equal(t, fmt.Sprintf("writer %d", i), string(content))
			}
		}
		require.Equal(t, 1, winners)
	}
}

// pattern is a large body that is nowhere in memory.
type pattern int64

// Size implements objstore.Body.
func (p pattern) Size() int64 { return int64(p) }

// ReadAt implements io.ReaderAt.
func (p pattern) ReadAt(b []byte, at int64) (int, error) {
	n := min(int64(len(b)), int64(p)-at)
	for i := range b[:n] {
		b[i] = byte((at + int64(i)) >> 8)
	}
	if n < int64(len(b)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

// TestMemory: a large object goes out and comes back without being held in memory.
func TestMemory(t *testing.T) {
	s := open(t, server(t), "memory", nil)
	const size = 64 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	v, err := s.Put(t.Context(), "large", pattern(size))
	require.NoError(t, err)
	isThere(t, s, "large", pattern(size), v)
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20), "bytes allocated in all")
}

var _ objstore.Store = (*s3.Store)(nil)
