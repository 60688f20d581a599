# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who holds the host ports of a service that does not run: another container, or a process of this machine.

The decisions are pure; :func:`listeners` and :func:`processes` read ``/proc``. A process is named by its pid and name,
never by its arguments, as those may hold secrets. A container that has the host's network is found as the process it
is.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._docker.select import (
    ONE_OFF,
    PROJECT,
    SERVICE,
    labels_of,
    name_of,
)

Json = dict[str, t.Any]

#: Socket tables of the kernel by protocol, and the state of a socket that takes the port (TCP listening; UDP bound, not
#: connected).
TABLES = {"tcp": ("tcp", "tcp6"), "udp": ("udp", "udp6")}
BOUND = {"tcp": "0A", "udp": "07"}

ANY_ADDRESS = ("", "0.0.0.0", "::")


class Listener(t.NamedTuple):
    """A bound socket of this machine."""

    protocol: str
    address: str
    port: int
    inode: str


def overlaps(one: str, other: str) -> bool:
    """Tell whether two addresses cannot bind the same port: they are equal, or one of them is every address."""
    return one == other or one in ANY_ADDRESS or other in ANY_ADDRESS


def wanted_ports(ports: list[Json], extra: list[int]) -> list[Json]:
    """Return the host ports to check: those the service publishes, and ``extra`` TCP ports on every address, each
    once."""
    known = {port["host_port"] for port in ports}
    return ports + [
        {"address": "0.0.0.0", "host_port": port, "port": port, "protocol": "tcp"}
        for port in extra
        if port not in known
    ]


def container_holder(
    port: Json, running: list[Json], live_ids: t.Collection[str], project: str | None, service: str | None
) -> Json | None:
    """Return the holder of ``port`` among the ``running`` containers as listed; None when none publishes it.

    The holder is stale when it belongs to the same Compose project, is of the same service or a one-off, and is not in
    the live set.
    """
    for container in running:
        if container["Id"] in live_ids:
            continue
        for published in container.get("Ports") or []:
            same = published.get("PublicPort") == port["host_port"] and published.get("Type", "tcp") == port["protocol"]
            if same and overlaps(published.get("IP", ""), port["address"]):
                labels = labels_of(container)
                leftover = labels.get(SERVICE) == service or labels.get(ONE_OFF, "False").lower() == "true"
                return {
                    "kind": "container",
                    "name": name_of(container),
                    "project": labels.get(PROJECT),
                    "service": labels.get(SERVICE),
                    "pid": None,
                    "stale": bool(project) and labels.get(PROJECT) == project and leftover,
                }
    return None


def process_holder(pid: int | None, name: str | None) -> Json:
    """Return the holder when no container publishes the port; unknown when the process cannot be seen."""
    return {
        "kind": "process" if pid else "unknown",
        "name": name,
        "project": None,
        "service": None,
        "pid": pid,
        "stale": False,
    }


def conflict(port: Json, holder: Json) -> Json:
    """Return one entry of ``port_conflicts``."""
    return {"port": port["host_port"], "address": port["address"], "holder": holder}


def parse_table(protocol: str, text: str) -> list[Listener]:
    """Read one of the kernel's socket tables (``/proc/net/tcp`` and the like)."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == BOUND[protocol]:
            address, _colon, port = fields[1].rpartition(":")
            found.append(Listener(protocol, _address(address), int(port, 16), fields[9]))
    return found


def _address(text: str) -> str:
    """Decode an address of a socket table: 32-bit words in host (little-endian) order. IPv4 in IPv6 becomes IPv4."""
    raw = b"".join(bytes.fromhex(text[index : index + 8])[::-1] for index in range(0, len(text), 8))
    if len(raw) == 16 and raw[:12] == b"\0" * 10 + b"\xff\xff":
        raw = raw[12:]
    if len(raw) == 4:
        return ".".join(str(byte) for byte in raw)
    if raw == b"\0" * 16:
        return "::"
    import ipaddress

    return str(ipaddress.IPv6Address(raw))


def listeners(proc: str = "/proc") -> list[Listener]:
    """Return the bound sockets of this machine's network namespace; none where the kernel does not show them."""
    found = []
    for protocol, tables in TABLES.items():
        for table in tables:
            try:
                with open(f"{proc}/net/{table}", encoding="ascii") as source:
                    found += parse_table(protocol, source.read())
            except OSError:
                continue
    return found


def processes(inodes: t.Collection[str], proc: str = "/proc") -> dict[str, tuple[int, str]]:
    """Return (pid, name) by socket inode, as far as this user may see; of processes that share a socket the first."""
    targets = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[str, tuple[int, str]] = {}
    for pid in sorted((entry for entry in os.listdir(proc) if entry.isdigit()), key=int):
        if len(found) == len(targets):
            break
        try:
            for descriptor in os.listdir(f"{proc}/{pid}/fd"):
                inode = targets.get(os.readlink(f"{proc}/{pid}/fd/{descriptor}"))
                if inode and inode not in found:
                    with open(f"{proc}/{pid}/comm", encoding="utf-8", errors="replace") as source:
                        found[inode] = (int(pid), source.read().strip())
        except OSError:  # the process ended, or belongs to somebody else
            continue
    return found


def find_conflicts(
    ports: list[Json],
    running: list[Json],
    live_ids: t.Collection[str],
    project: str | None,
    service: str | None,
    look_at_host: bool,
) -> list[Json]:
    """Return the conflicts of ``ports``; ``look_at_host`` says that the engine's host is this machine."""
    found, unexplained = [], []
    for port in ports:
        holder = container_holder(port, running, live_ids, project, service)
        if holder:
            found.append(conflict(port, holder))
        else:
            unexplained.append(port)
    if not unexplained or not look_at_host:
        return found
    bound = listeners()
    taken = [(port, listener) for port in unexplained for listener in bound if _takes(listener, port)]
    owners = processes({listener.inode for port, listener in taken}) if taken else {}
    first = {
        (port["address"], port["host_port"], port["protocol"]): (port, listener) for port, listener in reversed(taken)
    }
    return found + [
        conflict(port, process_holder(*owners.get(listener.inode, (None, None)))) for port, listener in first.values()
    ]


def _takes(listener: Listener, port: Json) -> bool:
    return (listener.protocol, listener.port) == (port["protocol"], port["host_port"]) and overlaps(
        listener.address, port["address"]
    )
