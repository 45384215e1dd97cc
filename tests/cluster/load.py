"""Calls a cluster with the official Python client of both eras, and reports what came of each call: load.py < JOB

The first line of the input is the job, as JSON (`cluster.py` creates it). The worker opens its streams, prints `{"ready": true}`, and waits for
the line `go`. Then it prints the number of finished calls four times a second. After the line `finish` it makes no further calls; when all that it
began has an outcome it prints `{"idle": true}`. After the line `stop` it closes its streams and prints its report.
"""

import asyncio
import collections
import contextlib
import json
import logging
import random
import sys
import time
import warnings
from typing import Any, Literal

import httpx2
import mcp_types as types
from mcp import Client
from mcp.client.extension import ClientExtension, ResultClaim
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from pydantic import TypeAdapter

MODES = {"modern": "2026-07-28", "legacy": "legacy"}
# All times are in seconds.
# A call without an outcome after this time hangs. Longer than the time limit of the store.
CALL_TIMEOUT = 30.0
RETRY_PAUSE = 0.2
# No call may need retries for longer.
RETRY_LIMIT = 120.0
POLL = 1.0
# A lost stream of a session is opened again by the client itself; after this time without one there is a new session.
STREAM_PATIENCE = 5.0
UPDATED = "notifications/resources/updated"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
ANSWER = types.ElicitResult(action="accept", content={"address": "1 Quay Street, Cork"})


class Created(types.Result):
    """The reply to a call that became a task."""

    result_type: Literal["task"] = "task"
    task_id: str


class Tasks(ClientExtension):
    identifier = "io.modelcontextprotocol/tasks"

    def claims(self):
        return [ResultClaim(result_type="task", model=Created, resolve=self.resolve)]

    async def resolve(self, result, context):
        raise RuntimeError("tasks are read with `tasks/get`")


class GetTask(types.Request[dict[str, Any], Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"
    name_param = "taskId"


class Tap(httpx2.AsyncHTTPTransport):
    """A transport that notes the streams of changes: when they were open, and the notifications that arrived on each of them. It also counts messages
    that a broken connection or the server did not take."""

    def __init__(self):
        super().__init__()
        self.streams = []
        # `True` when the session is subscribed to all that its client listens to.
        self.is_subscribed = False
        # Messages that were not delivered. The client tells its user nothing if that was an answer or a notification.
        self.undelivered = 0

    async def handle_async_request(self, request):
        response = await super().handle_async_request(request)
        self.undelivered += request.method == "POST" and response.status_code >= 500
        is_listening = request.headers.get("mcp-method") == "subscriptions/listen"
        if response.status_code == 200 and (request.method == "GET" or is_listening):
            opened = time.monotonic() if self.is_subscribed else None
            stream = {"began": time.monotonic(), "opened": opened, "ended": None, "received": {}}
            self.streams.append(stream)
            response.stream = Noted(response.stream, stream)
        return response

    def is_open(self):
        """Returns `True` if a stream is open, or was until a moment ago."""
        return any(it["ended"] is None or it["ended"] > time.monotonic() - STREAM_PATIENCE for it in self.streams)


class Noted(httpx2.AsyncByteStream):
    def __init__(self, inner, stream):
        self.inner = inner
        self.stream = stream

    async def __aiter__(self):
        rest = b""
        try:
            async for part in self.inner:
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    self.note(line)
                yield part
        finally:
            self.end()

    def note(self, line):
        if ACKNOWLEDGED.encode() in line:
            self.stream["opened"] = time.monotonic()
        if UPDATED.encode() in line and line.startswith(b"data:"):
            uri = json.loads(line[5:])["params"]["uri"]
            self.stream["received"][uri] = self.stream["received"].get(uri, 0) + 1

    def end(self):
        self.stream["ended"] = self.stream["ended"] or time.monotonic()

    async def aclose(self):
        self.end()
        await self.inner.aclose()


class Report:
    """What the worker did and what came of it."""

    def __init__(self):
        self.outcomes = collections.Counter()
        self.errors = collections.Counter()
        self.slowest = 0.0
        # Name of the item -> the times of the first attempt and of the acknowledgement, and the number of attempts.
        self.changes = {}
        self.questions = []
        self.tasks = []
        self.streams = []
        self.problems = []
        self.calls = 0

    def plain(self):
        return {**vars(self), "outcomes": dict(self.outcomes), "errors": dict(self.errors.most_common(20))}


report = Report()


class Lost(Exception):
    """The client or its session cannot be used any more."""


@contextlib.asynccontextmanager
async def connected(job, who, tap=None, **options):
    """A client with an address of its own, as nginx in front of the test would forward it."""
    tap = tap or httpx2.AsyncHTTPTransport()
    headers = {"X-Forwarded-For": who["address"]}
    async with httpx2.AsyncClient(transport=tap, headers=headers, timeout=httpx2.Timeout(30, read=300)) as http:
        transport = streamable_http_client(job["url"], http_client=http)
        async with Client(transport, mode=MODES[who["mode"]], read_timeout_seconds=CALL_TIMEOUT, **options) as client:
            yield client


async def until_done(what, use):
    """Runs `use`, which makes a client and works through what it has to do, again with a new client until it is done."""
    deadline = time.monotonic() + RETRY_LIMIT
    while True:
        try:
            return await use()
        except (Exception, ExceptionGroup) as error:
            report.outcomes["a new client"] += 1
            report.errors[f"{what}: {reason(error)}"] += 1
            if time.monotonic() > deadline:
                report.problems.append(f"{what}: no outcome within {RETRY_LIMIT:.0f} s: {reason(error)}")
                return None
        await asyncio.sleep(RETRY_PAUSE)


def reason(error):
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"[:160]


class Attempts:
    """The attempts of one call until it has a result."""

    def __init__(self, what, tap=None):
        self.what = what
        self.tap = tap
        self.began = None
        self.count = 0

    async def once(self, send):
        """Sends the call, and returns its result, or `None` if it should be sent again."""
        self.began = self.began or time.monotonic()
        self.count += 1
        try:
            result = await send()
        except MCPError as error:
            return self.failed(error)
        if isinstance(result, types.CallToolResult) and result.is_error:
            text = result.content[0].text if result.content else ""
            self.refused("a tool error", text)
            return None
        report.outcomes["a result"] += 1
        report.slowest = max(report.slowest, time.monotonic() - self.began)
        return result

    def failed(self, error):
        if error.code == types.REQUEST_TIMEOUT and self.tap and self.tap.undelivered:
            report.outcomes["a broken connection"] += 1
            report.errors["broken: an answer was not delivered"] += 1
            raise Lost("an answer was not delivered") from error
        if error.code == types.REQUEST_TIMEOUT:
            seconds = time.monotonic() - self.began
            report.problems.append(f"{self.what}: neither an outcome nor a broken connection after {seconds:.0f} s, from {self.began:.1f} on")
            report.outcomes["no outcome"] += 1
            raise Lost("no outcome") from error
        if error.code == types.CONNECTION_CLOSED or error.message == "Server returned an error response":
            report.outcomes["a broken connection"] += 1
            report.errors[f"broken: {error.message}"] += 1
            if error.code == types.CONNECTION_CLOSED:
                raise Lost(error.message) from error
            return None
        self.refused("an error", f"{error.code} {error.message}")
        if error.message == "Session terminated":
            raise Lost(error.message) from error
        return None

    def refused(self, kind, text):
        report.outcomes[kind] += 1
        report.errors[f"{kind}: {text[:140]}"] += 1
        if time.monotonic() > self.began + RETRY_LIMIT:
            report.problems.append(f"{self.what}: refused for {RETRY_LIMIT:.0f} s: {text[:200]}")
            raise Lost(text)


def text_of(result):
    return result.content[0].text


class Caller:
    """A client that makes one call after the other."""

    def __init__(self, job, who, finish):
        self.job = job
        self.who = who
        self.finish = finish
        self.items = collections.deque(who["items"])
        self.done = 0
        self.call = None

    async def run(self):
        self.began = time.monotonic()
        await until_done("a call", self.use)

    def has_more(self):
        return self.done < self.who["calls"] or self.items or not self.finish.is_set()

    async def use(self):
        async with connected(self.job, self.who) as client:
            self.visits = [0, 0]
            while self.has_more():
                # A call whose client was lost is repeated by the next client.
                self.call = self.call or self.next_call()
                if await self.call(client):
                    self.call = None
                    self.done += 1
                    report.calls += 1
                    await asyncio.sleep(self.began + self.done * self.job["pace"] - time.monotonic())
                else:
                    await asyncio.sleep(RETRY_PAUSE)

    def next_call(self):
        every = max(1, self.who["calls"] // (len(self.who["items"]) + 1))
        if self.items and (self.done % every == every - 1 or self.done >= self.who["calls"]):
            return self.restock(self.items.popleft())
        if self.done % 2:
            return self.replica()
        return self.visit() if self.who["mode"] == "legacy" else self.stock()

    def restock(self, item):
        attempts = Attempts("restock")

        async def send(client):
            result = await attempts.once(lambda: client.call_tool("restock", {"item": item, "count": 1}))
            ended = time.monotonic() if result else None
            report.changes[item] = {"began": attempts.began, "acknowledged": ended, "attempts": attempts.count}
            return result

        report.changes[item] = {"began": time.monotonic(), "acknowledged": None, "attempts": 0}
        return send

    def replica(self):
        attempts = Attempts("replica")
        return lambda client: attempts.once(lambda: client.call_tool("replica", {}))

    def stock(self):
        attempts = Attempts("stock")
        return lambda client: attempts.once(lambda: client.read_resource("stock://paint"))

    def visit(self):
        """Visits are counted by session: a count is above the last one, and not above the number of attempts."""
        attempts = Attempts("visit")

        async def send(client):
            self.visits[1] += 1
            result = await attempts.once(lambda: client.call_tool("visit", {}))
            if result:
                count = int(text_of(result))
                if not self.visits[0] < count <= self.visits[1]:
                    report.problems.append(f"visit {count} after {self.visits[0]}, with {self.visits[1]} attempts")
                self.visits[0] = count
            return result

        return send


class Listener:
    """A client that listens for changes of items."""

    def __init__(self, job, who):
        self.job = job
        self.who = who
        self.uris = [f"stock://{item}" for item in who["items"]]
        self.tap = Tap()
        self.is_open = asyncio.Event()
        # What the client handed to its user.
        self.events = 0

    async def run(self):
        while True:
            try:
                await (self.modern() if self.who["mode"] == "modern" else self.legacy())
            except (Exception, ExceptionGroup) as error:
                report.errors[f"a stream: {reason(error)}"] += 1
            await asyncio.sleep(RETRY_PAUSE)

    async def modern(self):
        async with connected(self.job, self.who, self.tap) as client, client.listen(resource_subscriptions=self.uris) as events:
            self.is_open.set()
            async for _ in events:
                self.events += 1

    async def legacy(self):
        self.tap = self.tap if not self.tap.streams else self.renewed()
        async with connected(self.job, self.who, self.tap, message_handler=self.handle) as client:
            for uri in self.uris:
                await client.subscribe_resource(uri)
            self.tap.is_subscribed = True
            for stream in self.tap.streams:
                stream["opened"] = time.monotonic()
            while not self.tap.streams:
                await asyncio.sleep(0.05)
            self.is_open.set()
            while self.tap.is_open():
                await asyncio.sleep(0.5)
            raise Lost("the stream of the session")

    def renewed(self):
        self.collect()
        return Tap()

    async def handle(self, message):
        self.events += getattr(message, "method", None) == UPDATED

    def collect(self):
        for stream in self.tap.streams:
            # A stream that is read until the end of the test has no end.
            report.streams.append({**stream, "mode": self.who["mode"], "items": self.who["items"]})


async def ask_modern(job, who, question):
    """Asks, and sends the answer with the same state until there is an outcome."""
    async with connected(job, who, elicitation_callback=unexpected) as client:
        session = client.session
        arguments = {"item": question["items"][-1]}
        if "asked" not in question:
            attempts = Attempts(f"order {arguments['item']}")
            asked = await attempts.once(lambda: session.call_tool("order", arguments, allow_input_required=True))
            if asked is None:
                raise Lost("the question was not asked")
            question["asked"] = asked
            await asyncio.sleep(who["hold"])
        asked = question["asked"]
        answers = {"input_responses": dict.fromkeys(asked.input_requests, ANSWER), "request_state": asked.request_state}
        attempts = Attempts(f"the answer for {arguments['item']}")
        question["answers"] += 1
        done = await attempts.once(lambda: session.call_tool("order", arguments, **answers, allow_input_required=True))
        if done is None and question["answers"] < 30:
            raise Lost("the answer was not taken")
        question["acknowledged"] = bool(done)


async def unexpected(context, params):
    raise RuntimeError("a question that was not expected")


async def ask_legacy(job, who, question):
    async def answer(context, params):
        await asyncio.sleep(who["hold"])
        return ANSWER

    # A call that was lost with its replica is a new one, with an effect of its own.
    question["items"].append(f"{who['item']}-{len(question['items'])}")
    tap = Tap()
    async with connected(job, who, tap, elicitation_callback=answer) as client:
        attempts = Attempts(f"order {question['items'][-1]} with a session", tap)
        timeout = CALL_TIMEOUT + who["hold"]
        done = await attempts.once(lambda: client.call_tool("order", {"item": question["items"][-1]}, read_timeout_seconds=timeout))
        if done is None:
            raise Lost("the question was lost")
        question["acknowledged"] = True


async def ask(job, who):
    question = {"mode": who["mode"], "items": [who["item"]], "acknowledged": False, "answers": 0}
    report.questions.append(question)
    use = ask_modern if who["mode"] == "modern" else ask_legacy
    await until_done("a question", lambda: use(job, who, question))
    question.pop("asked", None)


async def create(job, who, task):
    async with connected(job, who, extensions=[Tasks()]) as client:
        attempts = Attempts("inventory")
        arguments = {"shelves": who["shelves"], "pause": 500}
        created = await attempts.once(lambda: client.session.call_tool("inventory", arguments, allow_claimed=True))
        if created is None:
            raise Lost("the task was not created")
        task.update(id=created.task_id, began=time.monotonic())


async def poll(job, who, task):
    anything = TypeAdapter(dict[str, Any])
    async with connected(job, who, extensions=[Tasks()]) as client:
        while True:
            await asyncio.sleep(POLL)
            attempts = Attempts("tasks/get")
            request = GetTask(params={"taskId": task["id"]})
            state = await attempts.once(lambda: client.session.send_request(request, anything))
            if state is None:
                continue
            task.update(status=state["status"], message=state.get("statusMessage"), seconds=time.monotonic() - task["began"])
            if state["status"] not in ("working", "input_required"):
                task["result"] = json.dumps(state.get("result") or state.get("error"))[:200]
                return
            if task["seconds"] > RETRY_LIMIT:
                return


async def run_task(job, who):
    task = {"id": None, "status": None, "shelves": who["shelves"]}
    report.tasks.append(task)
    await until_done("the start of a task", lambda: create(job, who, task))
    if task["id"]:
        await until_done("a task", lambda: poll(job, who, task))


def say(**line):
    print(json.dumps(line), flush=True)


async def tell_progress():
    while True:
        await asyncio.sleep(0.25)
        say(calls=report.calls)


async def command(expected):
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    if line.strip() != expected:
        raise RuntimeError(f"the command `{line.strip()}` instead of `{expected}`")


async def main():
    # What the client logs about a lost connection is in the report.
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore", MCPDeprecationWarning)
    job = json.loads(sys.stdin.readline())
    random.seed(job["seed"])
    listeners = [Listener(job, who) for who in job["listeners"]]
    listening = [asyncio.create_task(it.run()) for it in listeners]
    for listener in listeners:
        await asyncio.wait_for(listener.is_open.wait(), 60)
    say(ready=True)
    await command("go")
    finish = asyncio.Event()
    progress = asyncio.create_task(tell_progress())
    work = [Caller(job, who, finish).run() for who in job["callers"]]
    work += [ask(job, who) for who in job["questions"]]
    work += [run_task(job, who) for who in job["tasks"]]
    running = asyncio.gather(*work)
    await command("finish")
    finish.set()
    await running
    progress.cancel()
    say(idle=True)
    await command("stop")
    for listener in listeners:
        listener.collect()
    for task in listening:
        task.cancel()
    # The clients of the streams end with the process: the replicas are still there to notice.
    say(report=report.plain())


asyncio.run(main())
