"""A release that starts, and dies while the workers load it: this route has a syntax error."""

from flask import Blueprint, jsonify

reports = Blueprint("reports", __name__)


@reports.get("/api/reports/sales")
def sales()
    return jsonify(total=0)
