"""Answers GraphQL strictly: every question is checked against the schema, and its cost can be counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    execute_sync,
    get_named_type,
    is_composite_type,
    parse,
    validate,
)
from werkzeug.wrappers import Request

from views.sandbox.book import Refusal

MUTATION = 10


def asked(request: Request) -> tuple[str, dict[str, Any]]:
    """The question and its variables. Raises Refusal."""
    body = request.get_json(silent=True)
    if request.method != "POST" or not isinstance(body, dict) or not isinstance(body.get("query"), str):
        raise Refusal(400, {"errors": [{"message": "query missing", "extensions": {"code": "BAD_REQUEST"}}]})
    return body["query"], dict(body.get("variables") or {})


def checked(schema: GraphQLSchema, query: str) -> tuple[DocumentNode | None, list[dict[str, Any]]]:
    """The question as a tree, or what is wrong with it."""
    try:
        tree = parse(query)
    except GraphQLError as wrong:
        return None, [told(wrong, "GRAPHQL_PARSE_FAILED")]
    wrongs = validate(schema, tree)
    return tree, [told(wrong, "GRAPHQL_VALIDATION_FAILED") for wrong in wrongs]


def told(wrong: GraphQLError, code: str = "INTERNAL_SERVER_ERROR") -> dict[str, Any]:
    """An error as it is sent; its own code counts when it has one."""
    own = dict(wrong.extensions or {})
    return {"message": wrong.message, "path": wrong.path, "extensions": {"code": code} | own}


def answered(schema: GraphQLSchema, tree: DocumentNode, root: Any, variables: Mapping[str, Any]) -> dict[str, Any]:
    """What a good question brings. A variable that does not fit is the asker's fault, anything else is ours."""
    done = execute_sync(schema, tree, root, variable_values=dict(variables))
    body: dict[str, Any] = {"data": done.data}
    if done.errors:
        body["errors"] = [told(e, "BAD_USER_INPUT" if e.path is None else "INTERNAL_SERVER_ERROR") for e in done.errors]
    return body


def no(code: str, message: str) -> GraphQLError:
    """An error with a code of the platform's own."""
    return GraphQLError(message, extensions={"code": code})


class Cost:
    """What a question costs at most: one point an object, a connection two and what its page holds."""

    def __init__(self, schema: GraphQLSchema, tree: DocumentNode, variables: Mapping[str, Any]) -> None:
        self.schema, self.variables = schema, variables
        self.fragments = {d.name.value: d for d in tree.definitions if isinstance(d, FragmentDefinitionNode)}
        self.operation = next(d for d in tree.definitions if isinstance(d, OperationDefinitionNode))

    def points(self) -> int:
        """All of it."""
        mutation = self.operation.operation is OperationType.MUTATION
        root = self.schema.mutation_type if mutation else self.schema.query_type
        return (MUTATION if mutation else 0) + self._of(self.operation.selection_set, root)

    def _of(self, chosen: SelectionSetNode | None, kind: Any) -> int:
        total = 0
        for part in chosen.selections if chosen else ():
            if isinstance(part, FieldNode):
                total += self._field(part, kind)
            elif isinstance(part, InlineFragmentNode):
                named = part.type_condition.name.value if part.type_condition else ""
                total += self._of(part.selection_set, self.schema.type_map.get(named, kind))
            elif isinstance(part, FragmentSpreadNode):
                fragment = self.fragments[part.name.value]
                total += self._of(fragment.selection_set, self.schema.type_map[fragment.type_condition.name.value])
        return total

    def _field(self, node: FieldNode, kind: Any) -> int:
        known = kind.fields.get(node.name.value) if hasattr(kind, "fields") else None
        if known is None or not is_composite_type(inner := get_named_type(known.type)):
            return 0
        below, many = self._of(node.selection_set, inner), self._many(node)
        if isinstance(inner, GraphQLObjectType) and inner.name.endswith("Connection"):
            return 2 + (many or 1) * below
        return (many or 1) * (1 + below)

    def _many(self, node: FieldNode) -> int:
        for argument in node.arguments or ():
            if argument.name.value == "first" and isinstance(argument.value, IntValueNode):
                return int(argument.value.value)
            if argument.name.value == "ids":
                return max((len(v) for v in self.variables.values() if isinstance(v, list)), default=1)
        return 0


def objects(found: Any) -> int:
    """How many objects an answer really has."""
    if isinstance(found, dict):
        return 1 + sum(objects(value) for value in found.values())
    return sum(objects(value) for value in found) if isinstance(found, list) else 0
