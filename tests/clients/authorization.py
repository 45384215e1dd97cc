"""Tests the example `auth` with real authorization servers and clients. `auth` starts it.

Usage: authorization.py --clients DIRECTORY --server BINARY
"""

import argparse
import base64
import hashlib
import http.client
import json
import os
import pathlib
import re
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import browser
from processes import HERE, HttpServer, free_address

CALLBACK = "http://127.0.0.1:9/callback"
OTHER = "https://other.example/mcp"
# More than the number of tokens that a server remembers.
USERS = 12_000
# The time for what happens in the background, such as the loading of keys. In seconds.
DEADLINE = 60

problems: list[str] = []
checks = 0


def check(what, is_right, shown=""):
    global checks
    checks += 1
    if not is_right:
        problems.append(f"{what}: {shown}")


class AuthorizationServer:
    """A process of npm's oidc-provider."""

    def __init__(self, node, variables):
        address = free_address()
        self.issuer = f"http://{address}"
        self.node = node
        self.process = subprocess.Popen(
            [*node, "oidc-server.mjs"],
            cwd=CLIENTS / "node",
            env={**os.environ, "PORT": address.rsplit(":", 1)[1], **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        line = self.process.stdout.readline()
        if "ready" not in line:
            raise RuntimeError(f"the authorization server does not start: {line}")
        with urllib.request.urlopen(f"{self.issuer}/.well-known/openid-configuration") as answer:
            self.metadata = json.load(answer)

    def token(self, resource, scope):
        """Returns an access token that `oidc-token.mjs` gets with PKCE."""
        command = [*self.node, "oidc-token.mjs", self.issuer, resource, scope]
        done = subprocess.run(command, cwd=CLIENTS / "node", capture_output=True, text=True, timeout=60)
        found = re.search(r"^access_token (\S+)$", done.stdout, re.MULTILINE)
        if found is None or found[1] == "undefined":
            raise RuntimeError(f"no token: {done.stdout} {done.stderr}")
        return found[1]

    def login(self, resource, scope):
        """Returns the answer of the token endpoint after a login with PKCE, which has a refresh token."""
        verifier = secrets.token_urlsafe(32)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "client_id": "script",
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": scope,
            "resource": resource,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        url = f"{self.metadata['authorization_endpoint']}?{urllib.parse.urlencode(query)}"
        back = urllib.parse.urlsplit(browser.follow(url, CALLBACK)).query
        code = urllib.parse.parse_qs(back)["code"][0]
        return self.post(
            "token_endpoint",
            grant_type="authorization_code",
            client_id="script",
            code=code,
            redirect_uri=CALLBACK,
            code_verifier=verifier,
            resource=resource,
        )

    def post(self, endpoint, credentials=None, **form):
        """Returns the JSON that an endpoint answers to a form. `credentials` are the id and the secret of a client."""
        body = urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(self.metadata[endpoint], body)
        if credentials:
            request.add_header("Authorization", f"Basic {base64.b64encode(credentials).decode()}")
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def rotate(self):
        with urllib.request.urlopen(f"{self.issuer}/test/rotate", b"", timeout=20) as answer:
            answer.read()

    def stop(self):
        self.process.kill()
        self.process.wait()


class Resource:
    """A process of the example server."""

    def __init__(self, issuer, variables=None, address=None, certificate=None):
        address = address or free_address()
        self.url = f"{'https' if certificate else 'http'}://{address}/mcp"
        variables = {"ISSUER": issuer, "RESOURCE": self.url, **(variables or {})}
        self.server = HttpServer([SERVER], variables, address, certificate)
        check("the server starts", not (failures := self.server.wait_until_healthy()), failures)

    def call(self, token, tool="whoami", **arguments):
        """Calls a tool with a token. Returns the status, the challenge, and the texts of the result or the error."""
        body, headers = message(tool, arguments, token)
        request = urllib.request.Request(self.url, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, "", texts(json.load(answer)["result"])
        except urllib.error.HTTPError as answer:
            return answer.code, answer.headers.get("WWW-Authenticate", ""), answer.read().decode()

    def call_as_each(self, tokens):
        """Calls a tool with each token, over one connection."""
        connection = http.client.HTTPConnection(self.server.address, timeout=20)
        for token in tokens:
            connection.request("POST", "/mcp", *message("whoami", {}, token))
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                check("each user is accepted", False, answer.status)
                return

    def memory(self):
        """Returns the resident memory of the server in bytes."""
        status = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1000

    def accepts(self, what, token, *names, **options):
        status, challenge, result = self.call(token, **options)
        check(what, status == 200 and (not names or result == [*names]), (status, challenge, result))

    def refuses(self, what, token, challenge='error="invalid_token"', status=401, **options):
        answer = self.call(token, **options)
        check(what, answer[0] == status and challenge in answer[1], answer)

    def waits_for(self, what, token, status):
        """Calls again until the server answers with this status."""
        deadline = time.monotonic() + DEADLINE
        while (answer := self.call(token))[0] != status and time.monotonic() < deadline:
            time.sleep(0.2)
        check(what, answer[0] == status, answer)

    def stop(self):
        check("the server stops", not (failures := self.server.stop()), failures)


def texts(result):
    return [block["text"] for block in result["content"]]


def message(tool, arguments, token):
    """Returns the body and the headers of a call."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": tool, "arguments": arguments, "_meta": meta}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": tool,
    }
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return json.dumps(body).encode(), headers


def logins(node):
    """Tokens of a real authorization server: login, scopes, audience, refresh, clients, rotation."""
    issuer = AuthorizationServer(node, {})
    resource = Resource(issuer.issuer)
    resource.refuses("a call without a token names the scope", None, 'scope="tools:read"')
    _, challenge, _ = resource.call(None)
    metadata = re.search('resource_metadata="([^"]*)"', challenge)
    check("the challenge names the metadata", metadata is not None, challenge)
    with urllib.request.urlopen(metadata[1], timeout=20) as answer:
        document = json.load(answer)
    check("the metadata names the resource", document["resource"] == resource.url, document)
    check("the metadata names the issuer", document["authorization_servers"] == [issuer.issuer], document)

    token = issuer.token(resource.url, "tools:read")
    resource.accepts("a token is accepted", token, "alice", "tools:read")
    resource.accepts("its scope suffices", token, tool="list_notes")
    missing = 'error="insufficient_scope"'
    resource.refuses("its scope does not suffice", token, missing, 403, tool="add_note", text="x")
    admin = issuer.token(resource.url, "admin")
    resource.accepts("a scope that implies another", admin, tool="add_note", text="x")

    resource.refuses("a token for another server", issuer.token(OTHER, "tools:read"))
    resource.refuses("a token for the issuer", issuer.token(issuer.issuer, "tools:read"))
    both = issuer.login(resource.url, "openid offline_access tools:read tools:write")
    resource.accepts("a token of a login", both["access_token"], "alice", "tools:read", "tools:write")
    if "id_token" in both:
        resource.refuses("an ID token", both["id_token"])
    refreshed = issuer.post(
        "token_endpoint",
        grant_type="refresh_token",
        client_id="script",
        refresh_token=both["refresh_token"],
        resource=resource.url,
    )
    check("a refresh gives a new token", refreshed["access_token"] != both["access_token"])
    resource.accepts("a refreshed token", refreshed["access_token"], "alice", "tools:read", "tools:write")
    resource.refuses("a refresh token", refreshed["refresh_token"])

    machine = issuer.post("token_endpoint", **machine_grant(resource.url))
    resource.accepts("a token of a client", machine["access_token"], "machine", "tools:read")

    issuer.rotate()
    new = issuer.token(resource.url, "tools:read")
    resource.waits_for("a token with a new key, after the cooldown", new, 200)
    resource.refuses("a token with a withdrawn key", token)
    issuer.stop()
    resource.accepts("a known key while the issuer is away", new, "alice", "tools:read")
    resource.stop()


def machine_grant(resource):
    return {
        "credentials": b"machine:machine-secret",
        "grant_type": "client_credentials",
        "resource": resource,
        "scope": "tools:read",
    }


def introspection(node):
    """Opaque tokens, which the authorization server explains."""
    issuer = AuthorizationServer(node, {"FORMAT": "opaque", "TTL": "20"})
    resource = Resource(issuer.issuer, {"CLIENT_ID": "machine", "CLIENT_SECRET": "machine-secret"})
    token = issuer.token(resource.url, "tools:read")
    check("the token is opaque", "." not in token, token)
    resource.accepts("an opaque token", token, "alice", "tools:read")
    machine = issuer.post("token_endpoint", **machine_grant(resource.url))
    resource.accepts("an opaque token of a client", machine["access_token"], "machine", "tools:read")
    resource.refuses("an opaque token for another server", issuer.token(OTHER, "tools:read"))
    resource.refuses("an unknown token", secrets.token_urlsafe(32))
    revoked = issuer.token(resource.url, "tools:read")
    issuer.post("revocation_endpoint", token=revoked, client_id="script")
    resource.refuses("a revoked token", revoked)
    resource.waits_for("an expired opaque token, whose answer was cached", token, 401)
    late = issuer.token(resource.url, "tools:read")
    issuer.stop()
    status, challenge, _ = resource.call(late)
    check("without the issuer, a token cannot be checked", (status, challenge) == (503, ""), (status, challenge))
    resource.stop()


def expiry(node):
    """A token that expires: it is accepted for 30 s longer, because clocks differ."""
    issuer = AuthorizationServer(node, {"TTL": "2"})
    resource = Resource(issuer.issuer)
    token = issuer.token(resource.url, "tools:read")
    resource.accepts("a token that expires soon", token, "alice", "tools:read")
    resource.waits_for("an expired token", token, 401)
    issuer.stop()
    resource.stop()


def forgeries(node):
    """Tokens that an attacker can make."""
    address = free_address()
    forger = subprocess.Popen(
        [*node, "forged_tokens.mjs", f"http://{address}/mcp", str(USERS)],
        cwd=CLIENTS / "node",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    forged = json.loads(forger.stdout.readline())
    resource = Resource(forged["issuer"], address=address)
    resource.accepts("the good token", forged["tokens"].pop("good"), "alice", "tools:read")
    check("there are forged tokens", len(forged["tokens"]) > 30)
    for name, token in forged["tokens"].items():
        resource.refuses(f"a forged token: {name}", token)
    try:
        status, _, _ = resource.call("A" * 1_000_000)
    except urllib.error.URLError as error:
        # The server answers and closes before it has read all of the token; the client may notice the end first.
        status = "closed" if isinstance(error.reason, ConnectionError) else str(error)
    check("a token of a megabyte", status in (401, 431, "closed"), status)
    before = resource.memory()
    resource.call_as_each(forged["users"])
    grown = (resource.memory() - before) / 1e6
    print(f"{USERS} users: {grown:.1f} MB")
    check("the memory of the users is bounded", grown < 48, grown)
    resource.accepts("the last user", forged["users"][-1], f"user-{USERS - 1}", "tools:read")
    resource.stop()
    forger.stdin.close()
    forger.wait(20)


def clients(node):
    """The official clients register, log in, and log in again for a scope that they lack."""
    issuer = AuthorizationServer(node, {})
    resource = Resource(issuer.issuer)
    drivers = {
        "Python": [sys.executable, str(HERE / "python_login.py")],
        "TypeScript": [*node, str(CLIENTS / "node/typescript_login.mjs")],
    }
    for name, driver in drivers.items():
        for mode in ["modern", "legacy"]:
            what = f"the {name} client, {mode}"
            shown = drive(f"{what}, registers itself", [*driver, resource.url, mode])
            check(f"{what}: the login", shown.get("before") == ["alice", "tools:read"], shown)
            shown = drive(f"{what}, steps up", [*driver, resource.url, mode, "script"])
            check(f"{what}: the first login", shown.get("before") == ["alice", "tools:read"], shown)
            check(f"{what}: the call that needs more", shown.get("added"), shown)
            check(f"{what}: both scopes", shown.get("after") == ["alice", "tools:read", "tools:write"], shown)
            check(f"{what}: two logins", len(shown.get("asked", [])) == 2, shown)
            resources = {one["resource"] for one in shown.get("asked", [])}
            check(f"{what}: the resource", resources == {resource.url}, shown)
    issuer.stop()
    resource.stop()


def drive(what, command):
    """Returns what the driver of a client prints."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    check(what, done.returncode == 0, done.stderr[-2000:])
    return json.loads(done.stdout) if done.returncode == 0 else {}


def authlab(node):
    """mcp-authlab, which logs in and attacks the server: over plain HTTP, about which it warns, and over TLS."""
    report = scanned(node, None)
    others = [result for result in report if result["status"] != "pass"]
    check("mcp-authlab: one warns of plain HTTP", [one["status"] for one in others] == ["warn"], others)
    with tempfile.TemporaryDirectory() as folder:
        report = scanned(node, self_signed(folder), "--insecure")
    others = [result for result in report if result["status"] != "pass"]
    check("mcp-authlab over TLS: all checks pass", not others, others)


def self_signed(folder):
    """Returns the files of a certificate for 127.0.0.1 and of its key."""
    certificate, key = f"{folder}/cert.pem", f"{folder}/key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        + ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key],
        check=True,
        capture_output=True,
    )
    return certificate, key


def scanned(node, certificate, *options):
    """Returns the results of mcp-authlab, all 33 of which exist, with the grade A."""
    issuer = AuthorizationServer(node, {})
    resource = Resource(issuer.issuer, certificate=certificate)
    with tempfile.TemporaryDirectory() as home:
        # The browser of the login is a program of this directory.
        opener = pathlib.Path(home) / "browser"
        opener.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{HERE / 'browser.py'}' \"$1\"\n")
        opener.chmod(0o700)
        variables = {**os.environ, "HOME": home, "XDG_CONFIG_HOME": home, "BROWSER": f"{opener} %s"}
        program = [sys.executable, "-m", "mcp_authlab"]
        command = [*program, "login", resource.url, "--scope", "tools:read", "--thorough", "--timeout", "60", *options]
        login = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=240)
        check("mcp-authlab logs in", login.returncode == 0, login.stdout + login.stderr)
        command = [*program, "scan", resource.url, "--format", "json", *options]
        scan = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=240)
    issuer.stop()
    resource.stop()
    try:
        report = json.loads(scan.stdout)
    except json.JSONDecodeError:
        check("mcp-authlab reports", False, scan.stdout + scan.stderr)
        return []
    results = list({result["id"]: result for result in report["results"]}.values())
    passed = sum(result["status"] == "pass" for result in results)
    print(f"mcp-authlab at {resource.url}: {passed} of {len(results)} checks pass, grade {report['grade']}")
    print({name: value for name, value in report.items() if name != "results"})
    check("mcp-authlab: 33 checks", len(results) == 33, results)
    check("mcp-authlab: the grade", report["grade"] == "A", report["grade"])
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=pathlib.Path, required=True)
    parser.add_argument("--server", required=True)
    parser.add_argument("parts", nargs="*")
    options = parser.parse_args()
    CLIENTS, SERVER = options.clients, options.server
    parts = [logins, introspection, expiry, forgeries, clients, authlab]
    for part in parts:
        if not options.parts or part.__name__ in options.parts:
            part([str(CLIENTS / "node/node_modules/node/bin/node")])
    print("\n".join(problems) or f"{checks} checks of authorization passed")
    sys.exit(bool(problems))
