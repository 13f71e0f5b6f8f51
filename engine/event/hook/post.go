package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/secret"
)

const maxRedirects = 5

// temporary is an error after which trying again may help.
type temporary struct{ error }

// post sends the message, and once more when the connection failed or the other side has trouble.
func (h Hook) post(ctx context.Context, m Message, find secret.Lookup) error {
	address, hidden, err := h.Address.Reveal(find)
	if err != nil {
		return err
	}
	value, more, err := h.Value.Reveal(find)
	if err != nil {
		return err
	}
	clean := secret.NewRedactor(append(hidden, more...))
	to, err := url.Parse(strings.TrimSpace(address))
	if err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" {
		return errors.New("the address is no http:// or https:// one")
	}
	err = h.send(ctx, to, value, m.Body)
	var again temporary
	if errors.As(err, &again) {
		if fault.Pause(ctx, h.pause()) == nil {
			err = h.send(ctx, to, value, m.Body)
		}
	}
	return clean.Error(err)
}

func (h Hook) pause() time.Duration {
	if h.Pause > 0 {
		return h.Pause
	}
	return time.Second
}

// send makes one request.
func (h Hook) send(ctx context.Context, to *url.URL, value string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
	if err != nil {
		return errors.New("the address is not valid")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "belay")
	if h.Header != "" {
		r.Header.Set(h.Header, strings.TrimSpace(value))
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, CheckRedirect: sameServer}
	answer, err := client.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the address
		}
		return temporary{fmt.Errorf("post to %s: %w", to.Host, err)}
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(answer.Body, maxSaid)) // only to be told
	switch code := answer.StatusCode; {
	case code < 300:
		return nil
	case code < 400:
		return fmt.Errorf("%s answers %s: it leads elsewhere, and is not followed there", to.Host, answer.Status)
	case code >= 500:
		return temporary{refused(to.Host, answer.Status, said)}
	default:
		return refused(to.Host, answer.Status, said)
	}
}

func refused(host, status string, said []byte) error {
	text, _, _ := strings.Cut(strings.TrimSpace(string(said)), "\n")
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("%s answers %s", host, status)
	}
	if r := []rune(text); len(r) > 200 {
		text = string(r[:200]) + "..."
	}
	return fmt.Errorf("%s answers %s: %s", host, status, text)
}

// sameServer follows a redirect that keeps the method and stays with the server.
func sameServer(r *http.Request, via []*http.Request) error {
	first := via[0].URL
	if r.Method != http.MethodPost || r.URL.Host != first.Host || r.URL.Scheme != first.Scheme || len(via) > maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}
