package main

import (
	"errors"
	"io/fs"
	"syscall"

	"lastwrite/binlog"
	"lastwrite/binlog/archive"
	"lastwrite/binlog/segment"
	"lastwrite/binlog/statement"
	"lastwrite/cmd/lastwrite/config"
	"lastwrite/internal/objstore"
	"lastwrite/pitr"
	"lastwrite/pitr/backup"
	"lastwrite/pitr/locate"
	"lastwrite/pitr/program"
	"lastwrite/pitr/restore"
	"lastwrite/pitr/scratch"
	"lastwrite/replica"
	"lastwrite/replica/stream"
)

// explanation is what a kind of error means to the caller of the program.
type explanation struct {
	is   error
	code int
	hint string
}

// explain finds the exit code of an error and what can be done about it: what the command said where the error passed it, else
// the first explanation that fits.
func explain(err error) (code int, advice string) {
	code = exitFailure
	var given *hinted
	if errors.As(err, &given) {
		code, advice = given.code, given.hint
	}
	if code != exitFailure && advice != "" {
		return code, advice
	}
	var replay *restore.ReplayError
	if code == exitFailure && errors.As(err, &replay) {
		code = exitProof
	}
	for _, group := range [][]explanation{aboutUsage(), aboutHistory(), aboutSource(), aboutSelection(), aboutStore(), aboutMachine()} {
		for _, e := range group {
			if !errors.Is(err, e.is) {
				continue
			}
			if code == exitFailure {
				code = e.code
			}
			if advice == "" {
				advice = e.hint
			}
			return code, advice
		}
	}
	return code, advice
}

func aboutUsage() []explanation {
	return []explanation{
		{config.ErrNoSource, exitUsage, "set source.address and source.user in the configuration file, or give --source and --source-user; " +
			"the password goes into source.password_file or LASTWRITE_SOURCE_PASSWORD"},
		{config.ErrInvalid, exitUsage, "docs/reference/configuration.md lists all settings"},
		{pitr.ErrTarget, exitUsage, ""},
		{statement.ErrPattern, exitUsage, ""},
		{binlog.ErrGTIDSyntax, exitUsage, ""},
		{replica.ErrAddress, exitUsage, ""},
		{stream.ErrServerID, exitUsage, "give lastwrite a replication id of its own (source.server_id)"},
	}
}

func aboutHistory() []explanation {
	const again = "take a new base backup and start `lastwrite run --accept-gap`: the archive goes on behind the gap, and moments inside the gap cannot be restored"
	return []explanation{
		{archive.ErrFenced, exitFenced, "only one lastwrite can write an archive: stop the other one, then start this one again"},
		{replica.ErrPurged, exitHistory, again},
		{archive.ErrGap, exitHistory, again},
		{archive.ErrDiverged, exitHistory, "the source was restored, reset or replaced by a server with another history: archive it under a cluster name of its own (--cluster)"},
		{replica.ErrAhead, exitHistory, "the source was restored, reset or replaced by a server with another history: archive it under a cluster name of its own (--cluster)"},
		{stream.ErrDifferentServer, exitHistory, again},
		{pitr.ErrGap, exitHistory, "choose a target inside one of the recovery windows; `lastwrite status` shows them"},
	}
}

func aboutSource() []explanation {
	return []explanation{
		{replica.ErrUnknownHost, exitSource, "check the host name in source.address"},
		{replica.ErrAccessDenied, exitSource, "check source.user and the password (source.password_file or LASTWRITE_SOURCE_PASSWORD)"},
		{replica.ErrPrivilege, exitSource, ""},
		{replica.ErrTLS, exitSource, "check source.tls; its modes are those of MySQL's --ssl-mode"},
		{replica.ErrHostBlocked, exitSource, "the account's host part must cover this machine; FLUSH HOSTS unblocks it after too many errors"},
		{replica.ErrTooManyConnections, exitSource, "raise max_connections at the source, or the limit of the account"},
		{replica.ErrMariaDB, exitSource, ""},
		{replica.ErrVersion, exitSource, ""},
		{stream.ErrNotSource, exitSource, ""},
		{stream.ErrGap, exitSource, "the source's log is damaged at this place: look at it with mysqlbinlog --verify-binlog-checksum"},
		{stream.ErrProtocol, exitSource, ""},
		{binlog.ErrChecksum, exitSource, "the source's log, or the network, is damaged: look at it with mysqlbinlog --verify-binlog-checksum"},
		{backup.ErrServer, exitSource, ""},
		{replica.ErrLogRead, exitSource, ""},
		{replica.ErrReadOnly, exitSource, "the server takes no writes: is it the primary?"},
		{archive.ErrAnonymous, exitSource, "every transaction needs a GTID: set gtid_mode = ON at the source"},
		{replica.ErrUnreachable, exitSource, "check that the server runs and that source.address is right"},
	}
}

func aboutSelection() []explanation {
	return []explanation{
		{archive.ErrNoArchive, exitNotFound, "check --store and --cluster; `lastwrite run` begins an archive"},
		{pitr.ErrNoBase, exitNotFound, "take one with `lastwrite backup take`"},
		{pitr.ErrUnknownBase, exitNotFound, "`lastwrite backup list` shows them"},
		{pitr.ErrTooEarly, exitNotFound, "`lastwrite status` shows what can be restored"},
		{pitr.ErrSkip, exitNotFound, ""},
		{archive.ErrOutsideWindow, exitNotFound, "`lastwrite status` shows what can be restored"},
		{archive.ErrNotFound, exitNotFound, "`lastwrite log` lists what is archived"},
		{archive.ErrPartial, exitNotFound, "only files that are archived from their beginning can be exported"},
		{backup.ErrNotExist, exitNotFound, "`lastwrite backup list` shows them"},
		{locate.ErrAmbiguous, exitNotFound, ""},
		{restore.ErrNoSchema, exitNotFound, ""},
		{restore.ErrExists, exitNotFound, "copy it under another name (--as), or have it replaced (--overwrite)"},
		{restore.ErrNotProved, exitProof, ""},
		{restore.ErrDiffers, exitProof, "both are as they are: was the copy written to, or the account of the live server not allowed to see all of it?"},
		{backup.ErrUnproved, exitProof, ""},
		{backup.ErrDamaged, exitProof, "`lastwrite backup verify` looks at all; --base chooses another one"},
		{segment.ErrCorrupt, exitProof, "`lastwrite archive verify` looks at everything"},
	}
}

func aboutStore() []explanation {
	return []explanation{
		{errStoreFull, exitStore, "the store's file system is full: make room there"},
		{backup.ErrFormat, exitStore, "use the version of lastwrite that wrote it, or a newer one"},
		{archive.ErrFormat, exitStore, "use the version of lastwrite that wrote it, or a newer one"},
		{objstore.ErrUnfit, exitStore, "lastwrite needs conditional writes (If-None-Match and If-Match), so that two writers can never mix: use a store that honours them"},
		{objstore.ErrPermission, exitStore, "the credentials need to read, write, list and delete below the prefix of --store"},
		{objstore.ErrNoStore, exitStore, "check --store; a bucket is not created by lastwrite"},
		{archive.ErrSpool, exitLocal, "make room, or move the spool (--spool); nothing is lost: the source still has what is not stored"},
		{archive.ErrBusy, exitLocal, "another lastwrite runs on this spool directory; stop it, or use another directory (--spool)"},
		{errStore, exitStore, "check that the store runs and that --store is right"},
	}
}

func aboutMachine() []explanation {
	return []explanation{
		{program.ErrNotFound, exitLocal, "install MySQL's server and client programs, of the source's release series, or name them with --mysqld, --mysql and --mysqldump"},
		{scratch.ErrVersion, exitLocal, "use a mysqld of the source's release series (--mysqld)"},
		{scratch.ErrEnded, exitLocal, ""},
		{restore.ErrNotEmpty, exitLocal, "give --target-dir a directory that does not exist yet, or is empty"},
		{pitr.ErrNoSpace, exitLocal, "make room, or restore into another directory (--target-dir)"},
		{syscall.ENOSPC, exitLocal, "make room and try again"},
		{syscall.EDQUOT, exitLocal, "make room and try again"},
		{syscall.EROFS, exitLocal, ""},
		{fs.ErrPermission, exitLocal, ""},
		{fs.ErrExist, exitLocal, ""},
		{fs.ErrNotExist, exitLocal, ""},
	}
}
