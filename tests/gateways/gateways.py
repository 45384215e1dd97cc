"""Each gateway lists the tools of the quickstart, and calls `add` with 2 and 3."""

import argparse
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from processes import HttpServer, free_address

# In seconds. ContextForge creates its database first.
START = 120
CALL = 60
ARGUMENTS = {"a": 2, "b": 3}
# Of the documented settings of ContextForge: a new database, and the permission to reach a server on this machine.
CONTEXTFORGE = {
    "CACHE_TYPE": "memory",
    "JWT_SECRET_KEY": "a-secret-of-the-test-with-40-characters!",
    "AUTH_ENCRYPTION_SECRET": "another-secret-of-the-test-of-40-charact",
    "BASIC_AUTH_PASSWORD": "Test-Passw0rd-1",
    "PLATFORM_ADMIN_EMAIL": "admin@example.com",
    "PLATFORM_ADMIN_PASSWORD": "Test-Passw0rd-1",
    "MCPGATEWAY_UI_ENABLED": "false",
    "PLUGINS_ENABLED": "false",
    "SSRF_ALLOW_LOCALHOST": "true",
    "SSRF_ALLOW_PRIVATE_NETWORKS": "true",
}


class Failed(Exception):
    """What a gateway did not do."""


def expect(condition, what, seen):
    if not condition:
        raise Failed(f"{what}: {str(seen)[-1500:]}")


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=CALL, **options)
    expect(done.returncode == 0, f"exit code {done.returncode} of {command}", done.stdout + done.stderr)
    return done.stdout


class Background:
    """A process that runs while it is used, in a folder and with a home of its own."""

    def __init__(self, command, **variables):
        self.folder = tempfile.TemporaryDirectory()
        self.environment = {**os.environ, "HOME": self.folder.name, **variables}
        self.log = pathlib.Path(self.folder.name) / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, cwd=self.folder.name, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def output(self):
        return self.log.read_text(errors="replace")

    def wait_for(self, ready):
        """Returns the first value of this function that is true."""
        deadline = time.monotonic() + START
        while time.monotonic() < deadline and self.process.poll() is None:
            if value := ready():
                return value
            time.sleep(0.1)
        raise Failed(f"it did not start: {self.output()[-1500:]}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()


def fetch(url, body=None, token=None, timeout=CALL):
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise Failed(f"{url}: {error.code} {error.read()[-1500:]}") from error


def answers(url):
    def ready():
        try:
            return fetch(url, timeout=5)
        except (OSError, Failed, ValueError):
            return None

    return ready


class Gateways:
    def __init__(self, options):
        self.clients, self.gateways = options.clients, options.gateways
        self.server, self.browser = str(options.server), options.browser
        self.node = str(self.clients / "node/node_modules/node/bin/node")

    def inspector_over_stdio(self, _):
        return "; ".join(self.inspect(era, [self.server]) for era in ("modern", "legacy"))

    def inspector_over_http(self, url):
        target = ["--transport", "http", "--server-url", url]
        return "; ".join(self.inspect(era, target) for era in ("modern", "legacy"))

    def inspect(self, era, target):
        launcher = self.clients / "node/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
        command = [self.node, str(launcher), "--web", "--protocol-era", era, *target]
        port = free_address().rsplit(":", 1)[1]
        settings = {"MCP_AUTO_OPEN_ENABLED": "false", "MCP_INSPECTOR_SECRET_STORE": "memory", "CLIENT_PORT": port}
        with Background(command, **settings) as page:
            found = page.wait_for(lambda: re.search(r"http://\S+\?MCP_INSPECTOR_API_TOKEN=\w+", page.output()))
            return run([self.node, str(self.gateways / "inspector.mjs"), found[0], self.browser]).strip()

    def fastmcp_over_stdio(self, _):
        return self.fastmcp(["--command", self.server])

    def fastmcp_over_http(self, url):
        return self.fastmcp([url])

    def fastmcp(self, target):
        program = str(self.gateways / "fastmcp/bin/fastmcp")
        tools = json.loads(run([program, "list", *target, "--json"]))["tools"]
        expect([tool["name"] for tool in tools] == ["add"], "list", tools)
        result = json.loads(run([program, "call", *target, "--target", "add", "--input-json", json.dumps(ARGUMENTS), "--json"]))
        expect(result["structured_content"] == {"result": 5}, "call", result)
        return "list and call"

    def mcp_remote(self, url):
        command = [self.node, str(self.gateways / "node_modules/mcp-remote/dist/proxy.js"), url, "--allow-http"]
        with tempfile.TemporaryDirectory() as home, subprocess.Popen(
            command, env={**os.environ, "HOME": home}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as bridge:
            try:
                return self.talk(bridge)
            finally:
                bridge.kill()

    @staticmethod
    def talk(bridge):
        def request(number, method, params):
            message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            bridge.stdin.write(json.dumps(message).encode() + b"\n")
            bridge.stdin.flush()
            return json.loads(bridge.stdout.readline())["result"]

        client = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        request(1, "initialize", client)
        bridge.stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
        tools = request(2, "tools/list", {})["tools"]
        expect([tool["name"] for tool in tools] == ["add"], "list", tools)
        result = request(3, "tools/call", {"name": "add", "arguments": ARGUMENTS})
        expect(result["structuredContent"] == {"result": 5}, "call", result)
        return "tools/list and tools/call"

    def mcpo_over_stdio(self, _):
        return self.mcpo(["--", self.server])

    def mcpo_over_http(self, url):
        return self.mcpo(["--server-type", "streamable-http", "--", url])

    def mcpo(self, target):
        address = free_address()
        host, port = address.rsplit(":", 1)
        with Background([str(self.gateways / "mcpo/bin/mcpo"), "--host", host, "--port", port, *target]) as mcpo:
            paths = mcpo.wait_for(answers(f"http://{address}/openapi.json"))["paths"]
            expect(list(paths) == ["/add"], "paths of its OpenAPI document", paths)
            result = fetch(f"http://{address}/add", ARGUMENTS)
            expect(result == 5, "POST /add", result)
        return "openapi.json and POST /add"

    def contextforge(self, url):
        address = free_address()
        host, port = address.rsplit(":", 1)
        program = self.gateways / "contextforge/bin"
        command = [str(program / "mcpgateway"), "mcpgateway.main:app", "--host", host, "--port", port]
        with Background(command, HOST=host, PORT=port, DATABASE_URL="sqlite:///mcp.db", **CONTEXTFORGE) as forge:
            forge.wait_for(answers(f"http://{address}/health"))
            create = [str(program / "python"), "-m", "mcpgateway.utils.create_jwt_token", "--username", "admin@example.com"]
            create += ["--exp", "60", "--secret", CONTEXTFORGE["JWT_SECRET_KEY"], "--admin"]
            token = run(create, env=forge.environment, cwd=forge.folder.name).strip()
            gateway = {"name": "quickstart", "url": url, "transport": "STREAMABLEHTTP", "visibility": "public"}
            fetch(f"http://{address}/gateways", gateway, token)
            tools = fetch(f"http://{address}/tools", token=token)
            expect([tool["name"] for tool in tools] == ["quickstart-add"], "tools", tools)
            call = {"name": "quickstart-add", "arguments": ARGUMENTS}
            reply = fetch(f"http://{address}/rpc", {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}, token)
            expect("5" in [block.get("text") for block in reply["result"]["content"]], "call", reply)
        return "registered, listed and called"


NAMES = [
    "inspector_over_stdio",
    "inspector_over_http",
    "fastmcp_over_stdio",
    "fastmcp_over_http",
    "mcp_remote",
    "mcpo_over_stdio",
    "mcpo_over_http",
    "contextforge",
]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("clients", "gateways", "server"):
        parser.add_argument(f"--{name}", type=lambda path: pathlib.Path(path).resolve(), required=True)
    parser.add_argument("--browser", required=True)
    parser.add_argument("names", nargs="*", choices=[[], *NAMES], metavar="NAME")
    options = parser.parse_args()
    failures = 0
    for name in options.names or NAMES:
        server = HttpServer([str(options.server)])
        try:
            problems = server.wait_until_healthy()
            expect(not problems, "the quickstart", problems)
            print(f"{name}: {getattr(Gateways(options), name)(server.url)}", flush=True)
        except (Failed, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
            failures += 1
            print(f"FAILED {name}: {error}", flush=True)
        finally:
            server.stop()
    raise SystemExit(1 if failures else 0)


if __name__ == "__main__":
    main()
