# What people type. Each target prepares what it needs; nothing has to be installed by hand.
#   make run     the whole loop: relay, pixel server, dashboard, with a sandbox upstream (relay.toml)
#   make check   format, lint, types, layers, and all tests that need only Python
#   make test    make check, then browser, mail clients and processes (installs them where the machine lets it)
#   make bench   side-by-side measurements;  make soak  long runs;  make lock  new locked versions

PYTHON ?=
export PYTHON
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-header --no-emit-index-url --no-emit-find-links

.PHONY: run check test bench soak clean lock
.NOTPARALLEL:

run:
	@requirements/install run
	@$(BIN)/mailglass run

check:
	@requirements/install test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST) -n 2 -m "not soak and not browser and not clients"

test:
	@requirements/install test
	@requirements/machine
	@$(MAKE) --no-print-directory check
	$(PYTEST) -m "(browser or clients) and not soak"

bench:
	@requirements/install bench
	@requirements/machine bench
	@for part in bench/*.py bench/*/__main__.py; do \
		name=$$(echo $${part%/__main__.py} | tr / .); name=$${name%.py}; \
		grep -q __main__ "$$part" || case $$part in */__main__.py) ;; *) continue ;; esac; \
		echo; echo "== $$name"; $(BIN)/python -m "$$name" || exit 1; \
	done

soak:
	@requirements/install soak
	@requirements/machine
	$(PYTEST) -m soak --timeout 7200

# The newest versions that fit pyproject.toml; read the difference before committing it.
lock:
	@requirements/install test
	$(UV_COMPILE) --upgrade pyproject.toml requirements/build.in -o requirements/run.lock
	$(UV_COMPILE) --extra test --extra check -c requirements/run.lock \
		pyproject.toml requirements/build.in -o requirements/test.lock
	$(UV_COMPILE) --extra test --extra check --extra bench -c requirements/test.lock \
		pyproject.toml requirements/build.in -o requirements/bench.lock
	$(UV_COMPILE) --extra test --extra check --extra soak -c requirements/test.lock \
		pyproject.toml requirements/build.in -o requirements/soak.lock

# Never var/: there is mail in it.
clean:
	rm -rf .venv .cache build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
