// Package storetest is the conformance suite of objstore.Store. Every store and
// every decorator runs it; a promise that the interface makes and that is not
// tested here is not a promise.
//
// The suite creates a few thousand small objects and some of up to 40 MiB (left
// out with -short); it deletes nothing at the end but what deletion is tested on, so
// the store is given a place of its own.
package storetest
