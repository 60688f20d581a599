"""The commands ``up``, ``down`` and ``break``: what they do in order, and what they print."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from . import compose_plugin, engine, images, parts, stack
from .docker import Docker
from .faults.model import Lab
from .faults.registry import FAULTS, as_data, as_text, find_fault
from .settings import LAB_DIRECTORY, PORT_OFFSETS, Settings, read_settings
from .shell import LabError, say, wait_until
from .state_files import remove_state


def command(main: Callable[[list[str]], int]) -> None:
    """Run a command's main function; a `LabError` ends it with its message and exit code 1."""
    try:
        raise SystemExit(main(sys.argv[1:]))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def up(arguments: list[str]) -> int:
    """Entry point of ``tests/lab/up``."""
    parser = argparse.ArgumentParser(
        prog="tests/lab/up", description="Start the lab, or bring it back to its healthy state. Safe to repeat."
    )
    parser.add_argument(
        "--reset", action="store_true", help="only bring the services back; the rest is known to be there"
    )
    parser.add_argument("--no-cache", action="store_true", help="build all images anew")
    parser.add_argument(
        "--with",
        dest="parts",
        action="append",
        default=[],
        choices=list(parts.PARTS),
        help="start this part too (repeat for more than one); with --reset, bring back only the parts named",
    )
    options = parser.parse_args(arguments)
    wanted = [parts.PARTS[name] for name in options.parts]
    started = time.monotonic()
    settings = read_settings()
    with stack.locked(settings):
        if options.reset:
            docker = Docker(engine.engine_address())
        else:
            with _alone_on_this_machine():
                docker = engine.ensure_engine(settings)
                compose_plugin.ensure_compose()
                images.ensure_images(docker, rebuild=options.no_cache)
        if not (options.reset and wanted):
            engine.link_socket(docker, settings)
            stack.bring_up(docker, settings)
        for part in wanted:
            part.bring_up(Lab(docker, settings))
            parts.write_environment(part, settings)
        if not options.reset:
            images.remove_superseded(docker)
    say(f"{settings.project} is healthy after {time.monotonic() - started:.1f} s")
    if not options.reset:
        print("\n".join([addresses(settings), *(parts.addresses(part, settings) for part in wanted)]))
    return 0


@contextmanager
def _alone_on_this_machine() -> Iterator[None]:
    """Keep other labs of this checkout from installing, starting or building the same things at the same time."""
    directory = os.open(LAB_DIRECTORY, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def addresses(settings: Settings) -> str:
    """Where the lab's services answer, one line each."""
    web = {"api": "/api/health", "api_process": "/api/health", "proxy": "/", "frontend": "/"}
    rows = [
        (name, settings.url(name, web[name]) if name in web else f"127.0.0.1:{settings.port(name)}")
        for name in PORT_OFFSETS
    ]
    return "\n".join(f"{name:<12} {address}" for name, address in [*rows, ("files", str(settings.state))])


def down(arguments: list[str]) -> int:
    """Entry point of ``tests/lab/down``."""
    parser = argparse.ArgumentParser(
        prog="tests/lab/down", description="Remove the lab's containers, networks, volumes and files."
    )
    parser.add_argument("--purge", action="store_true", help="remove the lab's images too")
    options = parser.parse_args(arguments)
    settings = read_settings()
    docker = Docker(engine.engine_address())
    complaint = engine.complaint(docker)
    if complaint:
        if settings.state.exists():
            raise LabError(f"{settings.project} cannot be removed, for the engine does not answer: {complaint}")
        say(f"{settings.project} is not there")
        return 0
    with stack.locked(settings):
        stack.claim(docker, settings)
        parts.take_down(Lab(docker, settings))
        stack.take_down(docker, settings)
        if options.purge:
            images.remove_superseded(docker)
            images.remove_images(docker)
        engine.unlink_socket(settings)
        if engine.stop_engine(docker, settings):
            remove_state(settings)
    say(f"{settings.project} is down")
    return 0


def break_(arguments: list[str]) -> int:
    """Entry point of ``tests/lab/break``."""
    parser = argparse.ArgumentParser(
        prog="tests/lab/break", description="Break the lab in one way; tests/lab/up repairs it."
    )
    parser.add_argument("fault", nargs="?", help="name of the fault")
    parser.add_argument("--list", action="store_true", help="show what can be broken")
    parser.add_argument("--json", action="store_true", help="show it as JSON, for programs")
    options = parser.parse_args(arguments)
    faults = {**FAULTS, **parts.faults()}
    if options.list or options.json:
        print(json.dumps(as_data(faults), indent=2) if options.json else as_text(faults))
        return 0
    if not options.fault:
        parser.error("name a fault, or use --list")
    fault = find_fault(options.fault, faults)
    settings = read_settings()
    lab = Lab(Docker(engine.engine_address()), settings)
    if fault.name in FAULTS and not lab.state("db"):
        raise LabError(f"the lab {settings.project} is not up; start it with tests/lab/up")
    parts.require_part_of(fault, lab)
    with stack.locked(settings):
        fault.inject(lab)
        seconds = wait_until(f"the fault {fault.name} to show", lambda: fault.symptom(lab), seconds=fault.seconds)
    print(f"{fault.name}: {fault.summary} (project {settings.project}; visible after {seconds:.1f} s)")
    return 0
