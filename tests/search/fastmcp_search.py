"""Prints what FastMCP's `BM25SearchTransform` finds, as JSON: the names of the first five tools for each request."""

import asyncio
import json
import sys

from fastmcp import Client, FastMCP
from fastmcp.server.transforms.search import BM25SearchTransform
from fastmcp.tools.base import Tool, ToolResult


class Generated(Tool):
    async def run(self, arguments):
        return ToolResult(content="")


async def main(tools_path, requests_path):
    server = FastMCP("search")
    with open(tools_path) as file:
        for tool in json.load(file):
            server.add_tool(
                Generated(name=tool["name"], description=tool["description"], parameters=tool["inputSchema"])
            )
    server.add_transform(BM25SearchTransform(max_results=5))
    with open(requests_path) as file:
        requests = [request for request, _ in json.load(file)]
    found = []
    async with Client(server) as client:
        for request in requests:
            result = await client.call_tool("search_tools", {"query": request})
            found.append([tool["name"] for tool in json.loads(result.content[0].text)])
    print(json.dumps(found))


asyncio.run(main(*sys.argv[1:]))
