"""Make `ansible_collections.sre.remediation` importable from this checkout for every test."""

from __future__ import annotations

from pathlib import Path

from ansible.plugins.loader import init_plugin_loader

ROOT = Path(__file__).resolve().parent.parent

init_plugin_loader([str(ROOT / "collections")])
