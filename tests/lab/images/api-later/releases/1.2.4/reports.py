"""Reports, new in this release: each keeps a connection to the database for a minute, or until its process is gone."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify

from .database import transaction

reports = Blueprint("reports", __name__)


@reports.get("/api/reports/sales")
def sales() -> Response:
    with transaction(current_app.config["ORDERS"].database_url) as cursor:
        cursor.execute("SET LOCAL client_connection_check_interval = '1s'")
        cursor.execute("SELECT pg_sleep(60)")
    return jsonify(sales="as yesterday")
