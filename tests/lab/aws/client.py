"""A client of the double for the lab's own commands. It needs no library: they run with any Python."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from lablib.health import OPENER
from lablib.shell import LabError

TARGETS = {
    "ecs": "AmazonEC2ContainerServiceV20141113",
    "logs": "Logs_20140328",
    "secretsmanager": "secretsmanager",
    "ssm": "AmazonSSM",
}
SECONDS = 30
Data = dict[str, Any]


class AwsError(LabError):
    """The double refused a call."""

    def __init__(self, action: str, code: str, message: str) -> None:
        super().__init__(f"{action}: {code}: {message}")
        self.code = code


@dataclass(frozen=True)
class Client:
    """Calls one double."""

    endpoint: str
    region: str

    def call(self, service: str, action: str, /, **data: Any) -> Data:
        """Call an action of a service that speaks AWS's JSON protocol."""
        # The double reads the scope and checks no signature.
        scope = f"test/20260101/{self.region}/{service}/aws4_request"
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"{TARGETS[service]}.{action}",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00",
        }
        return self._send(f"{service}:{action}", "POST", "/", data, headers)

    def ecs(self, action: str, /, **data: Any) -> Data:
        return self.call("ecs", action, **data)

    def lab(self, method: str, path: str, /, **data: Any) -> Data:
        """Use the double's own interface: faults, journal, settings, baseline, reset."""
        return self._send(f"{method} {path}", method, f"/_lab/{path}", data, {"Content-Type": "application/json"})

    def _send(self, action: str, method: str, path: str, data: Data, headers: dict[str, str]) -> Data:
        body = json.dumps(data).encode()
        request = urllib.request.Request(self.endpoint + path, data=body, headers=headers, method=method)
        try:
            with OPENER.open(request, timeout=SECONDS) as answer:
                found: Data = json.loads(answer.read() or b"{}")
                return found
        except urllib.error.HTTPError as error:
            said = json.loads(error.read() or b"{}")
            code = str(said.get("__type", error.code)).rpartition("#")[2]
            raise AwsError(action, code, str(said.get("message") or said.get("Message") or said)) from None
        except OSError as error:
            raise LabError(f"the double at {self.endpoint} does not answer: {error}") from error
