"""A stubbed connection: botocore checks every request and answer against the model of ECS, and none leaves the machine."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from botocore.exceptions import StubResponseError
from botocore.session import Session
from botocore.stub import Stubber
from ecs_scene import Scene

from ansible_collections.sre.remediation.plugins.module_utils._aws import Aws, AwsError, AwsOptions
from ansible_collections.sre.remediation.plugins.module_utils._ecs.api import Ecs


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@cache
def bare_client(service: str) -> Any:
    """A client of its own for each service, made once: reading the models is what takes time."""
    return Session().create_client(
        service, region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none"
    )


class StubbedAws(Aws):
    """Clients without a network, and what they are to be asked, in order."""

    def __init__(self, clock: Clock, **options: Any) -> None:
        super().__init__(AwsOptions(region="us-east-1", **options), clock)
        self.stubs: dict[str, Stubber] = {}

    def _make(self, service: str) -> Any:
        self.stubs[service] = Stubber(bare_client(service))
        self.stubs[service].activate()
        return self.stubs[service].client

    def call(self, client_name: str, operation: str, /, **params: Any) -> dict[str, Any]:
        """A call nobody expected must not pass for an AWS that does not answer."""
        try:
            return super().call(client_name, operation, **params)
        except AwsError as error:
            if isinstance(error.__cause__, StubResponseError):
                raise AssertionError(f"{operation} {params}: {error.__cause__}") from error
            raise

    def expect(self, operation: str, answer: dict[str, Any], /, _client: str = "ecs", **asked: Any) -> None:
        """Expect a call; ``asked`` are the parameters it must have, all of them."""
        self.client(_client)
        self.stubs[_client].add_response(operation, answer, asked or None)

    def refuse(self, operation: str, code: str, status: int = 400, service: str = "ecs", message: str = "no") -> None:
        """Expect a call that AWS refuses."""
        self.client(service)
        self.stubs[service].add_client_error(operation, code, message, status)

    def all_was_asked(self) -> None:
        for stub in self.stubs.values():
            stub.assert_no_pending_responses()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def aws(clock: Clock) -> Iterator[StubbedAws]:
    """A stubbed connection, of which everything that was expected must have been asked in the end."""
    stubbed = StubbedAws(clock)
    yield stubbed
    for stub in stubbed.stubs.values():
        stub.deactivate()
    stubbed.all_was_asked()


@pytest.fixture
def ecs(aws: StubbedAws) -> Ecs:
    return Ecs(aws, "lab", "api")


@pytest.fixture
def scene(aws, ecs, monkeypatch):
    return Scene(aws, ecs, monkeypatch)
