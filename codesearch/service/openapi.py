"""The description of the HTTP interface: an OpenAPI 3.1 document made from the models, and a page of it."""

from __future__ import annotations

from html import escape
from typing import Any

from codesearch import __version__
from codesearch.service.operations import OPERATIONS, Operation

_ERRORS = {
    "400": "A parameter that cannot be served; `error` says what to do next.",
    "401": "The token is missing or wrong.",
    "403": "Another host name, or a page of another origin.",
    "404": "There is no index yet.",
    "503": "Too many requests wait; come back after `Retry-After` seconds.",
    "504": "The answer took too long.",
}


def openapi_document() -> dict[str, Any]:
    """The document; every operation may be asked by GET with parameters or by POST with a JSON object."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "codesearch", "version": __version__, "license": {"name": "MIT"}},
        "paths": {f"/v1/{operation.name}": _path(operation) for operation in OPERATIONS},
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def openapi_page() -> str:
    """The same for a person, as HTML without a script."""
    rows = []
    for operation in OPERATIONS:
        rows.append(f"<h2>/v1/{operation.name}</h2><p>{escape(operation.model.__doc__ or '')}</p><table>")
        for name, schema, is_required in _parameters(operation):
            default = "required" if is_required else escape(repr(schema.get("default")))
            kind = schema.get("type") or ""
            if "enum" in schema:
                kind = ", ".join(map(str, schema["enum"]))
            rows.append(
                f"<tr><th scope=row>{name}<td>{escape(kind)}<td>{default}"
                f"<td>{escape(schema.get('description', ''))}"
            )
        rows.append("</table>")
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>codesearch HTTP interface</title>"
        '<meta name=viewport content="width=device-width"><link rel=stylesheet href=/page/style.css>'
        "<main class=docs><h1>HTTP interface</h1><p>GET with parameters, a list by repeating its name, or"
        " POST with a JSON object. Answers are what <code>--format json</code> prints; errors are"
        ' <code>{"error": …}</code>. Agents: MCP at <code>/mcp</code>. Programs:'
        " <a href=/openapi.json>openapi.json</a>.</p>" + "".join(rows) + "</main></html>"
    )


def _path(operation: Operation) -> dict[str, Any]:
    responses: dict[str, Any] = {"200": {"description": "The answer.", "content": {"application/json": {}}}}
    responses |= {code: {"description": text} for code, text in _ERRORS.items()}
    summary = operation.model.__doc__
    parameters = [
        {
            "name": name,
            "in": "query",
            "required": is_required,
            "description": schema.get("description", ""),
            "schema": {key: value for key, value in schema.items() if key not in ("title", "description")},
        }
        for name, schema, is_required in _parameters(operation)
    ]
    body = {
        "required": True,
        "content": {"application/json": {"schema": operation.model.model_json_schema()}},
    }
    common: dict[str, Any] = {"summary": summary, "responses": responses, "security": [{}, {"token": []}]}
    return {
        "get": {"operationId": operation.name, "parameters": parameters, **common},
        "post": {"operationId": f"{operation.name}_post", "requestBody": body, **common},
    }


def _parameters(operation: Operation) -> list[tuple[str, dict[str, Any], bool]]:
    schema = operation.model.model_json_schema()
    required = schema.get("required", ())
    return [(name, each, name in required) for name, each in schema.get("properties", {}).items()]
