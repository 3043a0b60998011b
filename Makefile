# Thin façade over tools/, CMake presets and ninja. `make help` lists the targets.
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
SHELL := /bin/bash

JOBS ?= $(shell nproc)
ARGS ?=

# $(call ninja,preset,targets): configures once, then builds with ninja's own progress line.
ninja = { [ -f build/$(1)/build.ninja ] || cmake --preset $(1) >/dev/null; } && \
        ninja -C build/$(1) -j $(JOBS) $(2)

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: setup
setup: ## install everything that is missing (Debian packages, Python packages, Go tools)
	@tools/setup.sh all

.PHONY: setup-build
setup-build:
	@tools/setup.sh build

.PHONY: setup-test
setup-test:
	@tools/setup.sh test

.PHONY: build
build: setup-build ## build/release/daprd, the one file that ships
	@$(call ninja,release,daprd)

.PHONY: demo
demo: build ## two small applications and one shared runtime, in a minute
	@python3 tools/demo/demo.py

.PHONY: run
run: build ## start the runtime with flags of your own: make run ARGS="--app-id one"
	@exec build/release/daprd $(ARGS)

.PHONY: test
test: setup-test ## set up, build, then every suite
	@python3 tools/run_tests.py

.PHONY: unit
unit: setup-test ## unit tests of every folder (ARGS="-R http" for some)
	@$(call ninja,dev,unit_tests) && ctest --test-dir build/dev --output-on-failure -j $(JOBS) $(ARGS)

.PHONY: functional
functional: setup-test ## the real binary from outside (ARGS="-k state" for some)
	@python3 tools/run_tests.py functional -- $(ARGS)

.PHONY: asan
asan: setup-test ## unit and functional suites under AddressSanitizer and UBSan
	@python3 tools/run_tests.py unit-asan functional-asan

.PHONY: tsan
tsan: setup-test ## unit suites under ThreadSanitizer
	@python3 tools/run_tests.py unit-tsan

.PHONY: fuzz
fuzz: setup-test ## every fuzzer, SECONDS_EACH=600 long
	@FUZZ_SECONDS=$(or $(SECONDS_EACH),600) python3 tools/run_tests.py fuzz

.PHONY: image
image: setup-build ## the container image of the release binary, in build/image (ARCH=arm64 for the other)
	@$(if $(filter arm64,$(ARCH)),tools/sysroot.sh arm64)
	@$(call ninja,release$(if $(filter arm64,$(ARCH)),-arm64),daprd)
	@python3 images/build.py $(if $(ARCH),--arch $(ARCH)) $(if $(IMAGE),--name $(IMAGE))

.PHONY: chart
chart: setup-test ## the Helm chart: lint, tests, and its package in build/
	@python3 tools/run_tests.py chart -- $(ARGS)
	@.tools/bin/helm package charts/dapr-shared --destination build

.PHONY: e2e
e2e: setup-test ## image, chart and Dapr's control plane on a Kubernetes of two nodes, made here
	@python3 tools/run_tests.py e2e -- $(ARGS)

.PHONY: soak
soak: setup-test ## hours of mixed load (MINUTES=60), watching memory and descriptors
	@SOAK_MINUTES=$(or $(MINUTES),60) python3 tools/run_tests.py soak

.PHONY: bench
bench: setup-test build ## speed and memory next to nginx (ARGS="--peer PATH" adds another daprd)
	@python3 bench/run.py $(ARGS)

.PHONY: microbench
microbench: setup-build ## benchmarks of single functions
	@$(call ninja,release,benches) && while read -r binary _; do "$$binary" $(ARGS) || exit 1; done < build/release/benches.txt

.PHONY: lint
lint: ## format, dependency rule, folder map, clang-tidy
	@tools/setup.sh lint
	@python3 tools/lint.py

.PHONY: format
format: ## write the format that lint wants
	@tools/setup.sh lint
	@find src tests bench -name '*.[ch]pp' -print0 | xargs -0 -r clang-format-19 -i

.PHONY: presubmit
presubmit: format lint test ## everything a change must pass

.PHONY: clean
clean: ## remove what was built
	@rm -rf build
