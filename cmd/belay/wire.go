package main

import (
	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/all"
)

// stageList is every stage there is.
func stageList() []engine.Stage { return all.Stages() }

// backendClass enters the keys of stages whose results depend on the compute backend.
const backendClass = "cpu"

const exitCodes = `Exit codes: 0 ok, 1 internal, 2 usage, 10-19 recipe, 20-29 input data, 30-39 network, 40-49 compute,
50-59 cluster, 130 cancelled.`

// newRoot builds the command tree.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "belay",
		Short: "From raw material to a scored model by one recipe",
		Long: `belay reads a YAML recipe as a typed graph of stages (download, preprocessing, weight conversion,
pretraining, fine-tuning, generation, benchmarks), caches every stage by content and reruns only what is stale.

` + exitCodes,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	f := root.PersistentFlags()
	f.BoolVarP(&a.quiet, "quiet", "q", false, "show warnings and failures only")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "show decisions too")
	f.BoolVar(&a.json, "json", false, "print results as JSON")
	f.StringVar(&a.logFormat, "log-format", "text", "form of progress and messages on stderr: text or json")
	root.AddCommand(
		newRun(a), newPlan(a), newExplain(a), newCheck(a), newGraph(a),
		newRuns(a), newShow(a), newDiff(a), newMetrics(a), newExport(a), newImport(a),
		newStage(a), newInspect(a), newCompare(a),
		newTokenize(a), newRender(a), newForward(a), newGenerate(a),
		newModels(a), newCache(a), newLock(a), newSchema(a), newLSP(a), newVersion(a),
		&cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: exitCodes},
	)
	a.begin(root)
	return root
}

// begin makes every command note that its own code runs, after cobra has found the flags and arguments
// to be right.
func (a *app) begin(c *cobra.Command) {
	if run := c.RunE; run != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			if a.logFormat != "text" && a.logFormat != "json" {
				return fault.New(fault.Usage, "--log-format %q: want text or json", a.logFormat)
			}
			a.started = true
			return run(c, args)
		}
	}
	for _, sub := range c.Commands() {
		a.begin(sub)
	}
}
