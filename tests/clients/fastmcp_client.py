"""The driver for FastMCP's client. run.py documents the input and output of drivers.

FastMCP's client is built on the official Python client, which has its own driver. This driver covers only what FastMCP
adds: a Python class for each form.
"""

import asyncio
import json
import logging
import sys
import time

from fastmcp import Client
from fastmcp.client.elicitation import ElicitRequestParams, ElicitResult
from fastmcp.client.transports import StdioTransport
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel

MODES = {"auto": "auto", "modern": "2026-07-28", "legacy": "legacy"}

complaints: list[str] = []
questions: list[object] = []
answers: list[dict] = []


class Complaints(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        complaints.append(f"{record.name}: {record.getMessage()}")


async def on_message(message: object) -> None:
    if isinstance(message, Exception):
        complaints.append(f"{type(message).__name__}: {message}")


async def on_question(message: str, form: type, params: ElicitRequestParams, context: object) -> object:
    questions.append({"message": message, "requestedSchema": params.requested_schema})
    answer = answers.pop(0)
    if answer["action"] == "accept":
        return form(**answer["content"])
    return ElicitResult(action=answer["action"])


def say(**line: object) -> None:
    print(json.dumps(line), flush=True)


def plain(model: BaseModel) -> object:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


async def perform(client: Client, step: dict) -> object:
    match step["do"]:
        case "call_tool":
            answers[:] = step.get("answers", [])
            return plain(await client.call_tool_mcp(step["name"], step["arguments"]))
        case "take_questions":
            taken = questions.copy()
            questions.clear()
            return {"questions": taken}
        case "read_resource":
            return plain(await client.read_resource_mcp(step["uri"]))
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
    if "url" in job:
        server = job["url"]
    else:
        server = StdioTransport(job["command"][0], job["command"][1:], keep_alive=False)
    async with Client(
        server, mode=MODES[job["mode"]], message_handler=on_message, elicitation_handler=on_question, timeout=20
    ) as client:
        say(connected=client.protocol_version)
        for step in job["steps"]:
            await attempt(client, step)
        closing = time.monotonic()
    say(closed={"seconds": time.monotonic() - closing, "complaints": complaints})


asyncio.run(main())
