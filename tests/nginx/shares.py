"""Floods a server behind nginx as one client, and calls it meanwhile as others: nobody may take the share of another.

The clients have addresses of their own, which nginx forwards. All requests reach the server from one address of this machine.
"""

import argparse
import asyncio
import json
import pathlib
import resource
import sys
import tempfile
import time

from processes import HttpServer, free_address
from proxied import Nginx

REVISION = "2026-07-28"
META = {"io.modelcontextprotocol/protocolVersion": REVISION, "io.modelcontextprotocol/clientCapabilities": {}}
# The other clients.
OTHERS = [f"203.0.113.{number}" for number in range(1, 6)]
# The time within which the others must be served, in seconds.
PROMPT = 2
# Who a forger pretends to be.
FORGED = "198.51.100.200"
# The limits of one caller.
IN_FLIGHT = 256
LISTENERS = 32
BURST = 1000


def request(method, name, params, forwarded=None):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": META}})
    forged = f"X-Forwarded-For: {forwarded}\r\n" if forwarded else ""
    named = f"Mcp-Name: {name}\r\n" if name else ""
    return (
        f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {REVISION}\r\nMcp-Method: {method}\r\n"
        f"{named}{forged}\r\n{body}"
    ).encode()


def wait(milliseconds, forwarded=None):
    return request("tools/call", "wait", {"name": "wait", "arguments": {"milliseconds": milliseconds}}, forwarded)


def listen(forwarded=None):
    return request("subscriptions/listen", None, {"notifications": {"toolsListChanged": True}}, forwarded)


class Client:
    """Connections of one address through nginx."""

    def __init__(self, nginx, address):
        self.nginx = nginx
        self.address = address
        self.writers = []

    async def send(self, message):
        """Sends a request on a new connection, which stays open. Returns its reader."""
        host, port = self.nginx.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        self.writers.append(writer)
        writer.write(f"PROXY TCP4 {self.address} 127.0.0.1 4711 80\r\n".encode() + message)
        return reader

    async def status(self, message):
        """Sends a request and returns the status of its response."""
        line = await (await self.send(message)).readline()
        return int(line.split()[1]) if line else 0

    def close(self):
        for writer in self.writers:
            writer.close()
        self.writers = []


class Run:
    """The problems of all cases, and the slowest call of the others."""

    def __init__(self, nginx):
        self.nginx = nginx
        self.problems = []
        self.slowest = 0

    def expect(self, what, found, expected):
        if found != expected:
            self.problems.append(f"{what}: {found} instead of {expected}")

    async def others(self, case):
        """Calls a tool as each of the others, and subscribes."""
        for address in OTHERS:
            client = Client(self.nginx, address)
            for message in [wait(1), listen()]:
                begin = time.monotonic()
                self.expect(f"{case}: the status of {address}", await client.status(message), 200)
                self.slowest = max(self.slowest, time.monotonic() - begin)
            client.close()

    async def forger(self, case, address, message):
        """Sends a request whose header names another client."""
        client = Client(self.nginx, address)
        self.expect(f"{case}: the status of a forger", await client.status(message), 429)
        client.close()


async def statuses(client, message, count):
    """Returns the statuses of the requests that are answered within five seconds."""
    running = [asyncio.create_task(client.status(message)) for _ in range(count)]
    done, waiting = await asyncio.wait(running, timeout=5)
    for task in waiting:
        task.cancel()
    return [task.result() for task in done], len(waiting)


async def started(nginx):
    """Waits until nginx accepts connections."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            _, writer = await asyncio.open_connection(*nginx.split(":"))
            return writer.close()
        except OSError:
            await asyncio.sleep(0.05)
    sys.exit("nginx does not listen")


async def calls(run):
    """More calls than a caller may have in flight."""
    client = Client(run.nginx, "198.51.100.1")
    answered, waiting = await statuses(client, wait(60_000), IN_FLIGHT + 64)
    # Two threads of the server may each accept one call at the same time.
    if not IN_FLIGHT <= waiting <= IN_FLIGHT + 4:
        run.problems.append(f"calls that run: {waiting} instead of {IN_FLIGHT}")
    run.expect("calls that are refused", set(answered), {429})
    await run.others("calls")
    await run.forger("calls", client.address, wait(1, FORGED))
    client.close()


async def subscriptions(run):
    """More subscriptions than a caller may have."""
    client = Client(run.nginx, "198.51.100.2")
    answered = [await client.status(listen()) for _ in range(LISTENERS + 8)]
    run.expect("subscriptions", answered, [200] * LISTENERS + [429] * 8)
    await run.others("subscriptions")
    await run.forger("subscriptions", client.address, listen(FORGED))
    client.close()


async def connections(run):
    """Many connections with a part of a request, and many without any."""
    client = Client(run.nginx, "198.51.100.3")
    for message in [b"", wait(1)[:200], wait(1)[:-1]]:
        for _ in range(700):
            await client.send(message)
    await run.others("connections")
    client.close()


def in_session(message, session=None, forwarded=None):
    """A message, or a batch, of the revision with batches."""
    body = json.dumps(message)
    named = f"Mcp-Session-Id: {session}\r\n" if session else ""
    forged = f"X-Forwarded-For: {forwarded}\r\n" if forwarded else ""
    return (
        f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"Accept: application/json, text/event-stream\r\nConnection: close\r\n{named}{forged}\r\n{body}"
    ).encode()


async def rate(run):
    """More requests than the rate of a caller allows: in batches, which are faster than the rate on every machine."""
    client = Client(run.nginx, "198.51.100.4")
    params = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "shares", "version": "1"}}
    opening = in_session({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
    head = (await (await client.send(opening)).read()).decode()
    session = next(line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("mcp-session-id: "))
    batch = [{"jsonrpc": "2.0", "id": number, "method": "ping"} for number in range(64)]

    async def send(forwarded=None):
        """Returns the number of answered and of refused requests of a batch."""
        text = await (await client.send(in_session(batch, session, forwarded))).read()
        return text.count(b'"result":'), text.count(b"Too many requests")

    sent = await asyncio.gather(*(send() for _ in range(40)))
    answered, refused = (sum(column) for column in zip(*sent))
    print(f"a flood of {answered + refused} requests: {refused} were refused")
    if answered < BURST or not refused or answered + refused != 40 * 64:
        run.problems.append(f"rate: {answered} of {40 * 64} requests were answered, {refused} refused")
    await run.others("rate")
    if not (await send(FORGED))[1]:
        run.problems.append("rate: a forger is not limited")
    client.close()


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", type=pathlib.Path, required=True, help="the built stopping-server")
    options = parser.parse_args()
    server = HttpServer([str(options.server.absolute())])
    with tempfile.TemporaryDirectory() as directory:
        addresses = {"server": server.address, "nginx": free_address()}
        nginx = Nginx(pathlib.Path(directory), addresses, "shares.conf")
        run = Run(nginx.address)
        try:
            run.problems += server.wait_until_healthy()
            await started(nginx.address)
            for case in [calls, subscriptions, connections, rate]:
                await case(run)
                # The server notices the disconnects.
                await asyncio.sleep(0.5)
        finally:
            nginx.stop()
            run.problems += server.stop()
    if run.slowest > PROMPT:
        run.problems.append(f"the slowest call of another client took {run.slowest:.1f} s")
    for problem in run.problems:
        print(f"FAILED {problem}")
    print(f"4 floods through nginx, {len(run.problems)} failures; slowest call of another client: {run.slowest * 1000:.0f} ms")
    sys.exit(bool(run.problems))


if __name__ == "__main__":
    # The floods need more connections than the usual limit of open files allows.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16384), hard))
    asyncio.run(main())
