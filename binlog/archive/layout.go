package archive

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// layout builds and reads the names of a cluster's objects.
type layout struct{ cluster string }

var clusterName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// ValidCluster refuses names that cannot stand in an object's name.
func ValidCluster(name string) error {
	if !clusterName.MatchString(name) {
		return fmt.Errorf("cluster name %q: want 1 to 63 letters, digits, dots, dashes or underscores, a letter or digit first", name)
	}
	return nil
}

func (l layout) identity() string      { return l.cluster + "/cluster.json" }
func (l layout) epochs() string        { return l.cluster + "/epoch/" }
func (l layout) epoch(e uint64) string { return fmt.Sprintf("%s%08d.json", l.epochs(), e) }
func (l layout) log(e uint64) string   { return fmt.Sprintf("%s/log/%08d/", l.cluster, e) }
func (l layout) catalog() string       { return l.cluster + "/catalog/" }

func (l layout) segment(e, seq uint64) string { return fmt.Sprintf("%s%012d.seg", l.log(e), seq) }

func (l layout) manifest(e, seq uint64) string {
	return fmt.Sprintf("%s%08d/%012d.manifest", l.catalog(), e, seq)
}

// number reads the decimal number between the last slash and the suffix of a key.
func number(key, suffix string) (uint64, bool) {
	s, ok := strings.CutSuffix(key[strings.LastIndexByte(key, '/')+1:], suffix)
	n, err := strconv.ParseUint(s, 10, 64)
	return n, ok && err == nil
}
