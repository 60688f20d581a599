"""Runs a module of any collection as Ansible does in the end: a Python process of its own, arguments on standard input.

``python run_module.py ansible_collections.sre.remediation.plugins.modules.pg_activity_info < arguments.json``. The time
Ansible itself takes to bring a module to a host is the same for all of them and is left out.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def main() -> None:
    # The collection of this checkout, and beside it those of the `ansible` package, without Ansible's own loader:
    # a module on a host has none either.
    import ansible_collections

    ansible_collections.__path__.insert(0, str(ROOT / "collections" / "ansible_collections"))
    from ansible.module_utils import basic

    basic._ANSIBLE_ARGS = sys.stdin.buffer.read()
    basic._ANSIBLE_PROFILE = "legacy"
    runpy.run_module(sys.argv[1], run_name="__main__")


if __name__ == "__main__":
    main()
