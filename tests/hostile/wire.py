"""Messages, connections and server processes for the attacks."""

import asyncio
import json
import os
import resource
import socket
import time
from dataclasses import dataclass

REVISION = "2026-07-28"
# A backtrace of each panic would measure the memory of the debug information.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "RUST_BACKTRACE"}
META = {
    "io.modelcontextprotocol/protocolVersion": REVISION,
    "io.modelcontextprotocol/clientCapabilities": {},
}


def request(tool, arguments, id=1):
    """A call of a tool, as bytes."""
    params = {"name": tool, "arguments": arguments, "_meta": META}
    message = {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}
    return json.dumps(message).encode()


def method(name, params, id=1):
    """Another request of the newest revision, as bytes."""
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": name, "params": {**params, "_meta": META}}).encode()


def initialize(id=1):
    """The first request of a legacy session, as bytes."""
    params = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "hostile", "version": "1"},
    }
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": "initialize", "params": params}).encode()


def http(body, tool=None, name=None, extra=""):
    """An HTTP request with a message; `name` is its method if it calls no tool."""
    headers = ""
    if tool or name:
        headers = f"MCP-Protocol-Version: {REVISION}\r\nMcp-Method: {name or 'tools/call'}\r\n"
    if tool:
        headers += f"Mcp-Name: {tool}\r\n"
    head = (
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Accept: application/json, text/event-stream\r\nContent-Length: {len(body)}\r\n{headers}{extra}\r\n"
    )
    return head.encode() + body


def call(tool, arguments, id=1):
    """An HTTP request that calls a tool."""
    return http(request(tool, arguments, id), tool)


ADD = call("add", {"a": 1, "b": 2})


async def response(reader):
    """The status and the body of the next response. The status is 0 if the connection ends instead."""
    try:
        # A client ignores interim responses.
        while (head := await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 1"):
            pass
    except (asyncio.IncompleteReadError, ConnectionError):
        return 0, b""
    lines = head.decode("latin-1").lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
    try:
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(await reader.readline(), 16):
                body += await reader.readexactly(size)
                await reader.readline()
            await reader.readline()
        else:
            body = await reader.readexactly(int(headers.get("content-length", 0)))
    except (asyncio.IncompleteReadError, ConnectionError, ValueError):
        return 0, b""
    return int(lines[0].split()[1]), body


# The address of the other client: a server may count the connections and calls of each address.
ELSEWHERE = ("127.0.0.2", 0)


async def once(address, message, timeout=30):
    """Sends a request on a new connection. Returns the status and the body; the status is 0 without a response."""
    source = ELSEWHERE if message is ADD else None
    writer = None
    try:
        reader, writer = await asyncio.open_connection(*address, limit=8 << 20, local_addr=source)
        writer.write(message)
        return await asyncio.wait_for(response(reader), timeout)
    except (OSError, asyncio.TimeoutError):
        return 0, b""
    finally:
        if writer:
            writer.close()


def is_sum(status, body):
    """Whether this is the response to `ADD`."""
    return status == 200 and b'"result"' in body and b"3" in body


def is_ready(arguments, status, body):
    """Whether a started server answers `ADD`, which has no key."""
    return status == 401 if "keys" in arguments else is_sum(status, body)


async def closed_after(reader, seconds):
    """The time until the server closes a connection, or None if it stays open this long."""
    begin = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            while await reader.read(1 << 16):
                pass
    except TimeoutError:
        return None
    except ConnectionError:
        pass
    return time.monotonic() - begin


@dataclass
class Subject:
    """A server under attack."""

    name: str
    program: str

    async def over_http(self, files=None, port=None, arguments=()):
        """Starts the server on HTTP, with a limit of open files."""
        if port is None:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
        limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))) if files else None
        process = await asyncio.create_subprocess_exec(
            self.program, *arguments, "--http", f"127.0.0.1:{port}",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            preexec_fn=limit, env=ENVIRONMENT,
        )
        server = Server(process, ("127.0.0.1", port))
        begin = time.monotonic()
        while not is_ready(arguments, *await once(server.address, ADD, 5)):
            if time.monotonic() - begin > 60 or process.returncode is not None:
                raise RuntimeError(f"{self.name} does not answer")
            await asyncio.sleep(0.02)
        return server

    async def over_stdio(self):
        """Starts the server on stdio."""
        process = await asyncio.create_subprocess_exec(
            self.program, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL, limit=64 << 20, env=ENVIRONMENT,
        )
        return Server(process, None)


class Server:
    """A running server, and its memory."""

    def __init__(self, process, address):
        self.process = process
        self.address = address

    def memory(self, peak=False):
        """The resident memory in MB."""
        try:
            status = open(f"/proc/{self.process.pid}/status").read()
        except OSError:
            return 0.0
        wanted = "VmHWM:" if peak else "VmRSS:"
        lines = [line for line in status.splitlines() if line.startswith(wanted)]
        return int(lines[0].split()[1]) / 1024 if lines else 0.0

    def reset_peak(self):
        """Begins a new measurement of the peak."""
        with open(f"/proc/{self.process.pid}/clear_refs", "w") as file:
            file.write("5")

    def is_alive(self):
        return self.process.returncode is None and os.path.exists(f"/proc/{self.process.pid}/fd")

    async def end(self):
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


class Bystander:
    """Another client, which calls a tool every 50 ms on new connections during an attack."""

    def __init__(self, address):
        self.address = address
        self.times = []
        self.failed = 0

    async def __aenter__(self):
        self.task = asyncio.create_task(self.run())
        return self

    async def run(self):
        while True:
            begin = time.monotonic()
            if is_sum(*await once(self.address, ADD, 20)):
                self.times.append(time.monotonic() - begin)
            else:
                self.failed += 1
            await asyncio.sleep(0.05)

    async def __aexit__(self, *_):
        self.task.cancel()
