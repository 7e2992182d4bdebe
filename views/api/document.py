"""The OpenAPI 3.1 document, made from the endpoints and schemas that serve."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, fields

from views.api.guard import Endpoint
from views.api.problems import KIND, ROOT
from views.api.table import ENDPOINTS

ABOUT = (
    "Orders, customers, stock, shipments and payments of one shop. Amounts are baht as text (“390.00”), moments are"
    " RFC 3339. Every POST needs an Idempotency-Key: the same key with the same body is answered the same and done"
    " once."
)
REFUSALS = {
    400: "The request cannot be read; ``errors`` names the fields", 401: "No key, or one that is unknown or revoked",
    403: "The key may not do this", 404: "There is no such thing, or it is not this key's to see",
    409: "Not possible at this moment; ``retryable`` says whether to try again", 413: "The body is too large",
    422: "What was sent cannot be used, or the Idempotency-Key was used for another body",
    429: "Too many requests of this key",
}  # fmt: skip


class FieldProblem(Schema):
    """One field that is wrong."""

    field = fields.String()
    code = fields.String(required=True)
    detail = fields.String(required=True)


class ProblemOut(Schema):
    """Why a request was refused (RFC 9457). ``code`` is for programs and never reused, ``detail`` for people."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    code = fields.String(required=True)
    detail = fields.String(required=True)
    request_id = fields.String(required=True)
    retryable = fields.Boolean()
    errors = fields.List(fields.Nested(FieldProblem))


def _name(schema: Any) -> str:
    found: str = (schema if isinstance(schema, type) else type(schema)).__name__
    return found.removesuffix("Out")


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """The document as JSON can hold it."""
    spec = APISpec(
        title="Ruam", version="1", openapi_version="3.1.0", info={"description": ABOUT},
        servers=[{"url": ROOT}], plugins=[MarshmallowPlugin(schema_name_resolver=_name)],
        security=[{"key": []}],
    )  # fmt: skip
    spec.components.security_scheme("key", {"type": "http", "scheme": "bearer"})
    for endpoint in ENDPOINTS:
        path = re.sub(r"<int:(\w+)>", r"{\1}", endpoint.path)
        spec.path(path=path, operations={endpoint.method.lower(): _operation(endpoint)})
    made: dict[str, Any] = spec.to_dict()
    for schema in made["components"]["schemas"].values():
        if schema.get("additionalProperties") is not True:
            schema["additionalProperties"] = False
    return made


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    parameters: list[Any] = [
        {
            "in": "path",
            "name": name,
            "required": True,
            "schema": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
        }
        for name in re.findall(r"<int:(\w+)>", endpoint.path)
    ]
    if endpoint.query is not None:
        parameters.append({"in": "query", "schema": type(endpoint.query)})
    operation: dict[str, Any] = {
        "operationId": endpoint.name, "summary": endpoint.summary, "tags": [endpoint.tag], "parameters": parameters,
        "description": f"Needs the permission ``{endpoint.action}``.", "responses": _responses(endpoint),
    }  # fmt: skip
    if endpoint.body is not None:
        parameters.append({
            "in": "header", "name": "Idempotency-Key", "required": True,
            "schema": {"type": "string", "minLength": 1, "maxLength": 80, "pattern": "^[!-~]+$"},
        })  # fmt: skip
        content = {"application/json": {"schema": type(endpoint.body)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    good = {"description": endpoint.summary, "content": {"application/json": {"schema": endpoint.answer}}}
    refused = {
        str(status): {"description": words, "content": {KIND: {"schema": ProblemOut}}}
        for status, words in REFUSALS.items()
        if endpoint.body is not None or status not in {409, 413, 422}
    }
    return {**{str(status): good for status in endpoint.statuses}, **refused}
