# Everything a newcomer runs. Paths stay relative, so that a checkout may lie in a folder with spaces.
PYTHON ?= python3
DEMO := .venv/demo
DEV := .venv/dev
RELEASE := .venv/release
EDITORS := .cache/editors
RUN := $(DEV)/bin/python -m

# Nothing here may ask a model hub, and waiting threads must not spin on a shared machine.
export HF_HUB_OFFLINE := 1
export OMP_WAIT_POLICY := passive

.PHONY: demo editors test ray lint check format docs dist audit clean

demo: $(DEMO)/ready
	@$(DEMO)/bin/python -m lsp_server demo

# Real editors for the tests, once; where one cannot be had its tests are skipped, but not in CI.
editors: $(DEV)/ready
	@PATH="$(CURDIR)/$(DEV)/bin:$$PATH" tests/editors/get_neovim.sh $(EDITORS) || test -z "$$LORY_NEED_EDITORS"
	@PATH="$(CURDIR)/$(DEV)/bin:$$PATH" tests/editors/get_other_editors.sh $(EDITORS) || test -z "$$LORY_NEED_EDITORS"
	@tests/editors/get_browser.sh || test -z "$$LORY_NEED_EDITORS"
	@tests/editors/get_code_server.sh $(EDITORS)/code-server || test -z "$$LORY_NEED_EDITORS"
	@tests/editors/package_extension.sh "$(CURDIR)/$(EDITORS)/vscode" "$(CURDIR)/$(DEV)/bin/python" || test -z "$$LORY_NEED_EDITORS"

# Every core takes tests, with one thread each; what measures time has the machine to itself then.
test: $(DEV)/ready editors
	@$(RUN) pytest --numprocesses logical --maxprocesses 4 --dist worksteal -m "not alone"
	@$(RUN) pytest -m alone

# `lory serve --ray` on a cluster of several raylets; Ray (300 MB) is not in the environment else.
ray: $(DEV)/ready
	@$(RUN) pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[ray]"
	@LORY_NEED_RAY=1 $(RUN) pytest tests/e2e/http/test_cluster.py tests/deploy/test_ray.py

lint: $(DEV)/ready
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy trainer lsp_server editors tests

check: lint docs test

# The documentation as a site in .cache/site; a broken link or a name that is gone is an error.
docs: $(DEV)/ready
	@NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --quiet --strict

format: $(DEV)/ready
	@$(RUN) ruff check --fix .
	@$(RUN) ruff format .

# What is published, in dist/: built twice and compared, checked, tried in a fresh environment.
dist: $(RELEASE)/ready
	@$(RELEASE)/bin/python tests/distribution/check_dist.py

# A list of all that the server requires (CycloneDX), in dist/sbom.json, and known faults of it: asks pypi.org.
audit: $(RELEASE)/ready $(DEMO)/ready
	@mkdir -p dist && $(DEMO)/bin/python -m pip freeze --exclude-editable > dist/requirements.txt
	@$(RELEASE)/bin/python -m cyclonedx_py environment --pyproject pyproject.toml --output-reproducible --of JSON -o dist/sbom.json $(DEMO)/bin/python
	@echo "What the server requires is listed in dist/sbom.json"
	@$(RELEASE)/bin/python -m pip_audit --strict --progress-spinner off --disable-pip --no-deps --requirement dist/requirements.txt

$(DEMO)/ready: pyproject.toml constraints.txt
	@$(call make_environment,$(DEMO),.)

$(DEV)/ready: pyproject.toml constraints.txt
	@$(call make_environment,$(DEV),.[dev])

$(RELEASE)/ready: pyproject.toml constraints.txt
	@$(call make_environment,$(RELEASE),.[release])

clean:
	rm -rf .venv .cache build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# $(1): the environment's folder; $(2): what is installed into it, from this checkout.
define make_environment
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Lory needs Python 3.11 or newer, found %d.%d; name one: make PYTHON=python3.12" % sys.version_info[:2] or 0)'
echo "Making $(1) (once; a minute or two)"
$(PYTHON) -m venv $(1)
$(1)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable "$(2)" 2>$(1)/install.log || { cat $(1)/install.log >&2; exit 1; }
touch $@
endef
