package replica

import "errors"

// What can be wrong with a server, told apart by errors.Is wherever it is found out.
var (
	// ErrUnreachable says that no connection came about, or that it broke. It may mend itself.
	ErrUnreachable = errors.New("server unreachable")
	// ErrUnknownHost says that the server's name does not resolve. It implies ErrUnreachable.
	ErrUnknownHost = errors.New("unknown host")
	// ErrTooManyConnections says that the server has no room for another connection. It may mend itself.
	ErrTooManyConnections = errors.New("too many connections")
	// ErrHostBlocked says that the server refuses connections from this host.
	ErrHostBlocked = errors.New("host refused by the server")
	// ErrAccessDenied says that user or password is wrong.
	ErrAccessDenied = errors.New("access denied")
	// ErrTLS says that the connection cannot be encrypted as asked.
	ErrTLS = errors.New("TLS not possible as asked")
	// ErrPrivilege says that the account may not do what is needed.
	ErrPrivilege = errors.New("missing privilege")
	// ErrReadOnly says that the server takes no writes.
	ErrReadOnly = errors.New("server is read-only")
	// ErrLogRead says that the source cannot serve the log from the place asked for (error 1236, of which a
	// purged log is only one reason).
	ErrLogRead = errors.New("source cannot read its log")
	// ErrPurged says that the source no longer has the log that is needed next.
	ErrPurged = errors.New("the log needed next is purged")
	// ErrAhead says that more of the source's log was read than the source has now: it was reset or restored, or it is another server.
	ErrAhead = errors.New("the source lacks what was already read from it")
)
