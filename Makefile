# Entry points for people and CI. Each target is one command; the programs are in tests/tools/ and tests/lab/.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test lab-up lab-down bench format lint sanity docs build clean

export PYTHON FAULT

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Make .venv with Ansible and the test tools (a second call costs nothing)
	@tests/tools/setup all

demo: ## Start the lab, break the API, heal it, show the verdict, stop the lab (FAULT=name chooses what breaks)
	@tests/tools/demo

test: setup ## Run everything CI runs (ARGS="-k name" for a part of it)
	@tests/tools/test $(ARGS)

lab-up: ## Start the lab: six services in containers on 127.0.0.1
	@tests/lab/up

lab-down: ## Stop the lab and remove all it made
	@tests/lab/down

bench: setup ## Measure healing, the healthy look, the guard and a rollback on ECS against their budgets
	@tests/tools/bench

format: setup ## Format the Python code and sort its imports, the way `make lint` wants them
	@.venv/bin/ruff check --quiet --fix --select I,FA,UP && .venv/bin/ruff format --quiet

lint: setup ## ruff, yamllint, ansible-lint (production profile, offline)
	@tests/tools/lint

sanity: setup ## ansible-test sanity
	@tests/tools/sanity

docs: setup ## Check the documentation and write docs/reference
	@tests/tools/docs

build: setup ## Build the collection's tarball into build/
	@tests/tools/build

clean: ## Remove what the other targets made in this checkout, the environment too
	rm -rf .venv .cache .ansible .pytest_cache .ruff_cache .hypothesis build tests/output
