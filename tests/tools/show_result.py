"""Print a result file (SRE_REMEDIATION_RESULT_FILE) for people.   Usage: show_result.py FILE"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def lines(entry: dict[str, Any]) -> list[str]:
    """Return what one service's entry says, a fact a line."""
    remedies = [f"{remedy['name']}: {remedy['result']} in {remedy['seconds']:.1f} s" for remedy in entry["remedies"]]
    seconds = {name: f"{value:.1f} s" for name, value in entry["seconds"].items() if value is not None}
    facts = {
        "service": entry["service"],
        "verdict": entry["verdict"],
        "cause": entry["cause"],
        "remedies": "; ".join(remedies) or "none",
        "durations": ", ".join(f"{name} {value}" for name, value in seconds.items()),
        "plan": entry["plan_hash"],
        "evidence": entry["evidence"],
        "incident": entry["ledger_id"],
    }
    return [f"{name:<10} {value}" for name, value in facts.items() if value not in (None, "")]


def main(path: Path) -> None:
    """Print every service of the file, then where the file is."""
    for entry in json.loads(path.read_text(encoding="utf-8")):
        print("\n".join(lines(entry)))
    print(f"{'report':<10} {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
