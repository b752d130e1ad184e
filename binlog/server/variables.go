package server

import (
	"regexp"
	"slices"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// variables are the system variables that replicas of MySQL 8.0 to 9.x and mysqlbinlog ask for, by lower-case name. Those of
// semi-synchronous replication must not be among them: a replica with that plugin goes on without it when the source does not
// know the variable, but expects its packet headers from a source where it is merely off.
func (s *session) variables() map[string]any {
	return map[string]any{
		"server_id":          int64(s.srv.cfg.ServerID),
		"server_uuid":        s.srv.cfg.ServerUUID,
		"version":            s.srv.cfg.ServerVersion,
		"version_comment":    "lastwrite binlog server",
		"gtid_mode":          "ON",
		"gtid_executed":      s.log.GTIDs().String(),
		"binlog_checksum":    "CRC32",
		"binlog_format":      "ROW",
		"log_bin":            int64(1),
		"max_allowed_packet": int64(1 << 30),
	}
}

// variable returns a system variable, or error 1193, which replicas know as "the source does not have it".
func (s *session) variable(name string) (any, error) {
	name = strings.ToLower(name)
	for _, scope := range []string{"global.", "session."} {
		name = strings.TrimPrefix(name, scope)
	}
	value, known := s.variables()[name]
	if !known {
		return nil, mysql.NewDefaultError(mysql.ER_UNKNOWN_SYSTEM_VARIABLE, name)
	}
	return value, nil
}

// showVariables answers SHOW VARIABLES LIKE 'pattern'.
func (s *session) showVariables(pattern string) (*mysql.Result, error) {
	like := regexp.QuoteMeta(strings.ToLower(pattern))
	like = strings.NewReplacer("%", ".*", "_", ".", `\\_`, "_").Replace(like)
	match, err := regexp.Compile("^" + like + "$")
	if err != nil {
		return nil, notSupported("SHOW VARIABLES LIKE " + pattern)
	}
	var rows [][]any
	for name, value := range s.variables() {
		if !match.MatchString(name) {
			continue
		}
		if name == "log_bin" { // SHOW writes a boolean as a word
			value = "ON"
		}
		text, err := mysql.FormatTextValue(value)
		if err != nil {
			return nil, notSupported("SHOW VARIABLES LIKE " + pattern)
		}
		rows = append(rows, []any{name, string(text)})
	}
	slices.SortFunc(rows, func(a, b []any) int { return strings.Compare(a[0].(string), b[0].(string)) })
	return table([]string{"Variable_name", "Value"}, rows)
}
