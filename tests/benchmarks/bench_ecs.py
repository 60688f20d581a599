"""Rolls a service of the lab's ECS back by hand, as the runbook says, and by emergency_rollback, and compares the two.

By hand: `aws ecs update-service`, `aws ecs wait services-stable`, and the health URL (runbook Kaviar, Rollback Imediato). Where
there is no AWS CLI, its two calls are made with boto3, whose waiter is the CLI's own (15 s between looks).
(a) the time of both for the same incident; (b) the same where the revision before the current one is one that ECS takes back.
Usage: tests/lab/up --with aws && .venv/bin/python tests/benchmarks/bench_ecs.py
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import boto3

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = int(os.environ.get("BENCH_ROUNDS") or "3")
BUDGET = 0.6
PORT_BASE = int(os.environ.get("LAB_PORT_BASE") or "18000")
STATE = Path(os.environ.get("LAB_STATE") or ROOT / ".lab" / (os.environ.get("LAB_PROJECT") or "sre-lab"))
HEALTH = f"http://127.0.0.1:{PORT_BASE + 100}/api/health"
SERVICE = {"cluster": "lab", "service": "api"}


def call(*command: str, fine: tuple[int, ...] = (0,), **environment: str) -> int:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode not in fine:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}")
    return done.returncode


def current() -> str:
    """The service's task definition, as family:revision."""
    found = boto3.client("ecs").describe_services(cluster="lab", services=["api"])["services"][0]
    return str(found["taskDefinition"]).rsplit("/", 1)[-1]


def by_hand(revision: str) -> None:
    """The runbook's commands. They end when `wait services-stable` is content and the health URL answers."""
    if shutil.which("aws"):
        named = ("--cluster", "lab", "--service", "api")
        call("aws", "ecs", "update-service", *named, "--task-definition", revision)
        call("aws", "ecs", "wait", "services-stable", "--cluster", "lab", "--services", "api")
    else:
        client = boto3.client("ecs")
        client.update_service(**SERVICE, taskDefinition=revision)
        client.get_waiter("services_stable").wait(cluster="lab", services=["api"])
    with urllib.request.urlopen(HEALTH, timeout=5):
        pass


def by_role() -> None:
    """The role, with a ledger of its own, guard, evidence and proof; without a time to hold, which the runbook has none of."""
    with tempfile.TemporaryDirectory() as directory:
        environment = {
            "SRE_REMEDIATION_LEDGER": f"{directory}/ledger.db",
            "SRE_REMEDIATION_EVIDENCE_DIR": f"{directory}/evidence",
        }
        order = {"target": "api_ecs", "remediation_reason": "benchmark", "remediation_hold": 0}
        playbook = ("-i", "inventories/lab_aws", "playbooks/emergency_rollback.yml", "-e", json.dumps(order))
        call(str(ROOT / ".venv/bin/ansible-playbook"), *playbook, **environment)


def seconds(action: Callable[[], None]) -> float:
    call("tests/lab/up", "--with", "aws", "--reset")
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def after_a_bad_one() -> str:
    """A bad revision that ECS took back, then a good one with the number after it; returns the bad one."""
    call("tests/lab/up", "--with", "aws", "--reset")
    call("tests/lab/break", "ecs-bad-image-reverted")
    client = boto3.client("ecs")
    good = client.describe_task_definition(taskDefinition=current())["taskDefinition"]
    taken = ("family", "containerDefinitions", "networkMode", "requiresCompatibilities", "cpu", "memory")
    made = client.register_task_definition(**{key: good[key] for key in taken if good.get(key)})["taskDefinition"]
    client.update_service(**SERVICE, taskDefinition=made["taskDefinitionArn"])
    client.get_waiter("services_stable").wait(cluster="lab", services=["api"], WaiterConfig={"Delay": 1})
    return f"{made['family']}:{made['revision'] - 1}"


def main() -> None:
    os.environ |= json.loads((STATE / "aws/environment.json").read_text(encoding="utf-8"))
    taken: dict[str, list[float]] = {"hand": [], "role": []}
    for _round in range(ROUNDS):
        taken["hand"].append(seconds(lambda: by_hand("lab-api:1")))
        taken["role"].append(seconds(by_role))
    hand, role = (statistics.median(taken[name]) for name in ("hand", "role"))
    how = "aws CLI" if shutil.which("aws") else "boto3"
    verdict = "within" if role <= BUDGET * hand else "OVER"
    print(
        f"(a) rollback: {role:.1f} s by the role, {hand:.1f} s by hand ({how}): {role / hand:.2f} x, {verdict} {BUDGET} x"
    )

    bad = after_a_bad_one()
    before = current()
    by_hand(bad)
    print(f"(b) by hand from {before} to {bad}: exit code 0, and the service is on {current()}")
    after_a_bad_one()
    before = current()
    by_role()
    print(f"    by the role from {before}: the service is on {current()}")
    if role > BUDGET * hand:
        sys.exit(1)


if __name__ == "__main__":
    main()
