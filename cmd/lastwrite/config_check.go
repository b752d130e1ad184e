package main

import (
	"github.com/spf13/cobra"

	"lastwrite/cmd/lastwrite/config"
)

// configReport is the JSON document of `lastwrite config check`.
type configReport struct {
	File     string          `json:"file"` // empty: none was read
	Settings []configSetting `json:"settings"`
}

type configSetting struct {
	Key     string `json:"key"`
	Value   string `json:"value"` // of a secret: whether it is set
	Default string `json:"default"`
}

func (a *app) configCommand() *cobra.Command {
	group := &cobra.Command{Use: "config", Short: "Look at the configuration", Args: noArguments, RunE: showHelp}
	check := &cobra.Command{
		Use:   "check",
		Short: "Read the configuration and show every setting; connects to nothing",
		Long: `Reads the configuration file, the environment and the flags as the other commands do, and shows what comes out.
A mistake in any of them is reported with its place, and the exit code is 2.`,
		Example: "  lastwrite config check --config /etc/lastwrite/lastwrite.yaml",
		Args:    noArguments,
		PreRunE: a.begin,
		RunE:    func(*cobra.Command, []string) error { return a.checkConfig() },
	}
	a.addSettings(check, config.Source_, config.Stream_, config.Programs_, config.Restore_)
	group.AddCommand(check)
	return group
}

func (a *app) checkConfig() error {
	r := configReport{File: a.path, Settings: []configSetting{}}
	for _, s := range a.cfg.Settings() {
		value := s.Get()
		if s.Secret && value != "" {
			value = "(set)"
		}
		r.Settings = append(r.Settings, configSetting{s.Key, value, s.Default})
	}
	if a.json {
		return a.printJSON(r)
	}
	file := r.File
	if file == "" {
		file = "none"
	}
	if err := a.print("file  %s\n\n", file); err != nil {
		return err
	}
	rows := [][]string{{"SETTING", "VALUE", "DEFAULT"}}
	for _, s := range r.Settings {
		def := s.Default
		if def == s.Value {
			def = "="
		}
		rows = append(rows, []string{s.Key, s.Value, def})
	}
	return table(a.stdout, rows)
}
