package hfdownload

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/fault"
)

// kindHub is what lock files call a revision of a hub.
const kindHub = "hub"

// Floats names the revision, unless it is a commit already. What comes out of a mirror is digested with the mirror. The
// endpoint is part of the name only when the recipe gives it: HF_ENDPOINT is where a person's machine finds the same
// repositories.
func (Stage) Floats(values map[string]any) []engine.Float {
	text := func(name string) string {
		s, _ := values[name].(string)
		return s
	}
	revision := text("revision")
	if revision == "" || isHex(revision, 40) || values["mirror"] != nil {
		return nil
	}
	f := engine.Float{Param: "revision", Kind: kindHub, Name: []string{text("repo_type"), text("repo"), revision}}
	if endpoint := strings.TrimSuffix(text("endpoint"), "/"); endpoint != "" && endpoint != DefaultEndpoint {
		f.Name = append(f.Name, endpoint)
	}
	return []engine.Float{f}
}

// Pin asks the hub which commit a revision is.
func (s Stage) Pin(ctx context.Context, in engine.In, f engine.Float) (string, error) {
	if f.Param != "revision" {
		return "", fault.New(fault.Internal, "pin hf-download: parameter %s does not float", f.Param)
	}
	var commit string
	err := s.guarded(in, func(p *Params, token string, in engine.In) error {
		repo, err := parseRepo(p.RepoType, p.Repo)
		if err != nil {
			return err
		}
		src, err := s.source(p, in)
		if err != nil {
			return err
		}
		defer src.close()
		c := newClient(src, token, p, in.Events)
		defer c.http.CloseIdleConnections()
		if commit, err = c.commit(ctx, repo, p.Revision); err != nil {
			return fmt.Errorf("resolve %s at %s: %w", repo, p.Revision, err)
		}
		return nil
	})
	return commit, err
}

// offline says whether the environment forbids the network, as huggingface_hub reads it.
func offline(env map[string]string) bool {
	return slices.Contains([]string{"1", "ON", "YES", "TRUE"}, strings.ToUpper(strings.TrimSpace(env["HF_HUB_OFFLINE"])))
}
