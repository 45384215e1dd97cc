"""The official Python client, which logs in: python_login.py URL MODE [CLIENT]

Without the id of a client it registers itself, and calls `whoami` of the example `auth`. With one it then calls `add_note`,
for which it needs a second login, and `whoami` again. It prints the results and the scopes of its logins as JSON.

A client that registers itself asks for the scopes of its first login, and oidc-provider never grants it others.
"""

import asyncio
import json
import sys
import urllib.parse

from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata

import browser

CALLBACK = "http://127.0.0.1:9/callback"
MODES = {"modern": "2026-07-28", "legacy": "legacy"}


class Memory:
    tokens = None
    client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


def texts(result):
    return [block.text for block in result.content]


async def main(url, mode, registered=None):
    asked = []
    back = {}

    async def redirect(to):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(to).query))
        asked.append({"scope": query.get("scope"), "resource": query.get("resource")})
        back["url"] = await asyncio.to_thread(browser.follow, to, CALLBACK)

    async def callback():
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back["url"]).query))
        return AuthorizationCodeResult(code=query["code"], state=query.get("state"), iss=query.get("iss"))

    metadata = OAuthClientMetadata(client_name="test", redirect_uris=[CALLBACK], token_endpoint_auth_method="none")
    memory = Memory()
    if registered:
        memory.client = OAuthClientInformationFull(
            client_id=registered, redirect_uris=[CALLBACK], token_endpoint_auth_method="none"
        )
    provider = OAuthClientProvider(url, metadata, memory, redirect, callback)
    async with create_mcp_http_client(auth=provider) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=MODES[mode], read_timeout_seconds=20) as client:
            results = {"before": texts(await client.call_tool("whoami", {}))}
            if registered:
                added = await client.call_tool("add_note", {"text": "a note"})
                results["added"] = not added.is_error
                results["after"] = texts(await client.call_tool("whoami", {}))
    print(json.dumps({**results, "asked": asked}))


asyncio.run(main(*sys.argv[1:]))
