package config

import "strings"

// nearest returns the known key that was most likely meant, or "" when none is near.
func nearest(key string, known []string) string {
	best, least := "", len(key)/2+1
	for _, k := range known {
		d := distance(key, k)
		// People forget, or get wrong, the section more often than the name.
		if tail(k) == tail(key) {
			d = min(d, 1)
		}
		if d < least {
			best, least = k, d
		}
	}
	return best
}

func tail(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }

// distance counts the characters to insert, delete or replace, and the neighbours to exchange, to get from a to b
// (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
