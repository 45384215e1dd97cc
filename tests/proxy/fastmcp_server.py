"""A server of FastMCP, with components of each kind."""

import asyncio

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from mcp.types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult, ToolAnnotations
from pydantic import BaseModel

server = FastMCP("fastmcp", version="1.0.0", instructions="Plans trips.")


class Sum(BaseModel):
    total: float


@server.tool(title="Addition", annotations=ToolAnnotations(read_only_hint=True, idempotent_hint=False), meta={"com.example/cost": 1})
def add(a: float, b: float = 1.5) -> Sum:
    """Add two numbers."""
    return Sum(total=a + b)


@server.tool
async def steps(count: int, context: Context) -> str:
    """Count, and report the progress."""
    for step in range(count):
        await context.report_progress(step + 1, count, f"step {step + 1}")
        # The client notes the progress before the result.
        await asyncio.sleep(0.05)
    return f"{count} steps"


@server.tool
def fail() -> str:
    """Fail."""
    raise ToolError("the train is late")


@server.tool
async def book(place: str, context: Context):
    """Book a trip, after a question for the day."""
    message = f"When to {place}?"
    if context.request_context.protocol_version < "2026":
        answer = await context.elicit(message, str)
        return f"{place}: {answer.action} {getattr(answer, 'data', '-')}"
    if context.input_responses is None:
        schema = {"type": "object", "properties": {"value": {"type": "string"}}, "required": ["value"]}
        params = ElicitRequestFormParams(message=message, requested_schema=schema)
        return InputRequiredResult(input_requests={"day": ElicitRequest(params=params)}, request_state=place)
    answer = context.input_responses["day"]
    return f"{context.request_state}: {answer.action} {(answer.content or {}).get('value', '-')}"


@server.resource("trips://all", name="All trips", mime_type="text/plain")
def all_trips() -> str:
    return "Oslo, Rome"


@server.resource("trips://{place}/days", name="The days of a trip", mime_type="application/json")
def days(place: str) -> dict:
    return {"place": place, "days": [1, 2]}


@server.prompt(title="A plan")
def plan(place: str, days: str = "3") -> str:
    """Plan a trip."""
    return f"Plan {days} days in {place}."


server.run(show_banner=False)
