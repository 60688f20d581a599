"""The AWS part as `up --with aws`, `down` and `break` see it."""

from __future__ import annotations

from lablib.background import BackgroundProcess, python_with
from lablib.faults.model import Lab
from lablib.health import status_of
from lablib.part import Part
from lablib.settings import LAB_DIRECTORY, Settings

REGION = "us-east-2"
HEALTH_PATH = "/_ministack/health"


def _double(settings: Settings) -> BackgroundProcess:
    return BackgroundProcess("double", settings.state / "aws")


def endpoint(settings: Settings) -> str:
    return settings.url("aws")


def environment(settings: Settings) -> dict[str, str]:
    """Environment of an AWS client of the lab: the double takes any credentials, so these are no secret."""
    return {
        "AWS_ENDPOINT_URL": endpoint(settings),
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def bring_up(lab: Lab) -> None:
    settings = lab.settings
    _double(settings).start(
        [python_with("ministack"), "-m", "ministack"],
        env={
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(settings.port("aws")),
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "false",  # it would take a port of its own, on every address
            "DOCKER_HOST": lab.docker.host,
        },
        ready=lambda: status_of(endpoint(settings) + HEALTH_PATH) == 200,
        cwd=LAB_DIRECTORY,
    )


def take_down(lab: Lab) -> None:
    _double(lab.settings).stop()


PART = Part(
    name="aws",
    bring_up=bring_up,
    take_down=take_down,
    is_up=lambda lab: _double(lab.settings).runs(),
    faults=(),
    environment=environment,
    addresses=lambda settings: {"aws": endpoint(settings)},
)
