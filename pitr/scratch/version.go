package scratch

import (
	"context"
	"errors"
	"fmt"

	"lastwrite/pitr/program"
	"lastwrite/replica"
)

// ErrVersion says that a mysqld cannot run on the data of another version.
var ErrVersion = errors.New("mysqld does not fit the base backup")

// CheckVersion tells whether mysqld can run on data of the server version base, such as 9.7.4-2: it must be of the same series, and in
// 8.0 not older, for a data directory of 8.0 cannot be opened by an older release (MySQL Reference Manual, "Downgrading MySQL").
// Errors: ErrVersion, program.ErrNotFound, replica.ErrMariaDB.
func CheckVersion(ctx context.Context, mysqld, base string) (replica.Version, error) {
	have, err := program.Version(ctx, mysqld)
	if err != nil {
		return replica.Version{}, err
	}
	want, err := replica.ParseVersion(base)
	if err != nil {
		return replica.Version{}, fmt.Errorf("read the version of the base backup: %w", err)
	}
	return have, compatible(have, want, mysqld)
}

func compatible(have, want replica.Version, mysqld string) error {
	switch {
	case have.Major != want.Major || have.Minor != want.Minor:
		return fmt.Errorf("%w: %s is MySQL %s, the base backup is of %s: a mysqld of the series %d.%d is needed (name it in %s)",
			ErrVersion, mysqld, have, want, want.Major, want.Minor, program.MysqldEnv)
	case have.Major == 8 && have.Minor == 0 && have.Patch < want.Patch:
		return fmt.Errorf("%w: %s is MySQL %s, the base backup is of %s: within 8.0 at least that release is needed (name it in %s)",
			ErrVersion, mysqld, have, want, program.MysqldEnv)
	}
	return nil
}
