#!/bin/sh
# An S3 server on a directory, with one bucket: of a directory it makes a bucket. Its volume must be on a file system with user extended attributes.
set -eu
mkdir -p /data/buckets/"${BUCKET}" /data/accounts
exec versitygw --port :7070 --region us-east-1 --iam-dir /data/accounts --health /health --quiet posix /data/buckets
