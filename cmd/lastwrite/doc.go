// Command lastwrite keeps a MySQL server's whole history in an object store and brings any moment of it back.
//
// # What is where
//
//   - main.go, app.go, root.go: the process, what all commands share, the command tree.
//   - One file for each command: run.go, status.go, log.go, backup.go, restore.go, archive.go, config_check.go, version.go.
//   - exit.go: the edge. Errors become one line, a hint and an exit code there, and nowhere else.
//   - open.go: the only place where the concrete stores, the source and the programs are put together.
//   - daemon_*.go: what `lastwrite run` is made of: start-up checks, the story it logs, its status socket.
//   - output.go, progress.go, prompt.go: tables and JSON, bars and lines, questions.
//   - package config: the settings.
//
// # Rules
//
// Results go to standard output and nothing else does: with --json, exactly the documents that docs/reference/json.md
// describes. Progress, logs, plans and questions go to standard error. Nothing that cannot be undone happens without a plan being
// printed and, on a terminal, a question; elsewhere --yes is the answer.
package main
