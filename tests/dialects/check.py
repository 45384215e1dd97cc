"""Reads schemas with the libraries of Google and OpenAI, which refuse what their APIs do not have."""

import copy
import json
import sys
from pathlib import Path

from google.genai import types
from openai.lib._pydantic import _ensure_strict_json_schema


def gemini(tool):
    """The declaration of the function refuses unknown keywords, and enums that are not of texts."""
    types.FunctionDeclaration(
        name=tool["name"],
        description=tool.get("description"),
        parameters=types.Schema.model_validate(tool["inputSchema"]),
    )


def openai(tool):
    """The library makes schemas strict: one that is strict does not change."""
    schema = tool["inputSchema"]
    strict = _ensure_strict_json_schema(copy.deepcopy(schema), path=(), root=copy.deepcopy(schema))
    assert strict == schema, f"{tool['name']}: {schema} became {strict}"


def fails(check, schema):
    """Returns True if a schema is refused, so that the checks can fail."""
    try:
        check({"name": "wrong", "inputSchema": schema})
    except Exception:
        return True
    return False


def main():
    folder = Path(sys.argv[1])
    optional = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert fails(openai, optional)
    assert fails(gemini, {"type": "object", "properties": {"a": {"type": "integer", "exclusiveMinimum": 0}}})
    for name, check in [("gemini", gemini), ("openai", openai)]:
        tools = json.loads((folder / f"{name}.json").read_text())
        assert len(tools) > 80, len(tools)
        for tool in tools:
            check(tool)
        print(f"{name}: {len(tools)} schemas are read")


main()
