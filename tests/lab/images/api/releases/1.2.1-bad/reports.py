"""A release that starts, and dies while the workers load it: this route imports a name that does not exist."""

from __future__ import annotations

from flask import Blueprint, jsonfy

reports = Blueprint("reports", __name__)


@reports.get("/api/reports/sales")
def sales():
    return jsonfy(total=0)
