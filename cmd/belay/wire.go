package main

import (
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/all"
)

// stageList is every stage there is.
func stageList() []engine.Stage { return all.Stages() }

// backendClass enters the keys of stages whose results depend on the compute backend.
const backendClass = "cpu"

// version is the module's version, and the commit of a development build.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" {
		v = "(devel)"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 && v == "(devel)" {
			v += " " + s.Value[:12]
		}
	}
	return v
}

// newRoot builds the command tree.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "belay",
		Short: "From raw material to a scored model by one recipe",
		Long: `belay reads a YAML recipe as a typed graph of stages (download, preprocessing, weight conversion,
pretraining, fine-tuning, generation, benchmarks), caches every stage by content and reruns only what is stale.

Exit codes: 0 ok, 1 internal, 2 usage, 10-19 recipe, 20-29 input data, 30-39 network, 40-49 compute,
50-59 cluster, 130 cancelled.`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if a.logFormat != "text" && a.logFormat != "json" {
				return fault.New(fault.Usage, "--log-format %q: want text or json", a.logFormat)
			}
			a.started = true
			return nil
		},
	}
	f := root.PersistentFlags()
	f.BoolVarP(&a.quiet, "quiet", "q", false, "show warnings and failures only")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "show decisions too")
	f.BoolVar(&a.json, "json", false, "print results as JSON")
	f.StringVar(&a.logFormat, "log-format", "text", "form of progress and messages on stderr: text or json")
	root.AddCommand(
		newRun(a), newPlan(a), newExplain(a), newCheck(a), newGraph(a),
		newRuns(a), newShow(a), newDiff(a),
		newStage(a), newInspect(a), newCompare(a),
		newTokenize(a), newForward(a), newGenerate(a),
		newModels(a), newCache(a), newSchema(a), newVersion(a),
	)
	return root
}
