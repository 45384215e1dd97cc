"""The processes that the harnesses of this directory and of tests/conformance start: drivers of clients, and servers."""

import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
# In seconds.
SIGTERM_TIMEOUT = 5.0


class Drivers:
    """The commands that start the clients."""

    def __init__(self, clients):
        node = str(clients / "node/node_modules/node/bin/node")
        typescript = [node, str(clients / "node/typescript_client.mjs")]
        inspector = clients / "node/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
        self.commands = {
            "python": [sys.executable, str(HERE / "python_client.py")],
            "typescript": [*typescript, "client"],
            "typescript-v1": [*typescript, "sdk"],
            "fastmcp": [sys.executable, str(HERE / "fastmcp_client.py")],
            "inspector": [sys.executable, str(HERE / "inspector_client.py"), node, str(inspector)],
        }

    def run(self, client, job):
        """Returns the parsed lines that the driver printed, and its standard error."""
        try:
            done = subprocess.run(
                self.commands[client], input=json.dumps(job), capture_output=True, text=True, timeout=300
            )
        except subprocess.TimeoutExpired:
            return [], "the driver hung"
        return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def free_address():
    """Returns an address on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def tls_options(certificate):
    return ["--tls-cert", certificate[0], "--tls-key", certificate[1]] if certificate else []


class HttpServer:
    """A process that serves HTTP on an address, by default on a free port.

    With a certificate, which is a pair of the files of the certificate and of its key, it serves HTTPS.
    """

    def __init__(self, command, variables=None, address=None, certificate=None):
        self.address = address or free_address()
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*command, "--http", self.address, *tls_options(certificate)],
            env={**os.environ, **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        self.origin = f"{'https' if certificate else 'http'}://{self.address}"
        self.url = f"{self.origin}/mcp"
        self.trust = ssl.create_default_context(cafile=certificate[0]) if certificate else None

    def wait_until_healthy(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.origin}/health", timeout=2, context=self.trust) as answer:
                    return [] if answer.status == 200 else [f"GET /health answered {answer.status}"]
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        return [f"GET /health never answered 200; output of the server: {self.output()}"]

    def stop(self, limit=SIGTERM_TIMEOUT):
        """Stops the server within a time in seconds, and returns the problems with its exit."""
        if self.process.poll() is not None:
            return [f"the server had already exited with {self.process.returncode}; output: {self.output()}"]
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return [f"the server still ran {limit:.0f} s after SIGTERM; output: {self.output()}"]
        return [] if status == 0 else [f"the server exited with {status} after SIGTERM; output: {self.output()}"]

    def output(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-1000:]
