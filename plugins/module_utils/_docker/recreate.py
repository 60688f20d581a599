# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How to make a container again with one thing changed: the request for its replacement, worked out from what the
engine says of it. Pure.

The engine merges the image's defaults into a container's configuration and keeps no record of which part was asked for.
So what equals the old image's default is left out, and the default of the new image applies. Everything else is kept:
names, networks with aliases and fixed addresses, host settings, labels, and the volumes, anonymous ones by their name.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import copy
import typing as t
from dataclasses import dataclass, field

from ansible_collections.sre.remediation.plugins.module_utils._docker import select
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

Json = dict[str, t.Any]

#: Fields that hold one value, taken from the image unless asked for.
SINGLE_FIELDS = ("WorkingDir", "User", "StopSignal", "Shell", "OnBuild", "ArgsEscaped")

#: Fields that hold a dictionary, merged from the image's entries and those asked for.
MERGED_FIELDS = ("Labels", "ExposedPorts", "Volumes")

#: What is kept of an attachment to a network; the rest is what the engine worked out (addresses, ids).
ENDPOINT_FIELDS = ("IPAMConfig", "Links", "DriverOpts", "GwPriority")

#: Network modes that are no network of the user's.
BUILT_IN_MODES = ("default", "bridge", "host", "none", "nat")


@dataclass(frozen=True)
class Replacement:
    """The request for a replacement: ``body`` for the engine's create call, then the networks to connect it to before
    it starts."""

    body: Json
    connect: dict[str, Json] = field(default_factory=dict)


def replacement(
    container: Json, old_image: Json, image: str, image_id: str, env: dict[str, str | None] | None = None
) -> Replacement:
    """Return the request for a replacement of ``container``.

    :param container: the container as inspected.
    :param old_image: the image it was made from, as inspected.
    :param image: name or id of the image of the replacement.
    :param image_id: the id of that image.
    :param env: environment variables to set, or (None) to take out of what was asked for.
    :raises RemediationError: (``auto_remove``) when the container would vanish as soon as it stops.
    """
    if container["HostConfig"].get("AutoRemove"):
        raise RemediationError(
            f"{select.name_of(container)} was made with --rm: it would vanish when stopped and could not be put back; "
            "run it without --rm",
            code="auto_remove",
        )
    config = own_config(container, old_image.get("Config") or {})
    config["Image"] = image
    if env:
        config["Env"] = changed_env(config.get("Env") or [], env)
    if select.IMAGE in config.get("Labels", {}):
        config["Labels"][select.IMAGE] = image_id
    endpoints = endpoints_of(container)
    first = primary_network(container, endpoints)
    host = host_config(container)
    body = {**config, "HostConfig": host}
    if first:
        body["NetworkingConfig"] = {"EndpointsConfig": {first: endpoints.pop(first)}}
    return Replacement(body, endpoints)


def own_config(container: Json, image_config: Json) -> Json:
    """Return the part of a container's configuration that did not come from its image."""
    config = copy.deepcopy(container["Config"])
    for name in SINGLE_FIELDS:
        if config.get(name) == image_config.get(name) or not config.get(name):
            config.pop(name, None)
    for name in MERGED_FIELDS:
        defaults = image_config.get(name) or {}
        config[name] = {
            key: value
            for key, value in (config.get(name) or {}).items()
            if key not in defaults or defaults[key] != value
        }
    config["ExposedPorts"].update({port: {} for port in container["HostConfig"].get("PortBindings") or {}})
    defaults = set(image_config.get("Env") or [])
    config["Env"] = [entry for entry in config.get("Env") or [] if entry not in defaults]
    _drop_default_command(config, image_config)
    _drop_default_health_check(config, image_config)
    if config.get("Hostname") == container["Id"][:12] or _shares_network(container):
        config.pop("Hostname", None)
    if _shares_network(container):
        config.pop("ExposedPorts", None)
    return config


def _drop_default_command(config: Json, image_config: Json) -> None:
    """A container with its own entry point does not inherit the image's command, so an equal command is kept there."""
    if (config.get("Entrypoint") or None) != (image_config.get("Entrypoint") or None):
        return
    config.pop("Entrypoint", None)
    if (config.get("Cmd") or None) == (image_config.get("Cmd") or None):
        config.pop("Cmd", None)


def _drop_default_health_check(config: Json, image_config: Json) -> None:
    """The engine fills in a health check field by field."""
    defaults = image_config.get("Healthcheck") or {}
    own = {
        key: value
        for key, value in (config.pop("Healthcheck", None) or {}).items()
        if value and value != defaults.get(key)
    }
    if own:
        config["Healthcheck"] = own


def _shares_network(container: Json) -> bool:
    return (container["HostConfig"].get("NetworkMode") or "").startswith("container:")


def changed_env(entries: list[str], changes: t.Mapping[str, str | None]) -> list[str]:
    """Return ``entries`` with variables replaced in place, added at the end, or (None) taken out."""
    names = [entry.partition("=")[0] for entry in entries]
    kept = [
        entry if name not in changes else f"{name}={changes[name]}"
        for name, entry in zip(names, entries)
        if changes.get(name, "") is not None
    ]
    return kept + [f"{name}={value}" for name, value in changes.items() if value is not None and name not in names]


def host_config(container: Json) -> Json:
    """Return the host settings of the replacement: the same, with anonymous volumes named so that it gets the same
    ones."""
    host = copy.deepcopy(container["HostConfig"])
    host.pop("ContainerIDFile", None)
    if host.get("Links"):
        host["Links"] = [_link(entry) for entry in host["Links"]]
    volumes = {
        mount["Destination"]: mount
        for mount in container.get("Mounts") or []
        if mount.get("Type") == "volume" and mount.get("Name")
    }
    for mount in host.get("Mounts") or []:
        found = volumes.pop(mount.get("Target"), None)
        if mount.get("Type") == "volume" and not mount.get("Source") and found:
            mount["Source"] = found["Name"]
    for bind in host.get("Binds") or []:
        volumes.pop(bind.split(":")[1], None)
    anonymous = [
        f"{mount['Name']}:{destination}:{'rw' if mount.get('RW', True) else 'ro'}"
        for destination, mount in sorted(volumes.items())
    ]
    if anonymous:
        host["Binds"] = (host.get("Binds") or []) + anonymous
    return host


def _link(entry: str) -> str:
    """The engine shows a link as ``/other:/this/alias`` and takes it as ``other:alias``."""
    other, _colon, alias = entry.partition(":")
    return f"{other.lstrip('/')}:{alias.rpartition('/')[2]}"


def endpoints_of(container: Json) -> dict[str, Json]:
    """Return how the container is attached to each of the user's networks, as the engine takes it.

    A container that was cut off its own network is attached to it again, a Compose container under its service's name.
    """
    found: dict[str, Json] = {}
    for network, endpoint in (container["NetworkSettings"].get("Networks") or {}).items():
        if network in BUILT_IN_MODES:
            continue
        kept = {name: endpoint[name] for name in ENDPOINT_FIELDS if (endpoint or {}).get(name)}
        aliases = [alias for alias in (endpoint or {}).get("Aliases") or [] if alias != container["Id"][:12]]
        found[network] = {**kept, "Aliases": aliases} if aliases else kept
    mode = container["HostConfig"].get("NetworkMode") or "default"
    if (
        mode not in found
        and mode not in BUILT_IN_MODES
        and not _shares_network(container)
        and not _is_attached(container, mode)
    ):
        service = select.labels_of(container).get(select.SERVICE)
        found[mode] = {"Aliases": [service]} if service else {}
    return found


def _is_attached(container: Json, network_id: str) -> bool:
    networks = (container["NetworkSettings"].get("Networks") or {}).values()
    return any((endpoint or {}).get("NetworkID") == network_id for endpoint in networks)


def primary_network(container: Json, endpoints: dict[str, Json]) -> str | None:
    """Return the network the replacement is made in; None for one of the engine's own modes."""
    mode = container["HostConfig"].get("NetworkMode") or "default"
    if mode in endpoints:
        return mode
    for network, endpoint in (container["NetworkSettings"].get("Networks") or {}).items():
        if network in endpoints and (endpoint or {}).get("NetworkID") == mode:
            return network
    return None
