"""Runs the official clients against servers behind nginx, whose `proxy_read_timeout` is 5 s.

Each session lists the tools and calls one that says nothing for 20 s. nginx closes a connection on which nothing arrives for
5 s, so that the call succeeds only if its response becomes an event stream with comments. All sessions run at the same time.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import signal
import string
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from processes import Drivers, HttpServer, free_address

HERE = pathlib.Path(__file__).resolve().parent
SILENCE = 20
# In milliseconds. The defaults are longer than the timeout of nginx.
TIMES = {"EVENT_STREAM_AFTER": "2000", "KEEP_ALIVE": "2000"}
KEYS = {"MCP_SESSION_KEYS": "0f" * 32}
GATEWAY = {"MCP_ALLOW_HOST": "mcp.example.com"}

# Client -> modes.
CLIENTS = {"python": ("modern", "legacy"), "typescript": ("modern", "legacy"), "typescript-v1": ("legacy",)}
# Location -> what is behind it.
LOCATIONS = {
    "/mcp": "nginx with its defaults",
    "/prefix/mcp": "a prefix of the path",
    "/replicas": "two replicas, which alternate",
    "/gateway": "the host of a gateway",
    "/socket": "a Unix socket, another path",
}
# Sessions that nginx must cut off. Without them, the others would also pass if nginx waited long enough.
SLOW = ("/slow", "the default times")

STEPS = [
    {"do": "list_tools"},
    {"do": "call_tool", "name": "wait", "arguments": {"milliseconds": SILENCE * 1000}},
    {"do": "call_tool", "name": "wait", "arguments": {"milliseconds": 10}},
    {"do": "call_tool", "name": "wait", "arguments": {"milliseconds": 10}},
]
# A full run has this number of sessions.
FULL = 26


@dataclasses.dataclass(frozen=True)
class Session:
    location: str
    client: str
    mode: str


class Nginx:
    """nginx as a private process."""

    def __init__(self, directory, addresses, configuration="nginx.conf"):
        self.address = addresses["nginx"]
        self.access_log = directory / "access.log"
        template = string.Template((HERE / configuration).read_text(encoding="utf-8"))
        # nginx's own variables have no braces.
        # Only root chooses the user of the workers.
        user = "user root;" if os.geteuid() == 0 else ""
        text = template.safe_substitute({**addresses, "directory": str(directory), "user": user})
        (directory / "nginx.conf").write_text(text, encoding="utf-8")
        self.process = subprocess.Popen(
            ["nginx", "-p", str(directory), "-c", str(directory / "nginx.conf"), "-e", "stderr"],
            stdin=subprocess.DEVNULL,
        )

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)

    def upstreams(self, location):
        """Returns the number of requests that each server answered."""
        lines = self.access_log.read_text(encoding="utf-8").splitlines()
        return collections.Counter(line.split()[1] for line in lines if line.split()[0] == location)


def run(session, drivers, url):
    """Returns the problems of a session."""
    begin = time.monotonic()
    job = {"mode": session.mode, "url": url + session.location, "steps": STEPS, "timeout": 60}
    lines, stderr = drivers.run(session.client, job)
    if len(lines) != len(STEPS) + 2:
        return [f"{len(lines)} of {len(STEPS) + 2} lines; standard error: {stderr[-500:]}"]
    connected, tools, *calls, closed = lines
    problems = []
    modern = connected["connected"] == "2026-07-28"
    if modern != (session.mode == "modern"):
        problems.append(f"the revision is {connected['connected']}")
    if len(tools.get("result", {}).get("tools", [])) != 3:
        problems.append(f"the tools are {tools}")
    for call in calls:
        content = call.get("result", {}).get("content", [{}])
        if content[0].get("text") != "waited":
            problems.append(f"a call: {json.dumps(call)[:300]}")
    if time.monotonic() - begin < SILENCE:
        problems.append("the call was not silent")
    return problems + closed["closed"]["complaints"]


def status(url, location, body=b"{}"):
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url + location, body, headers), timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def judge_servers(nginx):
    """Returns the problems with the servers as nginx saw them."""
    url = f"http://{nginx.address}"
    problems = []
    # The host is checked before the body is read, which is not a message.
    for location, expected in {"/stranger": 403, "/gateway": 400, "/mcp": 400}.items():
        if (answered := status(url, location)) != expected:
            problems.append(f"{location} is answered with {answered} instead of {expected}")
    requests = nginx.upstreams("/replicas")
    print(f"requests to the replicas: {dict(requests)}")
    if len(requests) != 2 or min(requests.values()) < 10:
        problems.append(f"the requests did not alternate between the replicas: {requests}")
    return problems


def report(results):
    width = max(len(what) for what in [*LOCATIONS.values(), SLOW[1]]) + 2
    columns = [(client, mode) for client, modes in CLIENTS.items() for mode in modes]
    print(f"{'':{width}}" + "".join(f"{f'{client} {mode}':>22}" for client, mode in columns))
    for location, what in [*LOCATIONS.items(), SLOW]:
        cells = [results.get(Session(location, *column)) for column in columns]
        # nginx must cut off the last row.
        failed = "cut off" if location == SLOW[0] else "failed"
        words = ["-" if cell is None else failed if cell else "passed" for cell in cells]
        print(f"{what:{width}}" + "".join(f"{word:>22}" for word in words))
    failures = 0
    for session, problems in results.items():
        if session.location == SLOW[0]:
            # This session must fail.
            problems = [] if problems else ["the call succeeded, although nginx waits for 5 s only"]
        for problem in problems:
            failures += 1
            print(f"FAILED {session.client} {session.mode}, {session.location}: {problem}")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=pathlib.Path, required=True, help="where the clients are installed")
    parser.add_argument("--server", type=pathlib.Path, required=True, help="the built stopping-server")
    options = parser.parse_args()

    drivers = Drivers(options.clients.absolute())
    command = [str(options.server.absolute())]
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        socket = directory / "mcp.sock"
        servers = {
            "one": HttpServer(command, {**TIMES, **KEYS, **GATEWAY}),
            "two": HttpServer(command, {**TIMES, **KEYS}),
            "slow": HttpServer(command, {}),
        }
        local = subprocess.Popen(
            command, env={**os.environ, **TIMES, "MCP_UNIX": str(socket), "MCP_PATH": "/api/mcp"},
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        addresses = {name: server.address for name, server in servers.items()}
        nginx = Nginx(directory, {**addresses, "socket": str(socket), "nginx": free_address()})
        problems = []
        try:
            for server in servers.values():
                problems += server.wait_until_healthy()
            sessions = [
                Session(location, client, mode)
                for location in LOCATIONS
                for client, modes in CLIENTS.items()
                for mode in modes
            ] + [Session(SLOW[0], "python", "modern")]
            with concurrent.futures.ThreadPoolExecutor(len(sessions)) as pool:
                url = f"http://{nginx.address}"
                running = {session: pool.submit(run, session, drivers, url) for session in sessions}
                results = {session: future.result() for session, future in running.items()}
            problems += judge_servers(nginx)
        finally:
            nginx.stop()
            local.terminate()
            for server in servers.values():
                problems += server.stop()
    if len(results) != FULL:
        problems.append(f"a full run has {FULL} sessions, this one had {len(results)}")
    failures = report(results) + len(problems)
    for problem in problems:
        print(f"FAILED {problem}")
    print(f"\n{len(results)} sessions, {failures} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
