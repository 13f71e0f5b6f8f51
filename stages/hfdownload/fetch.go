package hfdownload

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
)

// fetcher brings the bytes of one commit into the working directory: a checked blob a digest, and a
// .incomplete file with its .etag for what is under way.
type fetcher struct {
	client  *client
	repo    repo
	commit  string
	work    string
	events  event.Stage
	workers int

	total int64
	done  atomic.Int64
	mu    sync.Mutex
	said  time.Time
}

// all fetches every distinct blob, the largest first so that no long one is left for the end.
func (f *fetcher) all(ctx context.Context, entries []entry) error {
	if err := os.MkdirAll(f.work, 0o755); err != nil {
		return disk("make working directory", err)
	}
	distinct := map[sum]entry{}
	for _, e := range entries {
		if have, dup := distinct[e.Sum]; dup && have.Size != e.Size {
			return fault.New(codeReply, "list %s: %q and %q share a digest and differ in size", f.repo, have.Path, e.Path)
		} else if !dup {
			distinct[e.Sum] = e
			f.total += e.Size
		}
	}
	queue := make([]entry, 0, len(distinct))
	for _, e := range entries { // in tree order, so that two runs do the same
		if d, ok := distinct[e.Sum]; ok && d.Path == e.Path {
			queue = append(queue, e)
		}
	}
	sortBySize(queue)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(f.workers, 1))
	for _, e := range queue {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := f.one(ctx, e); err != nil {
				return fmt.Errorf("download %s: %w", e.Path, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	f.events.Progress(f.done.Load(), f.total, "bytes", fmt.Sprintf("%d files", len(entries)))
	return nil
}

// one fetches a blob unless it is there already.
func (f *fetcher) one(ctx context.Context, e entry) error {
	blob := f.blob(e.Sum)
	switch err := checkBlob(blob, e); {
	case err == nil:
		f.advance(e.Size, e.Path)
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		if err := os.Remove(blob); err != nil { // cut short by a power failure: of no use
			return disk("remove damaged blob", err)
		}
	}
	var counted int64 // bytes of this file inside f.done
	fresh := 0        // times that a whole download had wrong bytes
	return f.client.retry(ctx, e.Path, func() (bool, error) {
		before := counted
		err := f.attempt(ctx, e, &counted)
		var wrong *wrongBytes
		if errors.As(err, &wrong) {
			f.advance(-counted, e.Path)
			counted = 0
			if !wrong.resumed {
				fresh++
			}
			if fresh > 1 { // twice from the first byte on: it will not get better
				return false, fault.New(codeReply, "%w", err).WithHint("the endpoint or a proxy changes the file; try another endpoint")
			}
			return false, &fault.Error{Code: codeReply, Err: err, Temporary: true}
		}
		return counted > before, err
	})
}

// attempt continues the part file by one request. counted follows the part's length.
func (f *fetcher) attempt(ctx context.Context, e entry, counted *int64) error {
	part := f.blob(e.Sum) + ".incomplete"
	w, err := openPart(part, e)
	if err != nil {
		return err
	}
	defer w.close()
	f.advance(w.n-*counted, e.Path)
	*counted = w.n
	resumed := w.n > 0
	if w.n < e.Size || e.Size == 0 {
		if resumed, err = f.receive(ctx, e, w, counted); err != nil {
			return err
		}
	}
	if w.n != e.Size { // the other side ended early without saying so
		return &fault.Error{Code: codeConnection, Temporary: true, Err: fmt.Errorf("connection ended at byte %d of %d", w.n, e.Size)}
	}
	if have := w.sum(); have != e.Sum.Hex {
		if err := w.drop(); err != nil {
			return err
		}
		return &wrongBytes{want: e.Sum, have: have, resumed: resumed}
	}
	return w.keep(f.blob(e.Sum))
}

// receive asks for the missing bytes and appends them. It returns whether earlier bytes were kept.
func (f *fetcher) receive(ctx context.Context, e entry, w *part, counted *int64) (resumed bool, err error) {
	c := f.client
	u := f.repo.resolve(c.base, f.commit, e.Path)
	header := http.Header{}
	if w.n > 0 {
		header.Set("Range", "bytes="+strconv.FormatInt(w.n, 10)+"-")
		if w.etag != "" && !strings.HasPrefix(w.etag, "W/") {
			header.Set("If-Range", w.etag)
		}
	}
	res, err := c.get(ctx, f.repo, e.Path, u, header)
	if err != nil {
		return false, err
	}
	defer res.close()
	if err := f.checkHeaders(e, res.first); err != nil {
		return false, err
	}
	etag := res.Header.Get("ETag")
	offset := int64(0)
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusPartialContent:
		start, size, ok := parseContentRange(res.Header.Get("Content-Range"))
		if !ok || start != w.n || size >= 0 && size != e.Size || w.etag != etag {
			// Another version, or another range than asked for: from the beginning, next time.
			if err := w.reset(""); err != nil {
				return false, err
			}
			f.advance(-*counted, e.Path)
			*counted = 0
			return false, &fault.Error{Code: codeReply, Temporary: true, Err: errors.New("the rest on offer does not fit the part at hand")}
		}
		offset = start
	default: // 416: the part is no prefix of what is there
		if err := w.reset(""); err != nil {
			return false, err
		}
		f.advance(-*counted, e.Path)
		*counted = 0
		return false, &fault.Error{Code: codeReply, Temporary: true, Err: fmt.Errorf("status %s for the rest", foreign(res.Status))}
	}
	if res.ContentLength >= 0 && offset+res.ContentLength != e.Size {
		return false, fault.New(codeReply, "the tree says %d bytes, the answer has %d", e.Size, offset+res.ContentLength)
	}
	if offset == 0 {
		if err := w.reset(etag); err != nil {
			return false, err
		}
		f.advance(-*counted, e.Path)
		*counted = 0
	}
	return offset > 0, f.copy(ctx, e, w, res, counted)
}

// copy appends the body, one byte beyond the expected size being one too many.
func (f *fetcher) copy(ctx context.Context, e entry, w *part, res *response, counted *int64) error {
	buf := make([]byte, 256<<10)
	for {
		n, err := res.body.Read(buf)
		if n > 0 {
			if w.n+int64(n) > e.Size {
				_ = w.drop()
				return fault.New(codeReply, "the answer is longer than the %d bytes that the tree says", e.Size)
			}
			if werr := w.write(buf[:n]); werr != nil {
				return werr
			}
			*counted += int64(n)
			f.advance(int64(n), e.Path)
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return f.client.broken(res.Request.URL, err)
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

// checkHeaders compares what the hub says about a file with its tree. Absent headers say nothing.
func (f *fetcher) checkHeaders(e entry, h http.Header) error {
	if c := h.Get("X-Repo-Commit"); c != "" && c != f.commit {
		return fault.New(codeReply, "the hub serves it from commit %s, asked was %s", foreign(c), f.commit)
	}
	if s := h.Get("X-Linked-Size"); s != "" && s != strconv.FormatInt(e.Size, 10) {
		return fault.New(codeReply, "the tree says %d bytes, X-Linked-Size %s", e.Size, foreign(s))
	}
	// For a file in LFS the linked ETag is its SHA-256.
	if t := strings.Trim(h.Get("X-Linked-Etag"), `"`); e.Sum.Kind == "sha256" && isHex(t, 64) && t != e.Sum.Hex {
		return fault.New(codeReply, "the tree says sha256 %s, X-Linked-Etag %s", e.Sum.Hex, t)
	}
	return nil
}

// parseContentRange reads "bytes 5-9/10"; size is -1 for "*".
func parseContentRange(h string) (start, size int64, ok bool) {
	rest, ok := strings.CutPrefix(h, "bytes ")
	span, all, ok2 := strings.Cut(rest, "/")
	from, to, ok3 := strings.Cut(span, "-")
	if !ok || !ok2 || !ok3 {
		return 0, 0, false
	}
	start, err := strconv.ParseInt(from, 10, 64)
	end, err2 := strconv.ParseInt(to, 10, 64)
	size = -1
	var err3 error
	if all != "*" {
		size, err3 = strconv.ParseInt(all, 10, 64)
	}
	if err != nil || err2 != nil || err3 != nil || start < 0 || end < start || size >= 0 && end >= size {
		return 0, 0, false
	}
	return start, size, true
}

// advance counts bytes and tells about them at most five times a second.
func (f *fetcher) advance(n int64, path string) {
	done := f.done.Add(n)
	f.mu.Lock()
	now := time.Now()
	say := now.Sub(f.said) >= 200*time.Millisecond
	if say {
		f.said = now
	}
	f.mu.Unlock()
	if say {
		f.events.Progress(done, f.total, "bytes", path)
	}
}

func (f *fetcher) blob(s sum) string { return filepath.Join(f.work, s.name()) }

// wrongBytes says that a complete file does not have its digest.
type wrongBytes struct {
	want    sum
	have    string
	resumed bool
}

func (w *wrongBytes) Error() string {
	return fmt.Sprintf("wrong bytes: want %s %s, have %s", w.want.Kind, w.want.Hex, w.have)
}

// newHash is the hash of a digest kind, fed with git's framing where that is part of it.
func newHash(e entry) hash.Hash {
	if e.Sum.Kind == "sha256" {
		return sha256.New()
	}
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", e.Size)
	return h
}

// checkBlob reads a blob and compares size and digest.
func checkBlob(path string, e entry) error {
	r, err := os.Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	h := newHash(e)
	n, err := io.Copy(h, r)
	if err != nil {
		return err
	}
	if have := hex.EncodeToString(h.Sum(nil)); n != e.Size || have != e.Sum.Hex {
		return &wrongBytes{want: e.Sum, have: have}
	}
	return nil
}
