"""The operations of the served OpenAPI document: their parameters and bodies, with generated examples."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from flask import Flask

Path = tuple[str, ...]


@dataclass(frozen=True)
class Operation:
    """One operation. ``path`` follows the project id in the URL; its parameters are in braces."""

    method: str
    path: str
    body: Any
    queries: tuple[str, ...]
    ids: tuple[str, ...]

    def at(self, **ids: str) -> str:
        """Return the path with these ids; the other ids are of no existing resource."""
        return self.path.format(**{name: ids.get(name, "none") for name in self.ids})


def documented_operations(app: Flask) -> list[Operation]:
    """Return the operations in the document of an application."""
    document: dict[str, Any] = app.test_client().get("/openapi.json").json
    found = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method == "parameters":
                continue
            told = [*item.get("parameters", ()), *operation.get("parameters", ())]
            names = {place: [p["name"] for p in told if p["in"] == place] for place in ("path", "query")}
            taken = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            found.append(
                Operation(
                    method.upper(),
                    path.removeprefix("/v3/{project_id}"),
                    _example_value(document, taken["schema"]) if taken else None,
                    tuple(names["query"]),
                    tuple(name for name in names["path"] if name != "project_id"),
                )
            )
    return found


def value_paths(body: Any, at: Path = ()) -> Iterator[Path]:
    """Yield the path to every value inside a body."""
    yield at
    if isinstance(body, dict):
        for key, inner in body.items():
            yield from value_paths(inner, (*at, key))


def replace_value(body: Any, at: Path, value: Any) -> Any:
    """Return the body with another value at one path."""
    if not at:
        return value
    changed = deepcopy(body)
    inner = changed
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = value
    return changed


def _example_value(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    """Return a value that roughly fits a schema, with every property of the schema."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for many in ("allOf", "oneOf", "anyOf"):
        if many in schema:
            return _example_value(document, schema[many][0])
    if "enum" in schema:
        return schema["enum"][0]
    if "properties" in schema:
        return {name: _example_value(document, inner) for name, inner in schema["properties"].items()}
    kinds = {"object": {}, "array": [], "integer": 1, "number": 1, "boolean": False, "string": "x"}
    return schema.get("example", kinds.get(schema.get("type", "")))
