"""Calls the server of the chapter "Coming from FastMCP"."""

import asyncio

import fastmcp_server
from fastmcp import Client


async def main():
    async with Client(fastmcp_server.mcp) as client:
        weather = await client.call_tool("forecast", {"city": "Paris"})
        assert weather.structured_content == {"temperature": 21.5, "sunny": True}, weather
        nowhere = await client.call_tool("forecast", {"city": "Atlantis"}, raise_on_error=False)
        assert nowhere.is_error and "Atlantis" in nowhere.content[0].text, nowhere
        copied = await client.call_tool("copy", {"files": ["a"]})
        assert copied.data == "copied 1 files", copied
        now = await client.read_resource("weather://Paris/now")
        assert now[0].text == "It is sunny in Paris.", now
        trip = await client.get_prompt("trip", {"city": "Paris"})
        assert "Paris" in trip.messages[0].content.text, trip


asyncio.run(main())
