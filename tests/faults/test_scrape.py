"""Recovered also means scraped again, where a Prometheus is declared.

The Prometheus here is a double: it answers the one query of the HTTP API with a fixed value. The real one differs in that
its value follows its own scrape interval.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import world


@contextmanager
def prometheus(value: str) -> Iterator[str]:
    """Answer /api/v1/query with ``value``; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path.startswith("/api/v1/query?query=up%7Bjob%3D%22api%22%7D")
            body = {
                "status": "success",
                "data": {"resultType": "vector", "result": [{"value": [0, value]}] if known else []},
            }
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *arguments: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


@pytest.mark.parametrize(("value", "verdict"), [("1", "recovered"), ("0", "not_recovered")])
def test_the_scrape_target_decides_too(clean_lab, workplace, value, verdict) -> None:
    world.break_it("api-stopped")
    with prometheus(value) as address:
        scraped = {"url": address, "query": 'up{job="api"}'}
        run = workplace.run(target="api", service_prometheus=scraped, api_down_scrape_deadline=1)
    assert run.result["verdict"] == verdict, run.output[-3000:]
    assert world.answers()
