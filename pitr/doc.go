// Package pitr plans restores: it is the vocabulary of point-in-time recovery and the pure logic that decides whether, and from
// what, a moment of the past can be had back. It does no I/O and reads no clock.
//
// # Words
//
//   - Target: what a person asks for: just before a statement, before or up to a GTID, up to a time, the latest.
//   - Cut: a target after it was found in the log: the exact set of transactions that had been executed there.
//   - Stretch: a run of the log without a gap.
//   - Base: a base backup, and the exact set of transactions in it.
//   - Plan: one base, the transactions to apply to it, and the set that gtid_executed must show in the end.
//   - Recovery window: the span of time in which every target has a plan.
//
// # How a plan is made
//
// A base fits when it holds nothing from behind the cut, and when every transaction of the cut that it lacks lies
// in one stretch. Of the bases that fit, the one that leaves the least to apply is taken. Sets of GTIDs decide, never times:
// a clock may be wrong, a set is not. Where nothing fits, the error is a [MissingError] that names what
// is missing: the base, the transactions of the gap, and the windows that do exist.
//
// # Order
//
// Plan, print, act, prove. Nothing is touched before there is a plan. Package locate finds the cut, package
// backup takes and loads bases, package scratch runs the server that applies, package restore does it all in order.
// A restore is called done only when gtid_executed equals Plan.Expect.
package pitr
