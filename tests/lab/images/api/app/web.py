"""The HTTP interface: health, version, metrics, login, and orders."""

from __future__ import annotations

import datetime
import logging

import jwt
import psycopg2
from flask import Flask, Response, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest, multiprocess
from werkzeug.security import check_password_hash

from . import health, release
from .database import transaction
from .orders import orders
from .settings import read_settings

try:
    from .reports import reports
except ModuleNotFoundError:  # not every release has the reports
    reports = None

REQUESTS = Counter(
    "orders_http_requests_total", "Answers given, by method, path and status", ["method", "path", "status"]
)
TOKEN_LIFETIME = datetime.timedelta(hours=1)
log = logging.getLogger("gunicorn.error")


def create_app() -> Flask:
    app = Flask("orders")
    settings = read_settings()
    app.config["ORDERS"] = settings
    app.register_blueprint(orders)
    if reports is not None:
        app.register_blueprint(reports)

    @app.get("/api/health")
    def health_check() -> tuple[Response, int]:
        problems = health.check(settings)
        for name, problem in problems.items():
            if problem and problem != health.NOT_CHECKED:
                log.error("health check failed: %s: %s", name, problem)
        healthy = not any(problems.values())
        body = {
            "status": "ok" if healthy else "failing",
            "checks": {name: problem or "ok" for name, problem in problems.items()},
        }
        return jsonify(body), 200 if healthy else 503

    @app.get("/api/version")
    def version() -> Response:
        return jsonify(version=release.VERSION, schema=release.SCHEMA)

    @app.get("/metrics")
    def metrics() -> Response:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    @app.post("/api/login")
    def login() -> tuple[Response, int]:
        given = request.get_json(silent=True) or {}
        name, password = str(given.get("name", "")), str(given.get("password", ""))
        with transaction(settings.database_url) as cursor:
            cursor.execute("SELECT password_hash FROM users WHERE name = %s", (name,))
            user = cursor.fetchone()
        if user is None or not check_password_hash(user["password_hash"], password):
            return jsonify(error="unknown name or wrong password"), 401
        expires = datetime.datetime.now(datetime.UTC) + TOKEN_LIFETIME
        return jsonify(token=jwt.encode({"sub": name, "exp": expires}, settings.jwt_secret, algorithm="HS256")), 200

    @app.after_request
    def count(response: Response) -> Response:
        REQUESTS.labels(
            request.method, request.url_rule.rule if request.url_rule else "unknown", response.status_code
        ).inc()
        return response

    @app.errorhandler(psycopg2.Error)
    def database_error(error: psycopg2.Error) -> tuple[Response, int]:
        log.error("database error: %s", " ".join(str(error).split()))
        return jsonify(error="the database cannot be used"), 503

    return app
