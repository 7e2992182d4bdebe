"""Puts the endpoints and their document under ``/api/v1``. No session, no cookie: a key in a header."""

from __future__ import annotations

from flask import Flask, jsonify
from werkzeug.wrappers import Response

from views import web
from views.api.guard import tell_count, view_of
from views.api.problems import ROOT
from views.api.table import ENDPOINTS

DOCUMENT = "api_document"


def described() -> Response:
    """The OpenAPI document; it holds no secret and needs no key."""
    from views.api.document import document

    answer: Response = jsonify(document())
    answer.headers["Cache-Control"] = "public, max-age=300"
    return answer


def install(app: Flask) -> None:
    """The addresses."""
    app.after_request(tell_count)
    for endpoint in ENDPOINTS:
        view = view_of(endpoint)
        name = f"api_{endpoint.name}"
        app.add_url_rule(ROOT + endpoint.path, name, view, methods=[endpoint.method], provide_automatic_options=False)
        app.extensions["csrf"].exempt(view)
        web.public(app, name)
    app.add_url_rule(f"{ROOT}/openapi.json", DOCUMENT, described)
    web.public(app, DOCUMENT)
