package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"golang.org/x/sys/unix"
)

const (
	s3Region    = "us-east-1"
	s3AccessKey = "lastwrite-lab"
	s3SecretKey = "lastwrite-lab-secret"
	s3Timeout   = 10 * time.Second
)

// ErrNoXattr says that no file system at hand can keep what the S3 server notes with each object.
var ErrNoXattr = errors.New("neither the temporary nor the cache directory is on a file system with user extended attributes; " +
	"set TMPDIR to one that is (ext4, xfs, btrfs)")

// S3 is an S3-compatible server of a lab that honours conditional writes. Buckets are addressed by path.
type S3 struct {
	Process

	// Endpoint is its base URL, http://127.0.0.1:port.
	Endpoint string
	// Region is what requests must be signed for.
	Region string
	// AccessKey and SecretKey are those of its administrator, who may do everything.
	AccessKey, SecretKey string

	program, dir string
	lease        *portLease
}

// Credentials are an access key with its secret.
type Credentials struct{ AccessKey, SecretKey string }

// S3 starts an S3 server with nothing in it; it is ended by Lab.Close at the latest. The first time on a
// machine the server is built; see Versitygw.
func (l *Lab) S3(ctx context.Context) (*S3, error) {
	if err := l.refuseClosed(); err != nil {
		return nil, err
	}
	program, err := Versitygw(ctx, l.log)
	if err != nil {
		return nil, fmt.Errorf("prepare an S3 server: %w", err)
	}
	dir, err := l.xattrDir()
	if err != nil {
		return nil, fmt.Errorf("prepare an S3 server: %w", err)
	}
	// The directories beside the data are what makes an unknown key a refusal instead of a 404, and versioning possible.
	for _, sub := range []string{"data", "iam", "versions"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("prepare an S3 server: %w", err)
		}
	}
	lease, err := leasePort(l.base)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	addr := net.JoinHostPort(loopback, strconv.Itoa(lease.port))
	s := &S3{
		Process:  Process{name: "the S3 server on " + addr, log: filepath.Join(dir, "server.log")},
		Endpoint: "http://" + addr, Region: s3Region, AccessKey: s3AccessKey, SecretKey: s3SecretKey,
		program: program, dir: dir, lease: lease,
	}
	if err := l.keepStore(s); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if err := s.Start(ctx); err != nil {
		return nil, err
	}
	l.log.Info().Str("endpoint", s.Endpoint).Msg("S3 server started")
	return s, nil
}

// xattrDir makes a directory for a server's data where user extended attributes can be set: in the lab's own directory
// if possible, else in the cache directory.
func (l *Lab) xattrDir() (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("make the cache directory: %w", err)
	}
	for _, parent := range []string{l.dir, cache} {
		dir, err := os.MkdirTemp(parent, "s3-*")
		if err != nil {
			return "", fmt.Errorf("make a directory: %w", err)
		}
		if unix.Setxattr(dir, "user.lastwrite-lab", []byte("1"), 0) == nil {
			return dir, nil
		}
		if err := os.RemoveAll(dir); err != nil {
			return "", fmt.Errorf("remove a directory: %w", err)
		}
	}
	return "", ErrNoXattr
}

// Start starts the server again after Stop or Kill, on the same data and port, and returns when it answers. The context
// bounds the wait (60 s if it has no deadline), not the server's life.
func (s *S3) Start(ctx context.Context) error {
	ctx, cancel := withDefaultDeadline(ctx, startTimeout)
	defer cancel()
	env := []string{"ROOT_ACCESS_KEY=" + s.AccessKey, "ROOT_SECRET_KEY=" + s.SecretKey}
	in := func(sub string) string { return filepath.Join(s.dir, sub) }
	args := []string{
		"--port", strings.TrimPrefix(s.Endpoint, "http://"), "--region", s.Region, "--health", "/health", "--quiet", "--keep-alive",
		"--iam-dir", in("iam"), "posix", "--versioning-dir", in("versions"), in("data"),
	}
	return s.launch(env, s.program, args, func(run *child) error {
		return run.await(ctx, func() bool { return s.healthy(ctx) })
	})
}

// healthy tells whether the server answers.
func (s *S3) healthy(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+"/health", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// Bucket makes a bucket, owned by the administrator.
func (s *S3) Bucket(ctx context.Context, name string) error {
	if err := s.put(ctx, "/"+name, ""); err != nil {
		return fmt.Errorf("make bucket %s: %w", name, err)
	}
	return nil
}

// ReadOnlyUser makes an account that may list and read a bucket and is refused (403) everything else.
func (s *S3) ReadOnlyUser(ctx context.Context, bucket, name string) (Credentials, error) {
	user := Credentials{AccessKey: name, SecretKey: name + "-secret"}
	if err := s.CreateUser(ctx, user); err != nil {
		return Credentials{}, err
	}
	policy := fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": [%q]},
		"Action": ["s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation"],
		"Resource": ["arn:aws:s3:::%s", "arn:aws:s3:::%s/*"]}]}`, name, bucket, bucket)
	if err := s.BucketPolicy(ctx, bucket, policy); err != nil {
		return Credentials{}, err
	}
	return user, nil
}

// CreateUser makes an account that may do nothing until a bucket's policy says so.
func (s *S3) CreateUser(ctx context.Context, user Credentials) error {
	cmd := exec.CommandContext(ctx, s.program, "admin", "--region", s.Region, "--endpoint-url", s.Endpoint,
		"create-user", "--access", user.AccessKey, "--secret", user.SecretKey, "--role", "user")
	cmd.Env = append(os.Environ(), "ADMIN_ACCESS_KEY="+s.AccessKey, "ADMIN_SECRET_KEY="+s.SecretKey)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make S3 account %s: %w: %s", user.AccessKey, err, lastLine(out))
	}
	return nil
}

// BucketPolicy replaces a bucket's policy, a JSON document of S3's policy language.
func (s *S3) BucketPolicy(ctx context.Context, bucket, policy string) error {
	if err := s.put(ctx, "/"+bucket+"?policy=", policy); err != nil {
		return fmt.Errorf("set the policy of bucket %s: %w", bucket, err)
	}
	return nil
}

// put sends a request signed by the administrator. The lab signs its few requests itself, so that a test that
// needs no S3 does not have to link a client for it.
func (s *S3) put(ctx context.Context, target, body string) error {
	ctx, cancel := withDefaultDeadline(ctx, s3Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, s.Endpoint+target, strings.NewReader(body))
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	request.Header.Set("X-Amz-Content-Sha256", hash)
	who := aws.Credentials{AccessKeyID: s.AccessKey, SecretAccessKey: s.SecretKey}
	if err := v4.NewSigner().SignHTTP(ctx, who, request, hash, "s3", s.Region, time.Now()); err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
		return fmt.Errorf("the server says %s: %s", response.Status, text)
	}
	return nil
}

// close kills the server and removes what it held.
func (s *S3) close() error {
	err := s.end()
	s.lease.release()
	return errors.Join(err, os.RemoveAll(s.dir))
}
