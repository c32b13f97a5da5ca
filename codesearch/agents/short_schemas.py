"""The SDK's server as agents are best served: short schemas, and arguments taken as agents write them."""

from __future__ import annotations

from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import Tool
from pydantic import ValidationError

from codesearch.agents.tool_advice import ToolAdvice
from codesearch.render.sanitize import label
from indexer.errors import CodesearchError

_MAX_LISTED_NAMES = 24
"""More repositories are not listed in each schema; `status` and the instructions name them."""


class Server(MCPServer[Any]):
    """The SDK's server with short schemas: an agent pays for every word of them in each session."""

    advice: ToolAdvice = ToolAdvice({}, can_refresh=False)
    """What its errors say of the repositories that may be named."""

    async def list_tools(self) -> list[Tool]:
        """The tools, their schemas without the titles that repeat the names, with the repositories' names."""
        tools = await super().list_tools()
        return [
            tool.model_copy(
                update={"input_schema": _with_names(_untitled(tool.input_schema), tuple(self.advice.roots))}
            )
            for tool in tools
        ]

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
        """Call a tool with arguments as agents write them: null is the default, one string a list of one.

        A parameter that the tool lacks is refused, where the SDK would pass over it. The engine's errors are
        told, so that an agent reads what to do next.
        """
        for tool in await super().list_tools():
            if tool.name == name:
                arguments = _plain_arguments(name, tool.input_schema, arguments)
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            if isinstance(error.__cause__, ValidationError):
                raise ToolError(_argument_problem(name, error.__cause__)) from None
            if isinstance(error.__cause__, CodesearchError):
                told = self.advice.told(str(error.__cause__), arguments)
                raise ToolError(f"{error}: {told}") from None
            raise


def _plain_arguments(name: str, schema: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    known = schema.get("properties", {})
    unknown = [label(key) for key in arguments if key not in known]
    if unknown:
        raise ToolError(f"{name} has no parameter {', '.join(unknown)}; it has {', '.join(known)}.")
    plain = {}
    for key, value in arguments.items():
        is_list = known[key].get("type") == "array"
        if value is None:
            continue
        if is_list and isinstance(value, str) and not value.lstrip().startswith("["):
            value = [value] if value.strip() else []
        plain[key] = value
    return plain


def _argument_problem(name: str, error: ValidationError) -> str:
    """The first thing wrong with the arguments of a call, as one sentence."""
    first = error.errors(include_url=False)[0]
    where = label(str(first["loc"][0])) if first["loc"] else "its arguments"
    if first["type"] == "missing":
        return f"{name} needs {where}."
    what = str(first["msg"]).removeprefix("Value error, ").replace("Input should", "should")
    given = label(repr(first["input"]))[:80]
    return f"{name}: {where} {what}, not {given}."


def _with_names(schema: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """A tool's schema in which a repository is one of those there are, unless these are many."""
    properties = dict(schema.get("properties", {}))
    if len(names) > _MAX_LISTED_NAMES:
        return schema
    if "repo" in properties:
        properties["repo"] = {k: v for k, v in properties["repo"].items() if k != "default"}
        properties["repo"]["enum"] = list(names)
    if "repositories" in properties:
        items = {"type": "string", "enum": [*names, "*"]}
        properties["repositories"] = properties["repositories"] | {"items": items}
    return schema | {"properties": properties}


def _untitled(schema: Any) -> Any:
    """A JSON schema without the titles that pydantic makes from names."""
    if isinstance(schema, list):
        return [_untitled(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _untitled(value) for key, value in schema.items() if key != "title" or not isinstance(value, str)
    }
