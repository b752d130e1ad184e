package node

import (
	"context"
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-sql-driver/mysql"

	"lastwrite/replica"
)

// Classify wraps err with the sentinel of package replica that says what kind of failure it is, by error number
// (MySQL Server Error Message Reference) or type. Errors it does not know, and those of an ended context, come back as they are.
func Classify(err error) error {
	if err == nil || classified(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if kind := kindOf(err); kind != nil {
		return fmt.Errorf("%w: %w", kind, err)
	}
	return err
}

// classified tells whether err says already what kind it is.
func classified(err error) bool {
	for _, kind := range []error{replica.ErrUnreachable, replica.ErrTooManyConnections, replica.ErrHostBlocked, replica.ErrAccessDenied,
		replica.ErrTLS, replica.ErrPrivilege, replica.ErrReadOnly, replica.ErrLogRead, replica.ErrPurged, replica.ErrAhead} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

func kindOf(err error) error {
	var (
		theirs *mysql.MySQLError
		other  *gomysql.MyError
		dns    *net.DNSError
		netErr net.Error
		cert   *tls.CertificateVerificationError
		alert  tls.AlertError
	)
	switch {
	case errors.As(err, &theirs):
		return kindOfNumber(theirs.Number, theirs.Message)
	case errors.As(err, &other):
		return kindOfNumber(other.Code, other.Message)
	case errors.As(err, &cert), errors.As(err, &alert), errors.Is(err, mysql.ErrNoTLS):
		return replica.ErrTLS
	case errors.Is(err, mysql.ErrCleartextPassword), errors.Is(err, mysql.ErrNativePassword), errors.Is(err, mysql.ErrOldPassword):
		return replica.ErrAccessDenied
	case errors.As(err, &dns) && dns.IsNotFound:
		return errUnknownHost{}
	case errors.As(err, &netErr), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, driver.ErrBadConn), errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, gomysql.ErrBadConn):
		return replica.ErrUnreachable
	}
	return nil
}

// errUnknownHost is both ErrUnknownHost and ErrUnreachable.
type errUnknownHost struct{}

func (errUnknownHost) Error() string { return replica.ErrUnknownHost.Error() }

func (errUnknownHost) Is(target error) bool {
	return target == replica.ErrUnknownHost || target == replica.ErrUnreachable
}

// kindOfNumber sorts MySQL's error numbers. The message is looked at only for the name of an
// option, which is not translated.
func kindOfNumber(number uint16, message string) error {
	switch number {
	case 1040, // ER_CON_COUNT_ERROR
		1203, // ER_TOO_MANY_USER_CONNECTIONS
		1226: // ER_USER_LIMIT_REACHED
		return replica.ErrTooManyConnections
	case 1044, // ER_DBACCESS_DENIED_ERROR
		1045, // ER_ACCESS_DENIED_ERROR
		1251, // ER_NOT_SUPPORTED_AUTH_MODE
		1524, // ER_PLUGIN_IS_NOT_LOADED: of the account's authentication
		1698, // ER_ACCESS_DENIED_NO_PASSWORD_ERROR
		1820, // ER_MUST_CHANGE_PASSWORD
		1862, // ER_MUST_CHANGE_PASSWORD_LOGIN
		3118, // ER_ACCOUNT_HAS_BEEN_LOCKED
		3955: // ER_USER_ACCESS_DENIED_FOR_USER_ACCOUNT_BLOCKED_BY_PASSWORD_LOCK
		return replica.ErrAccessDenied
	case 1129, // ER_HOST_IS_BLOCKED
		1130: // ER_HOST_NOT_PRIVILEGED
		return replica.ErrHostBlocked
	case 3159: // ER_SECURE_TRANSPORT_REQUIRED
		return replica.ErrTLS
	case 1142, // ER_TABLEACCESS_DENIED_ERROR
		1143, // ER_COLUMNACCESS_DENIED_ERROR
		1227, // ER_SPECIFIC_ACCESS_DENIED_ERROR
		1370: // ER_PROCACCESS_DENIED_ERROR
		return replica.ErrPrivilege
	case 1290: // ER_OPTION_PREVENTS_STATEMENT
		if strings.Contains(message, "read-only") || strings.Contains(message, "read_only") {
			return replica.ErrReadOnly
		}
		return nil
	case 1236, // ER_SOURCE_FATAL_ERROR_READING_BINLOG
		13114: // ER_SERVER_SOURCE_FATAL_ERROR_READING_BINLOG, the same in a replica's status
		return replica.ErrLogRead
	case 1053, // ER_SERVER_SHUTDOWN
		1080,                   // ER_FORCING_CLOSE
		1152,                   // ER_ABORTING_CONNECTION
		1158, 1159, 1160, 1161, // ER_NET_…
		1184,                   // ER_NEW_ABORTING_CONNECTION
		2002, 2003, 2006, 2013, // CR_CONNECTION_ERROR, CR_CONN_HOST_ERROR, CR_SERVER_GONE_ERROR, CR_SERVER_LOST
		3168, // ER_SERVER_ISNT_AVAILABLE
		3169, // ER_SESSION_WAS_KILLED
		4031: // ER_CLIENT_INTERACTION_TIMEOUT
		return replica.ErrUnreachable
	}
	return nil
}
