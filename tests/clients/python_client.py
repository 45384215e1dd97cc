"""The driver for the official Python client. run.py documents the input and output of drivers."""

import asyncio
import json
import logging
import re
import sys
import time
from contextlib import AsyncExitStack

import mcp_types as types
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel

MODES = {"auto": "auto", "modern": "2026-07-28", "legacy": "legacy"}

CHANGES = re.compile("notifications/(tools|prompts|resources)/(list_changed|updated)")
# All times are in seconds.
CHANGES_TIMEOUT = 10.0
# The time that the client may take to open the session's notification stream; it does not report when the stream is
# open.
STREAM_OPENING_TIME = 1.0
# The time to wait for unexpected notifications; a later one counts as not sent.
QUIET_TIME = 0.3

complaints: list[str] = []
changes: list[object] = []
questions: list[object] = []
answers: list[dict] = []


class Complaints(logging.Handler):
    """Collects warnings: the client only logs lines that it cannot parse and unexpected HTTP statuses."""

    def emit(self, record: logging.LogRecord) -> None:
        complaints.append(f"{record.name}: {record.getMessage()}")


async def on_message(message: object) -> None:
    if isinstance(message, Exception):
        complaints.append(f"{type(message).__name__}: {message}")
    elif CHANGES.match(getattr(message, "method", "")):
        changes.append(plain(message))


async def on_question(context: object, params: types.ElicitRequestParams) -> types.ElicitResult:
    questions.append({"message": params.message, "requestedSchema": params.requested_schema})
    return types.ElicitResult.model_validate(answers.pop(0))


def say(**line: object) -> None:
    print(json.dumps(line), flush=True)


def plain(model: BaseModel) -> object:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


async def server_info(client: Client) -> object:
    if client.server_info is not None:
        info, capabilities = client.server_info, client.server_capabilities
    else:
        # A client with a pinned revision sends no request of its own before the first call.
        raw = await client.session.send_discover(client.protocol_version)
        capabilities = types.DiscoverResult.model_validate(raw).capabilities
        info = types.Implementation.model_validate(raw["_meta"]["io.modelcontextprotocol/serverInfo"])
    return {"serverInfo": plain(info), "capabilities": plain(capabilities)}


def reference(step: dict) -> types.PromptReference | types.ResourceTemplateReference:
    if "prompt" in step:
        return types.PromptReference(type="ref/prompt", name=step["prompt"])
    return types.ResourceTemplateReference(type="ref/resource", uri=step["template"])


listening = AsyncExitStack()


async def watch(client: Client, uris: list[str]) -> object:
    if client.protocol_version == MODES["modern"]:
        stream = client.listen(tools_list_changed=True, resource_subscriptions=uris)
        return {"honored": plain((await listening.enter_async_context(stream)).honored)}
    for uri in uris:
        await client.subscribe_resource(uri)
    await asyncio.sleep(STREAM_OPENING_TIME)
    return {}


async def unwatch(client: Client, uris: list[str]) -> object:
    if client.protocol_version == MODES["modern"]:
        await listening.aclose()
        # The client sends the cancellation in the background: the next request may be sent first.
        await asyncio.sleep(QUIET_TIME)
    else:
        for uri in uris:
            await client.unsubscribe_resource(uri)
    return {}


async def take_changes(count: int) -> object:
    """Returns the changes since the last call. Waits for `count` changes, and includes any unexpected ones."""
    deadline = time.monotonic() + CHANGES_TIMEOUT
    while len(changes) < count and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    await asyncio.sleep(QUIET_TIME)
    taken = changes.copy()
    changes.clear()
    return {"changes": taken}


def take_questions() -> object:
    """Returns the questions to the user since the last call."""
    taken = questions.copy()
    questions.clear()
    return {"questions": taken}


async def on_progress(progress: float, total: float | None, message: str | None) -> None:
    pass


async def perform(client: Client, step: dict) -> object:
    match step["do"]:
        case "watch":
            return await watch(client, step["uris"])
        case "unwatch":
            return await unwatch(client, step["uris"])
        case "take_changes":
            return await take_changes(step["count"])
        case "take_questions":
            return take_questions()
        case "set_logging_level":
            return plain(await client.set_logging_level(step["level"]))
        case "server_info":
            return await server_info(client)
        case "list_tools":
            return plain(await client.list_tools())
        case "call_tool":
            answers[:] = step.get("answers", [])
            progress = {"progress_callback": on_progress} if step.get("progress") else {}
            return plain(await client.call_tool(step["name"], step["arguments"], meta=step.get("meta"), **progress))
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
        server,
        mode=MODES[job["mode"]],
        message_handler=on_message,
        elicitation_callback=on_question,
        read_timeout_seconds=job.get("timeout", 20),
    ) as client:
        say(connected=client.protocol_version)
        for step in job["steps"]:
            await attempt(client, step)
        closing = time.monotonic()
    say(closed={"seconds": time.monotonic() - closing, "complaints": complaints})


asyncio.run(main())
