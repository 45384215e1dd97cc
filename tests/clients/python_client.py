"""The official Python client, as a driver for run.py (which says what a driver reads and prints)."""

import asyncio
import json
import logging
import sys
import time

import mcp_types as types
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError

MODES = {"auto": "auto", "modern": "2026-07-28", "legacy": "legacy"}

complaints: list[str] = []


class Complaints(logging.Handler):
    """The client does not fail on a line it cannot parse or a status it did not expect: it logs."""

    def emit(self, record: logging.LogRecord) -> None:
        complaints.append(f"{record.name}: {record.getMessage()}")


async def on_message(message: object) -> None:
    if isinstance(message, Exception):
        complaints.append(f"{type(message).__name__}: {message}")


def say(**line: object) -> None:
    print(json.dumps(line), flush=True)


def plain(model: types.Result) -> object:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


async def server_info(client: Client) -> object:
    if client.server_info is not None:
        info, capabilities = client.server_info, client.server_capabilities
    else:
        # A client that is told the revision sends no request of its own before the first call.
        raw = await client.session.send_discover(client.protocol_version)
        capabilities = types.DiscoverResult.model_validate(raw).capabilities
        info = types.Implementation.model_validate(raw["_meta"]["io.modelcontextprotocol/serverInfo"])
    return {"serverInfo": plain(info), "capabilities": plain(capabilities)}


def reference(step: dict) -> types.PromptReference | types.ResourceTemplateReference:
    if "prompt" in step:
        return types.PromptReference(type="ref/prompt", name=step["prompt"])
    return types.ResourceTemplateReference(type="ref/resource", uri=step["template"])


async def perform(client: Client, step: dict) -> object:
    match step["do"]:
        case "server_info":
            return await server_info(client)
        case "list_tools":
            return plain(await client.list_tools())
        case "call_tool":
            return plain(await client.call_tool(step["name"], step["arguments"]))
        case "list_resources":
            return plain(await client.list_resources())
        case "list_resource_templates":
            return plain(await client.list_resource_templates())
        case "read_resource":
            return plain(await client.read_resource(step["uri"]))
        case "list_prompts":
            return plain(await client.list_prompts())
        case "get_prompt":
            return plain(await client.get_prompt(step["name"], step["arguments"]))
        case "complete":
            argument = {"name": step["argument"], "value": step["value"]}
            return plain(await client.complete(reference(step), argument, step.get("context")))
    raise ValueError(f"no such step: {step['do']}")


async def attempt(client: Client, step: dict) -> None:
    try:
        say(result=await perform(client, step))
    except MCPError as error:
        say(error={"code": error.error.code, "message": error.error.message})
    except Exception as error:
        say(error={"message": f"{type(error).__name__}: {error}"})


async def main() -> None:
    logging.getLogger().addHandler(Complaints(logging.WARNING))
    job = json.load(sys.stdin)
    server = job["url"] if "url" in job else StdioServerParameters(command=job["command"][0], args=job["command"][1:])
    async with Client(
        server, mode=MODES[job["mode"]], message_handler=on_message, read_timeout_seconds=20
    ) as client:
        say(connected=client.protocol_version)
        for step in job["steps"]:
            await attempt(client, step)
        closing = time.monotonic()
    say(closed={"seconds": time.monotonic() - closing, "complaints": complaints})


asyncio.run(main())
