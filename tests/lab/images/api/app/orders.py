"""Create, read, update and delete orders; whatever changes one needs the token of a login."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jwt
from flask import Blueprint, Response, current_app, jsonify, request

from .database import transaction

orders = Blueprint("orders", __name__, url_prefix="/api/orders")
Answer = tuple[Response, int]


def _cursor():
    return transaction(current_app.config["ORDERS"].database_url)


def needs_login(view: Callable[..., Answer]) -> Callable[..., Answer]:
    @functools.wraps(view)
    def guarded(*args: object, **kwargs: object) -> Answer:
        kind, _space, token = request.headers.get("Authorization", "").partition(" ")
        try:
            jwt.decode(token if kind == "Bearer" else "", current_app.config["ORDERS"].jwt_secret, algorithms=["HS256"])
        except jwt.InvalidTokenError as error:
            return jsonify(error=f"invalid token: {error}"), 401
        return view(*args, **kwargs)

    return guarded


def _given() -> tuple[str, int] | None:
    """Item and quantity of the request, None when they are no order."""
    given = request.get_json(silent=True) or {}
    item, quantity = given.get("item"), given.get("quantity")
    valid = (
        isinstance(item, str) and item and isinstance(quantity, int) and not isinstance(quantity, bool) and quantity > 0
    )
    return (item, quantity) if valid else None


def _one(row: dict | None, status: int = 200) -> Answer:
    return (jsonify(row), status) if row else (jsonify(error="no such order"), 404)


@orders.get("")
def list_orders() -> Answer:
    with _cursor() as cursor:
        cursor.execute("SELECT * FROM orders ORDER BY id DESC LIMIT 100")
        return jsonify(orders=cursor.fetchall(), currency=current_app.config["ORDERS"].currency), 200


@orders.get("/<int:number>")
def show_order(number: int) -> Answer:
    with _cursor() as cursor:
        cursor.execute("SELECT * FROM orders WHERE id = %s", (number,))
        return _one(cursor.fetchone())


@orders.post("")
@needs_login
def create_order() -> Answer:
    given = _given()
    if given is None:
        return jsonify(error="an order is {item: text, quantity: whole number above 0}"), 400
    with _cursor() as cursor:
        cursor.execute("INSERT INTO orders (item, quantity) VALUES (%s, %s) RETURNING *", given)
        return _one(cursor.fetchone(), 201)


@orders.put("/<int:number>")
@needs_login
def change_order(number: int) -> Answer:
    given = _given()
    if given is None:
        return jsonify(error="an order is {item: text, quantity: whole number above 0}"), 400
    with _cursor() as cursor:
        cursor.execute("UPDATE orders SET item = %s, quantity = %s WHERE id = %s RETURNING *", (*given, number))
        return _one(cursor.fetchone())


@orders.delete("/<int:number>")
@needs_login
def delete_order(number: int) -> Answer:
    with _cursor() as cursor:
        cursor.execute("DELETE FROM orders WHERE id = %s RETURNING *", (number,))
        return _one(cursor.fetchone())
