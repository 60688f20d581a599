"""The AWS part as `up --with aws`, `down` and `break` see it."""

from __future__ import annotations

from lablib.part import Part
from lablib.settings import Settings

from . import site
from .definitions import REGION
from .faults import FAULTS


def environment(settings: Settings) -> dict[str, str]:
    """Environment of an AWS client of the lab: the double takes any credentials, so these are no secret."""
    return {
        "AWS_ENDPOINT_URL": settings.url("aws"),
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def addresses(settings: Settings) -> dict[str, str]:
    return {
        "aws": settings.url("aws"),
        "ecs api": site.api_url(settings, "/api/health"),
        "ecs db": f"127.0.0.1:{settings.port('ecs_database')}",
    }


PART = Part(
    name="aws",
    bring_up=site.bring_up,
    take_down=site.take_down,
    is_up=lambda lab: site.process(lab.settings).runs(),
    faults=FAULTS,
    environment=environment,
    addresses=addresses,
)
