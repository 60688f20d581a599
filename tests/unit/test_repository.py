"""The repository keeps its own rules: each role is complete, each name it uses exists, each file is small and clean.

Every rule collects all its violations, so that one run names them all, and fails when it found nothing to look at.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
SHARED_ROLES = {"remediate", "platform"}
# Roles that a person's procedures use: no scenario, so no diagnosis, no ladder and no playbook of their own name.
PROCEDURE_ROLES = {"database"}
PLATFORMS = {"docker", "host", "railway", "ecs"}
IMPACTS = {"safe", "disruptive", "destructive"}
# The remedy that changes nothing, which the pipeline knows by itself.
WAIT = "wait"
EVERY_ROLE = ("README.md", "meta/main.yml", "meta/argument_specs.yml")
EVERY_SCENARIO = (
    "defaults/main.yml",
    "vars/main.yml",
    "tasks/main.yml",
    "tasks/diagnose.yml",
    "tasks/verify.yml",
)
FORBIDDEN = {
    "ignore_errors": re.compile(r"^\s*ignore_errors\s*:"),
    "the tag latest": re.compile(r":latest\b"),
    "unfinished work": re.compile(r"\b(TODO|FIXME|XXX)\b"),
    "a test that is not run": re.compile(r"\bpytest\.(mark\.)?(skip|skipif|xfail)\b"),
    "a path of one person's machine": re.compile(r"(?<![\w.])/(work|Users)/"),
}
LINES = 400
ANY_LENGTH = {"LICENSE", "CHANGELOG.md", "changelogs/changelog.yaml"}


def roles() -> list[Path]:
    """Return the directories of all roles."""
    found = sorted(path for path in (ROOT / "roles").glob("*") if path.is_dir())
    others = SHARED_ROLES | PROCEDURE_ROLES
    assert {role.name for role in found} > others, "roles/ lacks a shared role or has no scenario"
    return found


def scenarios() -> list[Path]:
    """Return the directories of the roles that heal one thing."""
    return [role for role in roles() if role.name not in SHARED_ROLES | PROCEDURE_ROLES]


def load(path: Path) -> Any:
    """Return what a YAML file says, an empty dictionary when it is absent or says nothing."""
    return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.exists() else {}


def tracked(*patterns: str) -> list[Path]:
    """Return the files git knows or would add, of all kinds or matching the patterns, links left out."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    paths = [ROOT / name for name in names if name]
    found = [path for path in paths if path.is_file() and not path.is_symlink()]
    assert found, f"git names no file for {patterns}"
    return found


def relative(path: Path) -> str:
    """Return the path as people write it."""
    return str(path.relative_to(ROOT))


def verbs() -> set[str]:
    """Return the platform verbs, which are the directories of per-platform files."""
    found = {path.name for path in (ROOT / "roles/platform/tasks").glob("*") if path.is_dir()}
    assert found, "roles/platform/tasks has no verb"
    return found


def rungs(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every entry of a ladder: the dictionaries that name a remedy, however deep they lie."""
    if isinstance(node, dict):
        if "remedy" in node:
            yield node
        for value in node.values():
            yield from rungs(value)
    elif isinstance(node, list):
        for value in node:
            yield from rungs(value)


def plain(default: Any) -> Any:
    """Return the value a default comes to: itself, or what its template falls back to when a variable is not given."""
    fallback = re.search(r"\|\s*default\((.*?)\)\s*\}\}$", default) if isinstance(default, str) else None
    return yaml.safe_load(fallback.group(1)) if fallback else default


def impacts(value: Any) -> set[str]:
    """Return the impacts a rung may have: the one it names, or every quoted word when a template chooses."""
    text = str(value)
    return set(re.findall(r"'(\w+)'", text)) if "{{" in text else {text}


def test_every_role_has_its_files() -> None:
    missing = [relative(role / name) for role in roles() for name in EVERY_ROLE if not (role / name).is_file()]
    missing += [relative(role / name) for role in scenarios() for name in EVERY_SCENARIO if not (role / name).is_file()]
    assert not missing


def test_defaults_and_argument_specs_agree() -> None:
    problems = []
    for role in roles():
        defaults = load(role / "defaults/main.yml")
        entry_points = load(role / "meta/argument_specs.yml").get("argument_specs", {})
        options = {name: option for entry in entry_points.values() for name, option in entry.get("options", {}).items()}
        problems += [f"{role.name}: default {name} is no option" for name in sorted(defaults.keys() - options.keys())]
        for name, option in options.items():
            given = name in defaults
            if not given and not option.get("required") and not name.startswith(("service_", "remediation_")):
                problems.append(f"{role.name}: option {name} is neither required nor has a default")
            if given and "default" in option and option["default"] != plain(defaults[name]):
                problems.append(f"{role.name}: {name} is {defaults[name]!r}, documented as {option['default']!r}")
    assert not problems


def test_every_scenario_goes_through_the_pipeline_under_its_own_name() -> None:
    problems = []
    for role in scenarios():
        text = (role / "tasks/main.yml").read_text(encoding="utf-8")
        if "sre.remediation.remediate" not in text or not re.search(rf":\s*{role.name}\b", text):
            problems.append(f"{role.name}: tasks/main.yml does not include remediate with the name {role.name}")
    assert not problems


def test_every_scenario_has_a_playbook() -> None:
    problems = []
    for role in scenarios():
        playbook = ROOT / "playbooks" / f"{role.name}.yml"
        if not playbook.exists():
            problems.append(f"{relative(playbook)} is missing")
        elif f"sre.remediation.{role.name}" not in playbook.read_text(encoding="utf-8"):
            problems.append(f"{relative(playbook)} does not run the role {role.name}")
    assert not problems


def test_every_verb_has_an_entry_point_a_specification_and_known_platforms() -> None:
    tasks = ROOT / "roles/platform/tasks"
    specified = load(ROOT / "roles/platform/meta/argument_specs.yml")["argument_specs"].keys() - {"main"}
    assert specified == verbs()
    problems = [f"tasks/{verb}.yml is missing" for verb in sorted(verbs()) if not (tasks / f"{verb}.yml").exists()]
    for verb in sorted(verbs()):
        platforms = {path.stem for path in (tasks / verb).glob("*.yml")}
        if not platforms:
            problems.append(f"tasks/{verb}/ has no platform")
        problems += [f"tasks/{verb}/{name}.yml: no such platform" for name in sorted(platforms - PLATFORMS)]
    assert not problems


def refusal(path: Path) -> str | None:
    """Return the reason a verb's file gives when all it does is to refuse."""
    tasks = load(path)
    return tasks[0]["ansible.builtin.fail"]["msg"] if "ansible.builtin.fail" in tasks[0] else None


def test_what_a_platform_cannot_do_is_refused_in_the_words_that_keep_it_out_of_plans() -> None:
    unsupported = load(ROOT / "roles/remediate/vars/main.yml")["remediate_unsupported"]
    tasks = ROOT / "roles/platform/tasks"
    platforms = {path.stem for verb in verbs() for path in (tasks / verb).glob("*.yml")}
    problems = []
    for platform in sorted(platforms):
        for verb in sorted(verbs()):
            path = tasks / verb / f"{platform}.yml"
            said = refusal(path) if path.is_file() else "there is no file"
            if said != unsupported.get(platform, {}).get(verb):
                problems.append(f"{relative(path)}: {said!r}, planned with {unsupported.get(platform, {}).get(verb)!r}")
    assert not problems


def remedies(role: Path) -> set[str]:
    """Return the remedies a role brings: its own, or in remediate those that several scenarios share."""
    return {path.stem for path in (role / "tasks/remedies").glob("*.yml")}


def test_every_rung_of_a_ladder_exists_and_says_what_it_may_do() -> None:
    problems = []
    borrowed: set[tuple[str, str]] = set()
    for role in scenarios():
        ladder = list(rungs(load(role / "vars/main.yml")))
        if not ladder:
            problems.append(f"{role.name}: vars/main.yml has no ladder")
        for rung in ladder:
            remedy = rung["remedy"]
            where = role.with_name(rung.get("role", role.name))
            if remedy not in remedies(where) | (verbs() | {WAIT} if where == role else set()):
                problems.append(
                    f"{role.name}: remedy {remedy} is neither a verb nor a file of {where.name}/tasks/remedies"
                )
            borrowed.add((where.name, remedy))
            if not impacts(rung.get("impact")) or not impacts(rung.get("impact")) <= IMPACTS:
                problems.append(f"{role.name}: remedy {remedy} has impact {rung.get('impact')!r}")
            if not rung.get("causes"):
                problems.append(f"{role.name}: remedy {remedy} is for no cause")
    brought = {(role.name, name) for role in roles() for name in remedies(role)}
    problems += [f"{role}: tasks/remedies/{name}.yml is on no ladder" for role, name in sorted(brought - borrowed)]
    assert not problems


def test_action_groups_are_the_modules_that_say_so() -> None:
    texts = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "plugins/modules").glob("*.py")}
    groups = load(ROOT / "meta/runtime.yml")["action_groups"]
    assert texts and groups
    for group, members in groups.items():
        said = {name for name, text in texts.items() if f"sre.remediation._attributes.actiongroup_{group}\n" in text}
        assert set(members) == said, f"action group {group}"
        assert f"ACTIONGROUP_{group.upper()} =" in (ROOT / "plugins/doc_fragments/_attributes.py").read_text()
    prefixes = {"docker_": "docker", "pg_": "postgres", "railway_": "railway", "ecs_": "aws"}
    for name in texts:
        wanted = {group for prefix, group in prefixes.items() if name.startswith(prefix)}
        assert all(name in groups[group] for group in wanted), f"{name} is in no action group"


def test_requirements_are_the_dependencies_of_galaxy_yml() -> None:
    wanted = {entry["name"]: entry["version"] for entry in load(ROOT / "requirements.yml")["collections"]}
    assert wanted == load(ROOT / "galaxy.yml")["dependencies"]


def test_python_requirements_are_pinned_to_one_version() -> None:
    pins = {}
    for name in ("requirements.txt", "tests/requirements.txt", ".config/constraints.txt"):
        lines = [line for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if line[:1] not in ("", "#")]
        assert lines and all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines), name
        pins[name] = set(lines)
    constraints = pins.pop(".config/constraints.txt")
    assert set().union(*pins.values()) <= constraints


def test_no_forbidden_word_anywhere() -> None:
    problems = []
    for path in tracked():
        if path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            problems += [f"{relative(path)}:{number}: {what}" for what, word in FORBIDDEN.items() if word.search(line)]
    assert not problems


def test_no_file_is_too_long_to_read() -> None:
    lengths = {relative(path): len(path.read_bytes().splitlines()) for path in tracked()}
    generated = {name for name in lengths if name.startswith("docs/reference/")}
    assert not {name: n for name, n in lengths.items() if n > LINES and name not in ANY_LENGTH | generated}


def test_every_plugin_carries_the_licence() -> None:
    lines = (
        "# Copyright (c) 2026, the sre.remediation maintainers",
        "# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)",
        "# SPDX-License-Identifier: GPL-3.0-or-later",
    )
    files = [path for path in tracked("plugins/*.py") if path.read_text(encoding="utf-8").strip()]
    problems = []
    for path in files:
        head = path.read_text(encoding="utf-8").splitlines()[:8]
        problems += [f"{relative(path)} lacks: {line}" for line in lines if line not in head]
    assert not problems


def test_every_program_says_in_its_first_lines_what_it_is_for() -> None:
    problems = []
    for path in tracked("*.py", "tests/tools/*", "tests/lab/*", ".ci/*"):
        text = path.read_text(encoding="utf-8", errors="replace")
        head = "\n".join(text.splitlines()[:15])
        if path.suffix == ".py" and text.strip() and '"""' not in head and "DOCUMENTATION" not in head:
            problems.append(f"{relative(path)} has no docstring on its first screen")
        if text.startswith("#!") and not re.search(r"^(# \w|\"\"\"\w)", head.split("\n", 1)[-1], re.MULTILINE):
            problems.append(f"{relative(path)} has no comment below its first line")
    assert not problems


def test_results_that_carry_a_container_s_environment_are_never_shown() -> None:
    telling = {
        f"community.docker.{name}"
        for name in ("docker_container", "docker_compose_v2", "docker_compose_v2_run", "docker_network")
    }
    tasks = [(path, task) for path in (ROOT / "roles").glob("*/tasks/**/*.yml") for task in load(path)]
    using = [(path, task) for path, task in tasks if telling & task.keys()]
    assert using
    assert not [f"{relative(path)}: {task['name']}" for path, task in using if task.get("no_log") is not True]
