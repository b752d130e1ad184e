package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"lastwrite/cmd/lastwrite/config"
)

// execute runs the program and returns its exit code.
func execute(args []string, env environment) int {
	ctx, release := env.interrupt(context.Background())
	defer release()
	a := &app{environment: env, flags: map[string]*settingFlag{}}
	root := a.rootCommand()
	a.noteStart(root)
	root.SetArgs(args)
	root.SetIn(env.stdin)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	var ours *hinted
	if !a.started && !errors.As(err, &ours) { // cobra refused flags, arguments or the command's name
		err = usage(err.Error(), fmt.Sprintf("see %s --help", cmd.CommandPath()))
	}
	return report(env.stderr, ctx, err)
}

// rootCommand builds the command tree.
func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "lastwrite",
		Short: "Keep a MySQL server's whole history, and bring any moment of it back",
		Long: `lastwrite reads the binary log of a MySQL server like one more replica, keeps it in an object store, takes base
backups, and restores the data to any moment: by time, by transaction, or "just before DROP DATABASE shop".`,
		Example: `  lastwrite run --source lastwrite@db1 --source-password-file /run/secrets/mysql --store s3://backups/db
  lastwrite backup take
  lastwrite log --destructive
  lastwrite restore --before 'DROP DATABASE shop' --target-dir /var/lib/mysql-restored`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArguments,
		RunE:          showHelp,
	}
	flags := root.PersistentFlags()
	flags.SortFlags = false
	flags.StringVar(&a.configPath, "config", "", "configuration file (default "+config.DefaultPath+", if it is there; environment "+config.PathEnv+")")
	a.addSettings(root, config.Global)
	flags.BoolVar(&a.json, "json", false, "print the result as JSON, as docs/reference/json.md describes it")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "print results and errors only")

	for _, make := range []func() *cobra.Command{
		a.runCommand, a.statusCommand, a.logCommand, a.backupCommand, a.restoreCommand, a.archiveCommand, a.configCommand, a.versionCommand, exitCodesTopic,
	} {
		root.AddCommand(make())
	}
	return root
}

// noteStart has every command below cmd note that it was reached: whatever fails before is a matter of usage.
func (a *app) noteStart(cmd *cobra.Command) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			a.started = true
			return run(cmd, args)
		}
	}
	for _, child := range cmd.Commands() {
		a.noteStart(child)
	}
}

// settingFlag is a flag of a setting: it keeps what was typed and checks it at once.
type settingFlag struct {
	setting config.Setting // bound to a configuration that is thrown away
	raw     string
}

// String implements pflag.Value.
func (f *settingFlag) String() string { return f.raw }

// Type implements pflag.Value; help shows it.
func (f *settingFlag) Type() string {
	if strings.Contains(f.setting.Type, "|") {
		return "word"
	}
	return f.setting.Type
}

// help is the setting's help with the words to choose from.
func (f *settingFlag) help() string {
	if !strings.Contains(f.setting.Type, "|") {
		return f.setting.Help
	}
	return strings.ReplaceAll(f.setting.Type, "|", ", ") + ": " + f.setting.Help
}

// Set implements pflag.Value.
func (f *settingFlag) Set(value string) error {
	if err := f.setting.Set(value); err != nil {
		return err
	}
	f.raw = value
	return nil
}

// addSettings gives a command the flags of groups of settings: all its children too, if it is the root.
func (a *app) addSettings(cmd *cobra.Command, groups ...config.Group) {
	scratch := config.Defaults()
	flags := cmd.Flags()
	if !cmd.HasParent() && cmd.Name() == "lastwrite" {
		flags = cmd.PersistentFlags()
	}
	flags.SortFlags = false
	for _, s := range scratch.Settings() {
		for _, group := range groups {
			if s.Group != group || s.Flag == "" {
				continue
			}
			f := a.flags[s.Flag]
			if f == nil {
				f = &settingFlag{setting: s, raw: s.Default}
				a.flags[s.Flag] = f
			}
			flags.Var(f, s.Flag, f.help())
		}
	}
}

// noArguments refuses arguments, and tells a mistyped command from one.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasSubCommands() {
		return fmt.Errorf("%s takes no argument, got %q", cmd.CommandPath(), args[0])
	}
	text := fmt.Sprintf("unknown command %q for %s", args[0], cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = 2 // without it cobra finds exact matches only
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += fmt.Sprintf(" (did you mean %s?)", strings.Join(near, " or "))
	}
	return errors.New(text)
}

// showHelp is what a command that only has children does.
func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }
