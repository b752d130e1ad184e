# make demo   the main job on a real MySQL, shown in the terminal
# make test   everything: set-up, checks, all tests with the race detector
# make help   the rest

GO      ?= go
TIMEOUT ?= 22m
LAB     := $(GO) run ./integration/lab/setup
export CGO_ENABLED

.PHONY: help build packages setup demo test check race bench-stream bench-replay chaos-stream big-transaction fuzz clean

help:            ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

build:           ## bin/lastwrite
	$(GO) build -o bin/lastwrite ./cmd/lastwrite

packages:        # what a bare Debian machine lacks
	@./.ci/packages

setup: packages  ## fetch the MySQL server, build the S3 server and the tools, into the user's cache directory
	@$(LAB)

demo: packages build ## drop a database by mistake and get it back
	@$(LAB) mysql >/dev/null
	$(GO) run ./integration/demo --lastwrite bin/lastwrite

check: setup     ## gofmt, go vet, staticcheck
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt would change:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$$($(LAB) tools | awk -F'\t' '$$1 == "staticcheck" {print $$2}') ./...

race: setup
	CGO_ENABLED=1 $(GO) test -race -p 2 -timeout $(TIMEOUT) ./...

test: check race ## everything

bench-stream: setup ## MB/s and CPU against mysqlbinlog --raw
	$(GO) run ./integration/bench stream

bench-replay: setup ## restore against mysqlbinlog | mysql
	$(GO) run ./integration/bench replay

chaos-stream: setup ## the long fault campaign: make chaos-stream SEED=1 ROUNDS=30 TRANSACTIONS=200000
	LASTWRITE_CHAOS=1 $(GO) test -count=1 -v -timeout 60m -run TestStreamSurvivesCuts ./integration

big-transaction: setup ## one transaction of 1.5 GiB through everything, with its memory
	BIG_MIB=1536 $(GO) test -count=1 -v -timeout 60m -run TestOneHugeTransaction ./integration

fuzz: ## ten minutes for each decoder: make fuzz FUZZTIME=10m
	@./.ci/fuzz $(or $(FUZZTIME),10m)

clean:
	rm -rf bin
