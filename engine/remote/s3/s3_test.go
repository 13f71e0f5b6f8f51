package s3_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/belay-ml/belay/engine/remote"
	"github.com/belay-ml/belay/engine/remote/remotetest"
	"github.com/belay-ml/belay/engine/remote/s3"
)

const access, secret = "belay-test", "belay-test-secret"

// gateway is a versitygw that serves a folder.
type gateway struct {
	dir, endpoint string
}

// start runs a versitygw on loopback until the test ends.
func start(t *testing.T) gateway {
	t.Helper()
	bin := os.Getenv("BELAY_VERSITYGW")
	if bin == "" {
		var err error
		if bin, err = exec.LookPath("versitygw"); err != nil {
			t.Skip("no S3 server: versitygw is neither in PATH nor in BELAY_VERSITYGW (.ci/run builds it)")
		}
	}
	g := gateway{dir: t.TempDir()}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, bin, "--port", address, "posix", g.dir)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+access, "ROOT_SECRET_KEY="+secret)
	cmd.Dir = t.TempDir()
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 1)
	go func() {
		var all []string
		for s := bufio.NewScanner(pipe); s.Scan(); {
			all = append(all, s.Text())
		}
		said <- strings.Join(all, "\n")
	}()
	t.Cleanup(func() {
		stop()
		text := <-said
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("versitygw said:\n%s", text)
		}
	})
	g.endpoint = "http://" + address
	admin, err := minio.New(address, &minio.Options{Creds: credentials.NewStaticV4(access, secret, ""), Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.After(time.Minute)
	for {
		if err = admin.MakeBucket(context.Background(), "team", minio.MakeBucketOptions{}); err == nil {
			return g
		}
		select {
		case <-deadline:
			t.Fatalf("versitygw does not answer: %v", err)
		case <-time.After(20 * time.Millisecond): // polls a condition
		}
	}
}

// open takes a prefix of the bucket that nobody else uses.
func (g gateway) open(t *testing.T, change func(*s3.Options)) *s3.Bucket {
	t.Helper()
	o := s3.Options{Bucket: "team", Prefix: fmt.Sprintf("p%d/x", time.Now().UnixNano()), Endpoint: g.endpoint,
		AccessKey: access, SecretKey: secret, PartSize: 5 << 20}
	if change != nil {
		change(&o)
	}
	b, err := s3.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAnS3BucketIsABucket(t *testing.T) {
	t.Parallel()
	g := start(t)
	remotetest.Bucket(t, 12<<20, func(t *testing.T) remote.Bucket { return g.open(t, nil) })
}

func TestAnUploadInPartsGoesOnWhereItBroke(t *testing.T) {
	t.Parallel()
	g := start(t)
	b := g.open(t, nil)
	data := remotetest.Random(12<<20, 1)
	body := remote.Bytes(data)
	name := "v1/cas/" + string(body.Digest)
	broken := body
	broken.Open = func() (remote.Content, error) {
		c, err := body.Open()
		return &breaking{Content: c, after: 11 << 20}, err
	}
	if err := b.Put(t.Context(), name, broken); err == nil {
		t.Fatal("the upload did not break")
	}
	if _, err := b.Head(t.Context(), name); !errors.Is(err, remote.ErrAbsent) {
		t.Fatalf("half an upload is there: %v", err)
	}
	count := &breaking{after: 1 << 40}
	again := body
	again.Open = func() (remote.Content, error) {
		c, err := body.Open()
		count.Content = c
		return count, err
	}
	if err := b.Put(t.Context(), name, again); err != nil {
		t.Fatal(err)
	}
	if size, err := b.Head(t.Context(), name); size != body.Size || err != nil {
		t.Errorf("head: %d %v", size, err)
	}
	// Every byte is read once to be hashed, and once to be sent unless its part is there.
	if want := 2*int64(len(data)) - 5<<20; count.read != want {
		t.Errorf("the second attempt read %d bytes, want %d: one part is there", count.read, want)
	}
}

// breaking fails after a number of bytes, and counts.
type breaking struct {
	remote.Content
	after, read int64
}

func (b *breaking) ReadAt(p []byte, at int64) (int, error) {
	if b.read >= b.after {
		return 0, errors.New("the cable is out")
	}
	n, err := b.Content.ReadAt(p, at)
	b.read += int64(n)
	return n, err
}

func TestWrongCredentialsAreDenied(t *testing.T) {
	t.Parallel()
	g := start(t)
	for name, change := range map[string]func(*s3.Options){
		"secret key": func(o *s3.Options) { o.SecretKey = "another-secret" },
		"access key": func(o *s3.Options) { o.AccessKey = "nobody" },
		"no keys":    func(o *s3.Options) { o.AccessKey, o.SecretKey = "", "" },
		"no bucket":  func(o *s3.Options) { o.Bucket = "other" },
	} {
		b := g.open(t, change)
		_, err := b.Get(t.Context(), "v1/ac/x", 0)
		if !errors.Is(err, remote.ErrDenied) || strings.Contains(err.Error(), "another-secret") {
			t.Errorf("%s: get: %v, want denied", name, err)
		}
		if err := b.PutNew(t.Context(), "v1/ac/x", remote.Bytes([]byte("x"))); !errors.Is(err, remote.ErrDenied) {
			t.Errorf("%s: put: %v, want denied", name, err)
		}
	}
}

// The server itself refuses bytes that are not those of the checksum.
func TestTheServerChecksTheDigest(t *testing.T) {
	t.Parallel()
	g := start(t)
	body := remote.Bytes([]byte("right"))
	lying := body
	lying.Digest = remote.Bytes([]byte("other")).Digest
	b := g.open(t, nil)
	if err := b.Put(t.Context(), "v1/cas/x", lying); err == nil {
		t.Error("a body with another digest was taken")
	}
	path, _ := filepath.Glob(filepath.Join(g.dir, "team", "*", "x", "v1", "cas", "x"))
	if len(path) > 0 {
		t.Errorf("it is there: %v", path)
	}
}
