"""Faults between the users and a healthy API: the proxy."""

from __future__ import annotations

from ..images import PYTHON
from ..settings import LABEL
from ..shell import LabError
from ..stack import FAULT_LABEL, compose
from ..state_files import PROXY_SITE, write_file
from .model import Fault, Lab

MOST_ADDRESSES = 5


def _disconnect(lab: Lab) -> None:
    lab.docker.run("network", "disconnect", f"{lab.settings.project}_default", lab.settings.container("proxy"))


def _break_configuration(lab: Lab) -> None:
    broken = PROXY_SITE.read_text(encoding="utf-8").replace("proxy_connect_timeout", "proxy_conect_timeout")
    write_file(lab.settings.state / "proxy" / "site.conf", broken)
    lab.docker.run("restart", "--time", "2", lab.settings.container("proxy"))


def _move_api(lab: Lab) -> None:
    """Recreate the API at another address: others take its old one while it is away."""
    old = lab.address("api")
    lab.docker.run("rm", "--force", lab.api)
    labels = ("--label", f"{LABEL}={lab.settings.project}", "--label", f"{FAULT_LABEL}=proxy-stale")
    network = f"{lab.settings.project}_default"
    squatters = []
    for number in range(MOST_ADDRESSES):
        name = f"{lab.settings.project}-squatter-{number}"
        lab.docker.run(
            "run", "--detach", "--name", name, *labels, "--network", network, PYTHON.reference, "sleep", "infinity"
        )
        squatters.append(name)
        if lab.docker.inspect(name)[0]["NetworkSettings"]["Networks"][network]["IPAddress"] == old:
            break
    compose(lab.docker, lab.settings, "up", "--detach", "--quiet-pull", "api")
    lab.docker.run("rm", "--force", *squatters)
    if lab.address("api") == old:
        raise LabError(f"the engine gave the API its old address {old} again")


def _unreached(lab: Lab) -> bool:
    """The API is well and its users cannot reach it."""
    return lab.is_up() and not lab.reaches_users()


FAULTS = (
    Fault(
        name="proxy-off-network",
        services=("proxy",),
        summary="disconnects the proxy from the network",
        cause="proxy_off_network",
        inject=_disconnect,
        symptom=_unreached,
    ),
    Fault(
        name="proxy-config-invalid",
        services=("proxy",),
        summary="breaks the proxy's configuration and restarts it, so that it ends",
        cause="proxy_config_invalid",
        inject=_break_configuration,
        symptom=lambda lab: _unreached(lab) and lab.has_ended("proxy"),
    ),
    Fault(
        name="proxy-stale",
        services=("proxy",),
        summary="gives the API a new address, which the proxy does not notice",
        cause="proxy_stale",
        inject=_move_api,
        symptom=_unreached,
    ),
)
