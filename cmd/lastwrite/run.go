package main

import (
	"github.com/spf13/cobra"

	"lastwrite/cmd/lastwrite/config"
)

func (a *app) runCommand() *cobra.Command {
	var acceptGap bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Stream the source's binary log into the store, until stopped",
		Long: `Registers with the source as one more replica, checks every event it sends, and stores the log, whole transactions in
order, in segments that no later one can change. It goes on where the store says that it ended.

It outlives failures of the network, the source and the store: it tries again for as long as it takes. It ends by itself only where
going on would be wrong: log-in refused (exit code 3), the log that is needed next purged or the source's history another one (5), or
another lastwrite writing this archive (6).

SIGINT or SIGTERM ends it in order: what is whole is stored first, for at most stream.shutdown_timeout. A second signal ends it at
once. Nothing is lost either way; what is not stored is read from the source again.

The first start stores all the log that the source still has (--begin current: only what is new). Only one lastwrite can
write an archive: starting another one for the same cluster takes over from the first.`,
		Example: `  lastwrite run --source lastwrite@db1:3306 --source-password-file /run/secrets/mysql \
      --store 's3://backups/db?region=eu-central-1' --spool /var/lib/lastwrite/spool
  LASTWRITE_SOURCE_PASSWORD=… lastwrite run --config /etc/lastwrite/lastwrite.yaml
  lastwrite run --accept-gap      # once, after the source has purged what was needed next`,
		Args:    noArguments,
		PreRunE: a.begin,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.runDaemon(cmd.Context(), acceptGap)
		},
	}
	a.addSettings(cmd, config.Source_, config.Stream_)
	cmd.Flags().BoolVar(&acceptGap, "accept-gap", false, "go on although transactions are missing: a new stretch begins, and the gap is reported")
	return cmd
}
