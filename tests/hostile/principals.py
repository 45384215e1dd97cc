"""Two callers at once, one of whom knows all ids of the other: sessions, requests, questions, streams and states.

Over HTTP only, because a connection of stdio has one caller.
"""

import asyncio
import json

from wire import META, REVISION, http, initialize, request, response

# The credentials of the callers.
ADA = "ada-0123456789abcdef-0123456789abcdef"
BOB = "bob-0123456789abcdef-0123456789abcdef"
LEGACY = "2025-06-18"
ROUNDS = 10
WAIT = 600


class Caller:
    """A caller with its credentials."""

    def __init__(self, address, key):
        self.address = address
        self.authorization = f"Authorization: Bearer {key}\r\n"

    async def open(self, message):
        """Sends a request on a new connection. Returns its reader and writer."""
        reader, writer = await asyncio.open_connection(*self.address, limit=8 << 20)
        writer.write(message)
        return reader, writer

    async def send(self, message):
        """Returns the status and the body of the response, or 0 if it does not end within some seconds."""
        reader, writer = await self.open(message)
        try:
            return await asyncio.wait_for(response(reader), 15)
        except asyncio.TimeoutError:
            return 0, b""
        finally:
            writer.close()

    def modern(self, body, tool):
        return http(body, tool, extra=self.authorization)

    def legacy(self, message, session=None):
        """A message of a session."""
        named = f"Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: {LEGACY}\r\n" if session else ""
        return http(json.dumps(message).encode(), extra=self.authorization + named)

    def of_session(self, method, session, extra=""):
        return (
            f"{method} /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nMcp-Session-Id: {session}\r\n"
            f"MCP-Protocol-Version: {LEGACY}\r\n{self.authorization}{extra}\r\n"
        ).encode()

    async def begin(self, capabilities):
        """Begins a session and returns its id."""
        message = json.loads(initialize())
        message["params"]["capabilities"] = capabilities
        reader, writer = await self.open(self.legacy(message))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 15)
        writer.close()
        lines = [line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line]
        session = next((value for name, value in lines if name.lower() == "mcp-session-id"), None)
        await self.send(self.legacy({"jsonrpc": "2.0", "method": "notifications/initialized"}, session))
        return session


def tool(name, arguments, id):
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name, "arguments": arguments}}


def cancelled(id):
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}


class Interleaving:
    """One round: what of Ada Bob has reached."""

    def __init__(self, address):
        self.ada = Caller(address, ADA)
        self.bob = Caller(address, BOB)
        self.attempts = 0
        self.reached = []
        self.impossible = []

    def attempt(self, what, has_reached):
        self.attempts += 1
        if has_reached:
            self.reached.append(what)

    async def run(self):
        forms = {"elicitation": {}}
        one, other = await asyncio.gather(self.ada.begin(forms), self.bob.begin(forms))
        await asyncio.gather(self.calls(one, other), self.questions(one, other), self.streams(one, other), self.states())
        await self.sessions(one)

    async def calls(self, one, other):
        """Bob cancels the call of Ada, and calls with the same id himself."""
        call = asyncio.create_task(self.ada.send(self.ada.legacy(tool("wait", {"milliseconds": WAIT}, 7), one)))
        await asyncio.sleep(WAIT / 3000)
        for session in (other, one):
            await self.bob.send(self.bob.legacy(cancelled(7), session))
            await self.bob.send(self.bob.legacy(tool("wait", {"milliseconds": 1}, 7), other))
        status, body = await call
        self.attempt("a call was cancelled", not (status == 200 and b"waited" in body))

    async def asked(self, session, id):
        """Ada calls a tool that asks her. Returns the reader and the writer, and the event of the question."""
        reader, writer = await self.ada.open(self.ada.legacy(tool("confirm", {}, id), session))
        return reader, writer, await event(reader, "elicitation/create")

    async def denied(self, reader, writer, question, session):
        """Ada answers no. Returns the text of the result that she receives, if she does."""
        await self.ada.send(self.ada.legacy(answer(question[1]["id"], False), session))
        result = await event(reader, None)
        writer.close()
        told = text(result[1]) if result else None
        self.attempt("a result was lost", told not in ("true", "false"))
        return told

    async def questions(self, one, other):
        """Bob answers the question that Ada is asked."""
        reader, writer, question = await self.asked(one, 8)
        if question is None:
            self.impossible.append("questions")
            return
        for session in (other, one):
            await self.bob.send(self.bob.legacy(answer(question[1]["id"], True), session))
        told = await self.denied(reader, writer, question, one)
        self.attempt("a question was answered", told == "true")

    async def streams(self, one, other):
        """Bob resumes the stream on which Ada is asked."""
        reader, writer, question = await self.asked(one, 12)
        begin = earlier(question[0]) if question else None
        if begin is None:
            self.impossible.append("resumed streams")
            writer.close()
            return
        for session in (other, one):
            resume = self.bob.of_session("GET", session, f"Last-Event-ID: {begin}\r\n")
            self.attempt("a stream was resumed", await self.reads(resume, b"elicitation/create"))
        await self.denied(reader, writer, question, one)

    async def states(self):
        """Bob continues the call of Ada with her state."""
        first = json.loads(request("confirm", {}, 9))
        first["params"]["_meta"] = {**META, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
        _, body = await self.ada.send(self.ada.modern(json.dumps(first).encode(), "confirm"))
        try:
            result = last_message(body)["result"]
            first["params"]["requestState"] = result["requestState"]
            names = result["inputRequests"]
        except (ValueError, KeyError):
            self.impossible.append("states")
            return
        accepted = {"action": "accept", "content": {"really": True}}
        first["params"]["inputResponses"] = {name: accepted for name in names}
        message = json.dumps(first).encode()
        _, body = await self.bob.send(self.bob.modern(message, "confirm"))
        self.attempt("a state was used", b'"result"' in body)
        _, body = await self.ada.send(self.ada.modern(message, "confirm"))
        self.attempt("a state was lost", b'"result"' not in body)

    async def sessions(self, one):
        """Bob uses, listens to and ends the session of Ada."""
        status, body = await self.bob.send(self.bob.legacy(tool("add", {"a": 1, "b": 2}, 10), one))
        self.attempt("a session was used", status == 200 and b'"result"' in body)
        self.attempt("a session was listened to", await self.reads(self.bob.of_session("GET", one), b" 200 "))
        await self.bob.send(self.bob.of_session("DELETE", one))
        status, body = await self.ada.send(self.ada.legacy(tool("add", {"a": 1, "b": 2}, 11), one))
        self.attempt("a session was ended", status != 200)

    async def reads(self, message, wanted):
        """Whether the start of a response contains this."""
        reader, writer = await self.bob.open(message)
        start = b""
        try:
            async with asyncio.timeout(1):
                while wanted not in start and (more := await reader.read(4096)):
                    start += more
        except (TimeoutError, ConnectionError):
            pass
        finally:
            writer.close()
        return wanted in start


def answer(id, really):
    return {"jsonrpc": "2.0", "id": id, "result": {"action": "accept", "content": {"really": really}}}


def text(message):
    """The text of the result of a tool; None if it is an error."""
    try:
        return message["result"]["content"][0]["text"]
    except (KeyError, IndexError):
        return None


def last_message(body):
    """The message of a body, whether it is JSON or events."""
    data = [line[6:] for line in body.decode().splitlines() if line.startswith("data: {")]
    return json.loads(data[-1] if data else body)


def earlier(event):
    """The id of the first event of the stream of an event; None without an id. The forms are `STREAM-NUMBER` and `NUMBER/STREAM`."""
    if event and "/" in event:
        return "0/" + event.split("/", 1)[1]
    return event.rsplit("-", 1)[0] + "-0" if event else None


async def event(reader, method):
    """Reads events until a request of this method, or until a response. Returns its id and the message; None without it."""
    last = None
    try:
        async with asyncio.timeout(10):
            while line := (await reader.readline()).decode():
                if line.startswith("id: "):
                    last = line[4:].strip()
                text = line[6:] if line.startswith("data: ") else line
                if text.startswith("{"):
                    message = json.loads(text)
                    if message.get("method") == method and (method or "id" in message):
                        return last, message
                    if method and "method" not in message:
                        return None
    except TimeoutError:
        pass
    return None


async def interleaved(server):
    rounds = [Interleaving(server.address) for _ in range(ROUNDS)]
    await asyncio.gather(*(round.run() for round in rounds))
    attempts = sum(round.attempts for round in rounds)
    reached = [what for round in rounds for what in round.reached]
    impossible = sorted({what for round in rounds for what in round.impossible})
    told = f"{len(reached) or 'none'} of {attempts} attempts reached the other caller"
    kinds = ", ".join(f"{reached.count(what)} × {what}" for what in sorted(set(reached)))
    if kinds:
        told += f": {kinds}"
    if impossible:
        told += f"; it has no {' and no '.join(impossible)}"
    return told, [kinds] * bool(kinds) + impossible
