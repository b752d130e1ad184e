package restore_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"lastwrite/binlog/archive"
	"lastwrite/binlog/statement"
	"lastwrite/integration/lab"
	"lastwrite/pitr/restore"
	"lastwrite/replica"
)

// query looks for a statement in an archive.
func query(text string) archive.Query {
	pattern, err := statement.ParsePattern(text)
	if err != nil {
		return archive.Query{}
	}
	return archive.Query{Pattern: &pattern}
}

// containsArg tells whether a process's command line has an argument.
func containsArg(cmdline []byte, arg string) bool {
	return bytes.Contains(append([]byte{0}, cmdline...), append([]byte{0}, append([]byte(arg), 0)...))
}

// The dropped database goes back into the live server and is compared there; everything else stays as it is; nothing that exists is written over
// unasked; and a copy that fails leaves nothing.
func copyBack(t *testing.T, r *rig, restored *restore.Result) {
	ctx := t.Context()
	from, admin := restored.Server.Login(), r.login(t, lab.AdminUser)
	opts := restore.CopyOptions{Programs: r.programs}
	before := r.executed(t)
	others := value(t, r.primary, "SELECT GROUP_CONCAT(id) FROM other.t")

	report, err := restore.CopyBack(ctx, from, admin, "shop", opts)
	require.NoError(t, err)
	require.Len(t, report.Tables, 2)
	for _, table := range report.Tables {
		require.True(t, table.Same())
		require.NotZero(t, table.LiveRows)
	}
	require.Equal(t, map[string]int{"events": 1}, report.Objects)
	require.Contains(t, report.Notes[0], "nightly")
	require.Equal(t, "61", value(t, r.primary, "SELECT COUNT(*) FROM shop.orders"))
	require.Equal(t, others, value(t, r.primary, "SELECT GROUP_CONCAT(id) FROM other.t"))
	require.False(t, r.executed(t).Subtract(before).IsEmpty(), "an ordinary write, which replicas and the archive get too")

	_, err = restore.CopyBack(ctx, from, admin, "shop", opts)
	require.ErrorIs(t, err, restore.ErrExists)
	require.ErrorContains(t, err, "shop has 1 events, 2 tables there")

	opts.As = "shop restored"
	report, err = restore.CopyBack(ctx, from, admin, "shop", opts)
	require.NoError(t, err)
	require.Equal(t, "61", value(t, r.primary, "SELECT COUNT(*) FROM `shop restored`.orders"))
	require.Contains(t, report.Notes[len(report.Notes)-1], "nightly") // disabled; its code names no database

	r.exec(t, "DELETE FROM `shop restored`.orders")
	opts.Overwrite = true
	_, err = restore.CopyBack(ctx, from, admin, "shop", opts)
	require.NoError(t, err)
	require.Equal(t, "61", value(t, r.primary, "SELECT COUNT(*) FROM `shop restored`.orders"))
	r.exec(t, "DROP DATABASE `shop restored`")

	_, err = restore.CopyBack(ctx, from, admin, "nosuch", restore.CopyOptions{Programs: r.programs})
	require.ErrorIs(t, err, restore.ErrNoSchema)
	_, err = restore.CopyBack(ctx, from, admin, "mysql", restore.CopyOptions{Programs: r.programs})
	require.ErrorIs(t, err, restore.ErrNoSchema)
	wrong := admin
	wrong.Password = "wrong"
	_, err = restore.CopyBack(ctx, from, wrong, "shop", restore.CopyOptions{Programs: r.programs})
	require.ErrorIs(t, err, replica.ErrAccessDenied)

	// An account that may create the database and its tables, but not fill them.
	require.NoError(t, r.primary.CreateUser(ctx, "half", lab.Password, "CREATE, DROP, ALTER, SELECT ON *.*"))
	_, err = restore.CopyBack(ctx, from, r.login(t, "half"), "shop", restore.CopyOptions{Programs: r.programs, As: "half"})
	require.ErrorContains(t, err, "denied")
	require.NotContains(t, err.Error(), "\n")
	require.Equal(t, "0", value(t, r.primary, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'half'"))
	r.exec(t, "DROP DATABASE shop") // as it was, for who comes next
}
