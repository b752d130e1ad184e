package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionReport is the JSON document of `lastwrite version`.
type versionReport struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Built    string `json:"commit_time,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Say which version of lastwrite this is",
		Example: "  lastwrite version --json",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			r := readVersion()
			if a.json {
				return a.printJSON(r)
			}
			commit := ""
			if r.Commit != "" {
				commit = " (" + cut(r.Commit, 13) + ")"
			}
			return a.print("lastwrite %s%s, %s, %s\n", r.Version, commit, r.Go, r.Platform)
		},
	}
}

// readVersion asks the binary itself what it was built from.
func readVersion() versionReport {
	r := versionReport{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return r
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		r.Version = v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			r.Commit = s.Value
		case "vcs.time":
			r.Built = s.Value
		case "vcs.modified":
			r.Modified = s.Value == "true"
		}
	}
	return r
}
