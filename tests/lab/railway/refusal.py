"""Errors of the API, which reach the client in an answer with HTTP status 200."""

from __future__ import annotations

NOT_AUTHORIZED = "Not Authorized"


class Refused(Exception):
    """An operation was not done; the text and the code (GraphQL's extensions.code) are for the client."""

    def __init__(self, message: str, code: str = "INTERNAL_SERVER_ERROR") -> None:
        super().__init__(message)
        self.extensions = {"code": code}
