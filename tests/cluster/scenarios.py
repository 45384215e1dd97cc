"""Single steps at chosen replicas, without a balancer: what one replica begins, another one goes on with."""

import concurrent.futures
import json
import queue
import threading
import time

import httpx2

MODERN, LEGACY = "2026-07-28", "2025-11-25"
CAPABILITIES = {"elicitation": {"form": {}}, "extensions": {"io.modelcontextprotocol/tasks": {}}}
META = {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": CAPABILITIES}
NAMES = {"tools/call": "name", "resources/read": "uri", "tasks/get": "taskId"}
ANSWER = {"action": "accept", "content": {"address": "1 Quay Street, Cork"}}
# In seconds.
SOON = 5.0


class Failure(Exception):
    """A scenario did not end as it must."""


def ensure(condition, what):
    if not condition:
        raise Failure(what)


class Stream:
    """The messages of an event stream, which a thread reads."""

    def __init__(self, send):
        self.messages = queue.Queue()
        self.opened = queue.Queue()
        self.thread = threading.Thread(target=self.read, args=(send,), daemon=True)
        self.thread.start()
        self.status = self.opened.get(timeout=20)

    def read(self, send):
        try:
            with send() as response:
                self.opened.put(response.status_code)
                for line in response.iter_lines():
                    if line.startswith("data:") and line[5:].strip():
                        self.messages.put(json.loads(line[5:]))
                    elif line.startswith("{"):
                        self.messages.put(json.loads(line))
        except httpx2.HTTPError:
            self.opened.put(None)
        self.messages.put(None)

    def next(self, what, limit=SOON):
        """Returns the next message, or `None` at the end of the stream."""
        try:
            return self.messages.get(timeout=limit)
        except queue.Empty:
            raise Failure(f"no {what} within {limit:.0f} s") from None

    def nothing(self, limit=0.5):
        try:
            raise Failure(f"a message too many: {self.messages.get(timeout=limit)}")
        except queue.Empty:
            pass


class Wire:
    """Requests to one replica."""

    def __init__(self, replica):
        self.port = replica.port
        self.url = f"http://127.0.0.1:{replica.port}/mcp"
        self.http = httpx2.Client(timeout=httpx2.Timeout(20))

    def modern(self, method, params):
        headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method, "Accept": "application/json, text/event-stream"}
        if method in NAMES:
            headers["Mcp-Name"] = params[NAMES[method]]
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": META}}
        return {"headers": headers, "json": body}

    def call(self, method, params):
        """Sends a modern request, and returns the reply."""
        response = self.http.post(self.url, **self.modern(method, params))
        lines = [line[5:] for line in response.text.splitlines() if line.startswith("data:") and line[5:].strip()]
        return json.loads(lines[-1] if lines else response.text)

    def tool(self, name, arguments, **more):
        return self.call("tools/call", {"name": name, "arguments": arguments, **more})

    def listen(self, uris):
        request = self.modern("subscriptions/listen", {"notifications": {"resourceSubscriptions": uris}})
        stream = Stream(lambda: self.http.stream("POST", self.url, **request))
        ensure(stream.next("acknowledgement")["method"].endswith("acknowledged"), "the stream is not acknowledged")
        return stream

    def initialize(self):
        """Returns the id of a new session."""
        params = {"protocolVersion": LEGACY, "capabilities": {"elicitation": {}}, "clientInfo": {"name": "test", "version": "1"}}
        response = self.post(None, {"id": 0, "method": "initialize", "params": params})
        ensure(response.status_code == 200, f"`initialize` was answered with {response.status_code}")
        return response.headers["mcp-session-id"]

    def headers(self, session):
        headers = {"Accept": "application/json, text/event-stream"}
        return {**headers, "MCP-Protocol-Version": LEGACY, "Mcp-Session-Id": session} if session else headers

    def post(self, session, message):
        return self.http.post(self.url, headers=self.headers(session), json={"jsonrpc": "2.0", **message})

    def start(self, session, message):
        """Sends a request of a session, and returns its stream."""
        message = {"jsonrpc": "2.0", **message}
        return Stream(lambda: self.http.stream("POST", self.url, headers=self.headers(session), json=message))

    def get(self, session):
        return Stream(lambda: self.http.stream("GET", self.url, headers=self.headers(session)))

    def delete(self, session):
        return self.http.delete(self.url, headers=self.headers(session)).status_code


def session_of(one, two):
    """Returns a session that begins at one replica, and whose `initialized` goes to another."""
    session = one.initialize()
    status = two.post(session, {"method": "notifications/initialized"}).status_code
    ensure(status == 202, f"`initialized` at another replica was answered with {status}")
    return session


def asked(wire, item):
    """Asks at a replica, and returns the call with the answer."""
    result = wire.tool("order", {"item": item})["result"]
    ensure(result.get("resultType") == "input_required", f"no question: {result}")
    return {"inputResponses": dict.fromkeys(result["inputRequests"], ANSWER), "requestState": result["requestState"]}


def modern_question(cluster, wires):
    answer = asked(wires[0], "modern")
    reply = wires[-1].tool("order", {"item": "modern"}, **answer)
    ensure("result" in reply, f"{reply}")
    ensure(cluster.lines()[-1] == ["ordered", "modern", "-1", str(wires[-1].port)], f"{cluster.lines()[-1]}")


def repeated_answer(cluster, wires):
    answer = asked(wires[0], "repeated")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        send = lambda wire: wire.tool("order", {"item": "repeated"}, **answer)
        replies = list(pool.map(send, [*wires, *wires]))
    placed = [line for line in cluster.lines() if line[1] == "repeated"]
    ensure(len(placed) == 1, f"the effect happened {len(placed)} times")
    texts = {json.dumps(reply["result"]["content"]) for reply in replies if "result" in reply}
    ensure(len(texts) == 1, f"{replies}")
    errors = [reply["error"]["message"] for reply in replies if "error" in reply]
    ensure(not errors, f"an answer was refused: {errors}")


def legacy_question(cluster, wires):
    session = session_of(wires[0], wires[-1])
    stream = wires[0].start(session, {"id": 1, "method": "tools/call", "params": {"name": "order", "arguments": {"item": "legacy"}}})
    question = stream.next("question")
    ensure(question and question.get("method") == "elicitation/create", f"{question}")
    status = wires[-1].post(session, {"id": question["id"], "result": ANSWER}).status_code
    ensure(status == 202, f"the answer at another replica was answered with {status}")
    reply = stream.next("reply after the answer at another replica")
    ensure(reply and "delivered" in json.dumps(reply), f"{reply}")


def ended_session(cluster, wires):
    session = session_of(wires[0], wires[-1])
    status = wires[0].delete(session)
    ensure(status in (200, 204), f"`DELETE` was answered with {status}")
    deadline = time.monotonic() + SOON
    for wire in wires:
        while (status := wire.post(session, {"id": 1, "method": "ping"}).status_code) != 404:
            ensure(time.monotonic() < deadline, f"replica {wires.index(wire)} answers {status} in a session that ended at replica 0")
            time.sleep(0.05)


def modern_listener(cluster, wires):
    stream = wires[0].listen(["stock://listened"])
    wires[-1].tool("restock", {"item": "listened", "count": 1})
    message = stream.next("notification of a change at another replica")
    ensure(message["params"]["uri"] == "stock://listened", f"{message}")
    stream.nothing()


def legacy_listener(cluster, wires):
    session = session_of(wires[0], wires[-1])
    subscribe = {"id": 1, "method": "resources/subscribe", "params": {"uri": "stock://subscribed"}}
    ensure(wires[0].post(session, subscribe).status_code == 200, "the subscription is refused")
    stream = wires[-1].get(session)
    ensure(stream.status == 200, f"the stream is answered with {stream.status}")
    wires[len(wires) // 2].tool("restock", {"item": "subscribed", "count": 1})
    message = stream.next("notification of a resource that was subscribed to at another replica")
    ensure(message["params"]["uri"] == "stock://subscribed", f"{message}")
    stream.nothing()


def cancellation(cluster, wires):
    session = session_of(wires[0], wires[-1])
    arguments = {"shelves": 1000, "pause": 100}
    call = {"id": 7, "method": "tools/call", "params": {"name": "inventory", "arguments": arguments, "_meta": {"progressToken": 1}}}
    stream = wires[0].start(session, call)
    stream.next("progress")
    wires[-1].post(session, {"method": "notifications/cancelled", "params": {"requestId": 7}})
    deadline = time.monotonic() + SOON
    while stream.next("end of the stream") is not None:
        ensure(time.monotonic() < deadline, "a call that was cancelled at another replica goes on")


def task_elsewhere(cluster, wires):
    created = wires[0].tool("inventory", {"shelves": 5, "pause": 100})["result"]
    ensure(created.get("resultType") == "task", f"{created}")
    deadline = time.monotonic() + SOON
    while True:
        reply = wires[-1].call("tasks/get", {"taskId": created["taskId"]})
        ensure("result" in reply, f"{reply}")
        if reply["result"]["status"] == "completed":
            return
        ensure(time.monotonic() < deadline, f"{reply}")
        time.sleep(0.1)


def store_away(cluster, wires):
    if cluster.store is None:
        return
    created = wires[0].tool("inventory", {"shelves": 1, "pause": 0})["result"]
    cluster.store.kill()
    try:
        for wire in wires:
            began = time.monotonic()
            ensure("result" in wire.tool("replica", {}), "a call that needs no store fails")
            ensure(time.monotonic() - began < 1, f"a call that needs no store took {time.monotonic() - began:.1f} s")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            began = time.monotonic()
            replies = list(pool.map(lambda wire: wire.call("tasks/get", {"taskId": created["taskId"]}), wires))
        ensure(all("error" in reply for reply in replies), f"a task without the store: {replies}")
        ensure(time.monotonic() - began < 12, f"an error took {time.monotonic() - began:.1f} s")
    finally:
        cluster.store.start()
    deadline = time.monotonic() + SOON
    for wire in wires:
        while "result" not in (reply := wire.call("tasks/get", {"taskId": created["taskId"]})):
            ensure(time.monotonic() < deadline, f"after the store came back: {reply}")
            time.sleep(0.1)
    modern_listener(cluster, wires)


SCENARIOS = {
    "a question of 2026-07-28, answered at another replica": modern_question,
    "an answer sent to all replicas twice": repeated_answer,
    "a question of a session, answered at another replica": legacy_question,
    "a session that ends at one replica": ended_session,
    "a change at another replica than that of a listener": modern_listener,
    "a subscription, a stream and a change at three replicas": legacy_listener,
    "a call, cancelled at another replica": cancellation,
    "a task, read at another replica": task_elsewhere,
    "the store is away": store_away,
}


def run(cluster):
    """Prints each scenario, and returns the problems."""
    wires = [Wire(replica) for replica in cluster.replicas]
    problems = []
    for name, scenario in SCENARIOS.items():
        try:
            scenario(cluster, wires)
            print(f"  passed  {name}", flush=True)
        except (Failure, httpx2.HTTPError, KeyError, TypeError, ValueError) as error:
            problems.append(f"{name}: {type(error).__name__}: {error}"[:400])
            print(f"  FAILED  {name}: {error}"[:300], flush=True)
    return problems
