"""The attacks. Each returns what it saw in words, and the problems that the server of this project must not have."""

import asyncio
import json
import time

from principals import interleaved
from wire import ADD, Bystander, call, closed_after, http, initialize, is_sum, method, once, request, response

# How long a connection is watched, in seconds. The limits of this project's server are 10 s for a header and 30 s for a body.
WATCHED = 36
CONNECTIONS = 200
# What the memory of a server may grow by, in MB.
GROWTH = 64


def share(count, total):
    return f"{count} of {total}"


def times(closed):
    """When connections were closed, in words."""
    open_still = sum(time is None for time in closed)
    if open_still == len(closed):
        return f"all {len(closed)} open after {WATCHED} s"
    last = max(time for time in closed if time is not None)
    return f"closed after {last:.1f} s at most" + (f", {open_still} open after {WATCHED} s" if open_still else "")


async def drip(address, head):
    """Sends a part of a request, then a byte each second, and returns when the server closes the connection."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(head)
    closed = asyncio.create_task(closed_after(reader, WATCHED))
    while not closed.done():
        try:
            writer.write(b"x")
            await writer.drain()
        except ConnectionError:
            pass
        await asyncio.wait([closed], timeout=1)
    writer.close()
    return closed.result()


async def slow_header(server):
    head = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
    closed = await asyncio.gather(*(drip(server.address, head) for _ in range(CONNECTIONS)))
    return times(closed), ["open"] if None in closed else []


async def slow_body(server):
    head = http(b" " * 1000, "add")[:-1000]
    closed = await asyncio.gather(*(drip(server.address, head) for _ in range(CONNECTIONS)))
    return times(closed), ["open"] if None in closed else []


async def unread(address, message):
    """Sends a request whose response is never read. Returns when the server closes the connection."""
    reader, writer = await asyncio.open_connection(*address, limit=1)
    writer.write(message)
    await writer.drain()
    begin = time.monotonic()
    while time.monotonic() - begin < WATCHED:
        await asyncio.sleep(1)
        # A reset is noticed only by writing.
        writer.write(b"\r\n")
        if writer.is_closing():
            return time.monotonic() - begin
    writer.transport.abort()
    return None


async def slow_reader(server):
    message = call("text", {"bytes": 2_000_000})
    closed = await asyncio.gather(*(unread(server.address, message) for _ in range(50)))
    return times(closed), []


async def half_close(server):
    """The client ends its half of the connection after a complete request."""
    answered = 0
    for _ in range(50):
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(call("wait", {"milliseconds": 20}))
        writer.write_eof()
        status, _ = await asyncio.wait_for(response(reader), 20)
        answered += status == 200
        writer.close()
    return f"{share(answered, 50)} answered, the others closed", [] if answered == 50 else ["not answered"]


async def statuses(server, message, count, at_once, seconds=None):
    """Sends a request many times, on connections of their own. Returns how often each status came.

    With `seconds`, no request is sent after this time; the status of the others is -1.
    """
    gate = asyncio.Semaphore(at_once)
    begin = time.monotonic()
    seen = {}

    async def one():
        status = -1
        async with gate:
            if seconds is None or time.monotonic() - begin < seconds:
                status, _ = await once(server.address, message, 20)
        seen[status] = seen.get(status, 0) + 1

    await asyncio.gather(*(one() for _ in range(count)))
    return seen


def told(seen):
    names = {0: "closed or silent", -1: "not sent"}
    return ", ".join(f"{count} × {names.get(status, status)}" for status, count in sorted(seen.items()))


async def call_flood(server):
    return told(await statuses(server, call("wait", {"milliseconds": 3000}), 3000, 3000)), []


async def initialize_flood(server):
    return told(await statuses(server, http(initialize()), 5000, 50)), []


async def listen_flood(server):
    """Streams of subscriptions that are never closed."""
    message = http(method("subscriptions/listen", {"notifications": {"toolsListChanged": True}}), name="subscriptions/listen")
    seen, writers = {}, []
    for _ in range(900):
        try:
            reader, writer = await asyncio.open_connection(*server.address)
            writers.append(writer)
            writer.write(message)
            line = await asyncio.wait_for(reader.readline(), 10)
            status = int(line.split()[1]) if line else 0
        except (OSError, asyncio.TimeoutError):
            status = 0
        seen[status] = seen.get(status, 0) + 1
    await asyncio.sleep(1)
    for writer in writers:
        writer.close()
    return told(seen), []


async def duplicate_ids(server):
    seen = await statuses(server, call("wait", {"milliseconds": 300}, "the same"), 200, 200)
    return told(seen), [] if seen.get(200) == 200 else ["an id that is used twice was not answered"]


async def huge_id(server):
    seen = await statuses(server, call("add", {"a": 1, "b": 2}, "x" * 1_000_000), 50, 10)
    return told(seen), []


async def deep_json(server):
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":' + b"[" * 500_000 + b"]" * 500_000 + b"}"
    seen = await statuses(server, http(body, "add"), 20, 4)
    return told(seen), [] if set(seen) <= {400, 413} else ["deep JSON was not refused"]


async def panic_storm(server):
    # A server that does not answer a panic keeps each client for 20 s.
    seen = await statuses(server, call("panics", {}), 1000, 50, 25)
    return told(seen), [] if seen.get(200) == 1000 else ["a panic was not answered"]


async def many_connections(server):
    """The server may open 64 files."""
    opened = []
    for _ in range(200):
        try:
            opened.append(await asyncio.wait_for(asyncio.open_connection(*server.address), 2))
        except (OSError, asyncio.TimeoutError):
            pass
    await asyncio.sleep(1)
    for _, writer in opened:
        writer.close()
    begin = time.monotonic()
    while not is_sum(*await once(server.address, ADD, 2)):
        if time.monotonic() - begin > 30:
            return "not served for 30 s after the connections ended", ["hung"]
        await asyncio.sleep(0.05)
    return f"served {time.monotonic() - begin:.1f} s after the connections ended", []


async def killed(subject):
    """SIGKILL while calls run, and a restart on the same port."""
    server = await subject.over_http()
    running = [asyncio.create_task(once(server.address, call("wait", {"milliseconds": 5000}))) for _ in range(50)]
    await asyncio.sleep(0.3)
    await server.end()
    ended = await asyncio.gather(*running)
    begin = time.monotonic()
    again = await subject.over_http(port=server.address[1])
    seconds = time.monotonic() - begin
    await again.end()
    cut = sum(status == 0 for status, _ in ended)
    return f"{share(cut, 50)} calls ended at once; served again after {seconds * 1000:.0f} ms", []


async def lines_until(server, id, seconds=60):
    """Reads lines until the reply with this id. Returns the number of the other lines, or None without this reply."""
    count = 0
    try:
        async with asyncio.timeout(seconds):
            while line := await server.process.stdout.readline():
                if json.loads(line).get("id") == id:
                    return count
                count += 1
    except (TimeoutError, ValueError):
        pass
    return None


async def write(server, data):
    """Writes to stdin. The server may end before it has read all."""
    try:
        server.process.stdin.write(data)
        await server.process.stdin.drain()
    except (ConnectionError, BrokenPipeError):
        pass


async def served(server, seconds=60):
    """Calls a tool over stdio. Returns the problem in words if there is no reply."""
    await write(server, request("add", {"a": 1, "b": 2}, "last") + b"\n")
    count = await lines_until(server, "last", seconds)
    if count is not None:
        return f"then served ({count} lines before)", []
    alive = "hung" if server.is_alive() else "the process ended"
    return alive, [alive]


async def huge_line(server, size=1 << 30):
    piece = b"x" * (1 << 20)
    begin = time.monotonic()
    for _ in range(size >> 20):
        await write(server, piece)
        if not server.is_alive():
            break
    await write(server, b"\n")
    told, problems = await served(server)
    return f"{told}, after {time.monotonic() - begin:.1f} s", problems


async def cancel_storm(server, count=100_000):
    """A long call and a cancellation of it, many times; most ids are unknown."""
    begin = time.monotonic()
    reading = asyncio.create_task(lines_until(server, "last", 120))
    for start in range(0, count, 1000):
        lines = []
        for number in range(start, start + 1000):
            if number % 10 == 0:
                lines.append(request("wait", {"milliseconds": 60_000}, number))
            cancel = {"requestId": number, "reason": "storm", "_meta": {}}
            lines.append(json.dumps({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancel}).encode())
        await write(server, b"\n".join(lines) + b"\n")
    await write(server, request("add", {"a": 1, "b": 2}, "last") + b"\n")
    others = await reading
    if others is None:
        alive = "hung" if server.is_alive() else "the process ended"
        return alive, [alive]
    return f"served after {time.monotonic() - begin:.1f} s ({others} replies to cancelled calls)", []


async def stdio_panics(server):
    for number in range(1000):
        await write(server, request("panics", {}, number) + b"\n")
    return await served(server, 40)


async def stdio_flood(server):
    for number in range(20_000):
        await write(server, request("wait", {"milliseconds": 1000}, number) + b"\n")
    return await served(server)


# The name, the function, and the limit of open files of the server.
OVER_HTTP = [
    ("200 slow headers", slow_header, None),
    ("200 slow bodies", slow_body, None),
    ("50 clients that do not read 2 MB", slow_reader, None),
    ("50 half-closed connections", half_close, None),
    ("3,000 calls of 3 s at once", call_flood, None),
    ("5,000 `initialize`", initialize_flood, None),
    ("900 `subscriptions/listen`", listen_flood, None),
    ("200 calls with one id at once", duplicate_ids, None),
    ("50 ids of 1 MB", huge_id, None),
    ("20 messages of 500,000 nested arrays", deep_json, None),
    ("1,000 panics", panic_storm, None),
    ("200 connections with `ulimit -n 64`", many_connections, 64),
]
OVER_STDIO = [
    ("1 GiB without a line break", huge_line),
    ("100,000 cancellations, 10,000 calls", cancel_storm),
    ("1,000 panics", stdio_panics),
    ("20,000 calls of 1 s", stdio_flood),
]


async def over_http(subject, attack, files):
    """Runs an attack beside another client. Returns what both saw, and the problems."""
    server = await subject.over_http(files)
    try:
        before = server.memory()
        server.reset_peak()
        async with Bystander(server.address) as bystander:
            told, problems = await attack(server)
        grown = server.memory(peak=True) - before
        failed = bystander.failed if files is None else 0
        if not server.is_alive():
            problems.append("the process ended")
        if not is_sum(*await once(server.address, ADD)):
            problems.append("not served afterwards")
        if failed:
            problems.append(f"{failed} calls of another client failed")
        if grown > GROWTH:
            problems.append(f"+{grown:.0f} MB")
        latency = f"{max(bystander.times, default=0) * 1000:.0f} ms"
        latency += f", {bystander.failed} failed" if bystander.failed else ""
        return [told, latency, f"+{grown:.0f} MB", problems]
    finally:
        await server.end()


async def principals(subject):
    """Two callers with keys."""
    server = await subject.over_http(arguments=["keys"])
    try:
        told, problems = await interleaved(server)
        return [told, "", "", problems]
    finally:
        await server.end()


async def over_stdio(subject, attack):
    server = await subject.over_stdio()
    try:
        await write(server, request("add", {"a": 1, "b": 2}, "last") + b"\n")
        if await lines_until(server, "last") is None:
            raise RuntimeError(f"{subject.name} does not answer")
        before = server.memory()
        server.reset_peak()
        told, problems = await attack(server)
        grown = server.memory(peak=True) - before
        if grown > GROWTH:
            problems.append(f"+{grown:.0f} MB")
        return [told, "", f"+{grown:.0f} MB", problems]
    finally:
        await server.end()
