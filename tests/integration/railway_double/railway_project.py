"""A client of the Railway double that sees all of an answer, and the lab's project as a test uses it."""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lab"))

from railway.client import ControlClient  # noqa: E402

SECONDS = 60


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        return self.answer["data"]

    @property
    def answer(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def messages(self) -> list[str]:
        return [error["message"] for error in self.answer.get("errors", [])]


class Client:
    """One kind of token at one double."""

    def __init__(self, environment: dict[str, str], **headers: str) -> None:
        self.url = urllib.parse.urlsplit(environment["LAB_RAILWAY_ENDPOINT"])
        self.headers = {"Content-Type": "application/json", "User-Agent": "lab-tests/1", **headers}

    def send(self, document: str, *, timeout: float = 20, agent: str = "", **variables: Any) -> Reply:
        """Whatever comes back; exceptions of http.client when nothing does."""
        connection = http.client.HTTPConnection(self.url.hostname or "", self.url.port, timeout=timeout)
        try:
            body = json.dumps({"query": document, "variables": variables})
            headers = {**self.headers, **({"User-Agent": agent} if agent else {})}
            connection.request("POST", f"{self.url.path}?source=tests", body, headers)
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def ask(self, document: str, **variables: Any) -> Any:
        """The data of an answer without errors."""
        reply = self.send(document, **variables)
        assert reply.status == 200 and "errors" not in reply.answer, reply.body.decode()
        return reply.data


class Project:
    """The lab's project as a test uses it: the client's side and the double's own."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.control = ControlClient(environment["LAB_RAILWAY_CONTROL"])
        self.client = Client(environment, **{"Project-Access-Token": environment["RAILWAY_TOKEN"]})
        self.account = Client(environment, Authorization=f"Bearer {environment['RAILWAY_API_TOKEN']}")
        state = self.control.call("state")
        self.id, self.environment_id = state["project"], state["environment"]
        self.api, self.db = (state["services"][name]["id"] for name in ("api", "db"))
        self.lab = os.environ.get("LAB_PROJECT") or "sre-lab"
        self.volume = state["volumes"]["db-volume"]

    @property
    def place(self) -> dict[str, str]:
        return {"environmentId": self.environment_id, "serviceId": self.api}

    def deployments(self, service: str = "api") -> list[dict[str, Any]]:
        return self.control.deployments(service)

    def serving(self) -> dict[str, Any]:
        return self.control.serving("api") or {}

    def listed(self) -> list[str]:
        """Ids in the list a client gets."""
        document = "query($i: DeploymentListInput!) { deployments(input: $i) { edges { node { id } } } }"
        return [edge["node"]["id"] for edge in self.client.ask(document, i=self.place)["deployments"]["edges"]]

    def seen(self, deployment: str) -> dict[str, Any]:
        document = """query($id: String!) { deployment(id: $id) {
            id status statusUpdatedAt deploymentStopped canRollback canRedeploy meta instances { id status } } }"""
        return self.client.ask(document, id=deployment)["deployment"]

    def act(self, mutation: str, deployment: str) -> Reply:
        return self.client.send(f"mutation($id: String!) {{ {mutation}(id: $id) }}", id=deployment)

    def deploy(self) -> str:
        document = "mutation($e: String!, $s: String!) { serviceInstanceDeployV2(environmentId: $e, serviceId: $s) }"
        return self.client.ask(document, e=self.environment_id, s=self.api)["serviceInstanceDeployV2"]

    def until(self, deployment: str, *statuses: str) -> list[str]:
        """Wait for one of the statuses; all that were seen on the way."""
        met: list[str] = []

        def arrived() -> bool:
            status = next(d["status"] for d in self.deployments() if d["id"] == deployment)
            if status not in met:
                met.append(status)
            return status in statuses

        wait(arrived, f"{deployment} to be {statuses}, it was {met}")
        return met

    def version(self) -> str | int:
        """What users get: the version served, or the status of the failure, which pytest then shows with the edge's reason."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", urllib.parse.urlsplit(self.environment["LAB_RAILWAY_API_URL"]).port
        )
        try:
            connection.request("GET", "/api/version")
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                print(f"{answer.status}: {answer.getheader('X-Lab-Edge')}; {body.decode(errors='replace')}")
                return answer.status
            return json.loads(body)["version"]
        except OSError:
            return 0
        finally:
            connection.close()


def wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)
