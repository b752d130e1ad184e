package node

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"lastwrite/replica"
)

// Task is work that needs privileges on a server, all of them global (ON *.*).
type Task struct {
	Name       string
	Privileges []string // as GRANT spells them, upper case
}

// Streaming is reading a source's log: register and dump, and look at the list of logs.
func Streaming() Task {
	return Task{"streaming", []string{"REPLICATION SLAVE", "REPLICATION CLIENT"}}
}

// Cloning is a base backup by the CLONE plugin.
func Cloning() Task {
	return Task{"a base backup by CLONE", []string{"BACKUP_ADMIN", "REPLICATION CLIENT", "SELECT"}}
}

// Dumping is a base backup by mysqldump of all databases in one transaction, with the position it corresponds to.
func Dumping() Task {
	return Task{"a base backup by mysqldump",
		[]string{"SELECT", "RELOAD", "REPLICATION CLIENT", "PROCESS", "SHOW VIEW", "TRIGGER", "EVENT", "LOCK TABLES", "SHOW_ROUTINE"}}
}

// Grants are the global privileges of the account that is logged in, its active roles included.
type Grants struct {
	Account    string   // 'user'@'host', as GRANT wants it
	Privileges []string // upper case, sorted
}

// Has tells whether the account has the privilege.
func (g Grants) Has(privilege string) bool {
	return slices.Contains(g.Privileges, privilege) || slices.Contains(g.Privileges, "ALL PRIVILEGES")
}

// Check returns replica.ErrPrivilege, with the statement that mends it, when a privilege for one of the tasks is missing.
func (g Grants) Check(tasks ...Task) error {
	var missing, names []string
	for _, t := range tasks {
		lacks := false
		for _, p := range t.Privileges {
			if g.Has(p) {
				continue
			}
			lacks = true
			if !slices.Contains(missing, p) {
				missing = append(missing, p)
			}
		}
		if lacks {
			names = append(names, t.Name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s lacks %s for %s; run: GRANT %s ON *.* TO %s",
		replica.ErrPrivilege, g.Account, strings.Join(missing, ", "), strings.Join(names, " and "), strings.Join(missing, ", "), g.Account)
}

// CheckPrivileges is Grants and its Check in one.
func (n *Node) CheckPrivileges(ctx context.Context, tasks ...Task) error {
	g, err := n.Grants(ctx)
	if err != nil {
		return err
	}
	return g.Check(tasks...)
}

// Grants asks what the account that is logged in may do.
func (n *Node) Grants(ctx context.Context) (Grants, error) {
	account, err := n.value(ctx, "SELECT CURRENT_USER()")
	if err != nil {
		return Grants{}, err
	}
	// A role's privileges are listed only where the role is named.
	show := "SHOW GRANTS FOR CURRENT_USER()"
	roles, err := n.value(ctx, "SELECT CURRENT_ROLE()")
	if err != nil {
		return Grants{}, err
	}
	if roles != "" && roles != "NONE" {
		show += " USING " + roles
	}
	rows, err := n.query(ctx, show)
	if err != nil {
		return Grants{}, err
	}
	var lines []string
	for _, r := range rows {
		for _, line := range r {
			lines = append(lines, line)
		}
	}
	return parseGrants(account, lines), nil
}

var (
	globalGrant = regexp.MustCompile(`^GRANT (.+) ON \*\.\* TO `)
	columnLists = regexp.MustCompile(`\([^)]*\)`)
)

// parseGrants reads the lines of SHOW GRANTS that are global.
func parseGrants(account string, lines []string) Grants {
	user, host := account, "%"
	if at := strings.LastIndexByte(account, '@'); at >= 0 {
		user, host = account[:at], account[at+1:]
	}
	g := Grants{Account: quote(user) + "@" + quote(host)}
	for _, line := range lines {
		m := globalGrant.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		for _, p := range strings.Split(columnLists.ReplaceAllString(m[1], ""), ",") {
			g.Privileges = append(g.Privileges, strings.ToUpper(strings.TrimSpace(p)))
		}
	}
	slices.Sort(g.Privileges)
	g.Privileges = slices.Compact(g.Privileges)
	return g
}
