package program

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"lastwrite/replica"
	"lastwrite/replica/node"
)

// OptionFile writes what a client program needs to log in to a server into a new file below dir (the system's temporary directory if it is
// empty) that only this user can read. The caller passes its path as the program's first argument, --defaults-file=path, and
// calls remove when the program has ended.
func OptionFile(login node.Config, dir string) (path string, remove func() error, err error) {
	file, err := os.CreateTemp(dir, "lastwrite-client-*.cnf") // mode 0600
	if err != nil {
		return "", nil, fmt.Errorf("write an option file: %w", err)
	}
	_, err = file.WriteString(options(login))
	if err = errors.Join(err, file.Close()); err != nil {
		return "", nil, errors.Join(fmt.Errorf("write an option file: %w", err), os.Remove(file.Name()))
	}
	return file.Name(), func() error { return os.Remove(file.Name()) }, nil
}

// options is the text of the option file.
func options(login node.Config) string {
	var b strings.Builder
	b.WriteString("[client]\n")
	option := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s=%s\n", name, quoteOption(value))
		}
	}
	option("user", login.User)
	option("password", login.Password)
	if e := login.Endpoint; e.Network == replica.Unix {
		option("protocol", "SOCKET")
		option("socket", e.Address)
	} else {
		option("protocol", "TCP")
		if host, port, err := net.SplitHostPort(e.Address); err == nil {
			option("host", host)
			option("port", port)
		}
	}
	// The client programs spell the modes VERIFY_CA and so on.
	option("ssl-mode", strings.ToUpper(strings.ReplaceAll(string(login.TLS.Mode), "-", "_")))
	option("ssl-ca", login.TLS.CA)
	option("ssl-cert", login.TLS.Cert)
	option("ssl-key", login.TLS.Key)
	if login.TLS.Mode == node.TLSDisabled {
		b.WriteString("get-server-public-key=ON\n") // for the password exchange of caching_sha2_password
	}
	return b.String()
}

// quoteOption writes a value so that an option file gives it back unchanged (mysys, my_default.cc: surrounding quotes are
// taken off, and the escapes \b \t \n \r \\ \s \" \' are known inside).
func quoteOption(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\b", `\b`).Replace(value) + `"`
}
