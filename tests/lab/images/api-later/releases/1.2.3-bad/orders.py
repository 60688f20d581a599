"""A release that is healthy and of no use: a rewritten view fails at every request for orders."""

from __future__ import annotations

from flask import Blueprint, jsonify

orders = Blueprint("orders", __name__, url_prefix="/api/orders")


@orders.get("")
def list_orders():
    page = {"size": 20}
    return jsonify(orders=[], limit=page["limit"])
