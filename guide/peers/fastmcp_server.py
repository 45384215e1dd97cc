"""The server of the chapter "Coming from FastMCP", as it is written with FastMCP."""

from typing import Annotated, Literal

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from pydantic import BaseModel, Field

mcp = FastMCP("weather")


class Weather(BaseModel):
    temperature: float
    sunny: bool


@mcp.tool
async def forecast(
    city: Annotated[str, Field(description="The city, such as Paris.")],
    days: Annotated[int, Field(ge=1, le=10)] = 3,
    unit: Literal["celsius", "fahrenheit"] = "celsius",
) -> Weather:
    """Tell what the weather will be."""
    if city == "Atlantis":
        raise ToolError("there is no weather station in Atlantis")
    return Weather(temperature=21.5, sunny=days < 5)


@mcp.tool
async def copy(files: list[str], ctx: Context) -> str:
    """Copy some files."""
    for done, file in enumerate(files):
        await ctx.report_progress(done, len(files), file)
    return f"copied {len(files)} files"


@mcp.resource("weather://{city}/now")
def now(city: str) -> str:
    """The weather in a city."""
    return f"It is sunny in {city}."


@mcp.prompt
def trip(city: str) -> str:
    """Plan a trip."""
    return f"Plan a trip to {city}. Look at the weather first."


if __name__ == "__main__":
    mcp.run()
