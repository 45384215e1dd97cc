"""The processes of a cluster on ports of this machine: Redis, nginx, and replicas that are started again when they end."""

import collections
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "examples/deploy"
# The pause before a replica that has ended is started again, in seconds: `RestartSec` of the unit.
RESTART_PAUSE = 1.0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what, limit=20.0):
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"after {limit:.0f} s: {what}")
        time.sleep(0.02)


def answers(port, path):
    """Returns the status of a request, or `None` if there is no answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Store:
    """A process of Redis or Valkey, which writes each command to the disk before it replies."""

    def __init__(self, executable, directory):
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.command = [
            str(executable), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(directory),
            "--save", "", "--appendonly", "yes", "--appendfsync", "always",
        ]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_until(lambda: listens(self.port), "the store does not listen")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def memory(self):
        """Returns the bytes that the store uses."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(b"INFO memory\r\n")
            text = b""
            while b"used_memory_rss_human" not in text:
                text += connection.recv(65536)
        return int(re.search(rb"used_memory:(\d+)", text)[1])


class Replica:
    """A replica on a port. Its supervisor starts it again when it ends, as systemd does."""

    def __init__(self, executable, directory, variables):
        self.port = free_port()
        self.executable = str(executable)
        self.pid_file = directory / str(self.port)
        self.log = directory / f"{self.port}.log"
        self.variables = {**os.environ, **variables, "REPLICA": str(self.port)}
        self.is_wanted = True
        self.exits = collections.Counter()
        self.start()
        self.supervisor = threading.Thread(target=self.supervise, daemon=True)
        self.supervisor.start()

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.executable, "--http", f"127.0.0.1:{self.port}"],
                env=self.variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        self.pid_file.write_text(str(self.process.pid), encoding="utf-8")

    def supervise(self):
        while True:
            status = self.process.wait()
            if not self.is_wanted:
                return
            self.exits[status] += 1
            time.sleep(RESTART_PAUSE)
            if not self.is_wanted:
                return
            self.start()

    def wait_until_ready(self):
        wait_until(lambda: answers(self.port, "/ready") == 200, f"replica {self.port} is not ready")

    def kill(self):
        self.process.kill()

    def stop(self):
        self.is_wanted = False
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.supervisor.join(5)

    def memory(self):
        """Returns the resident memory in bytes."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024


class Nginx:
    """nginx with the configuration of the example, on the ports of these replicas."""

    def __init__(self, directory, replicas):
        self.port = free_port()
        self.access_log = directory / "access.log"
        text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8").replace("127.0.0.1:8000", f"127.0.0.1:{self.port}")
        servers = re.findall(r"(?m)^ *server 127\.0\.0\.1:\d+ .*\n", text)
        for number, line in enumerate(servers):
            used = number < len(replicas)
            port = str(replicas[number].port) if used else ""
            text = text.replace(line, re.sub(r":\d+", f":{port}", line, count=1) if used else "")
        # Clients of the test call this machine by its address.
        text = text.replace("server_name warehouse.example.com;", "server_name localhost;")
        (directory / "warehouse.conf").write_text(text, encoding="utf-8")
        # Only root chooses the user of the workers.
        user = "user root;" if os.geteuid() == 0 else ""
        (directory / "nginx.conf").write_text(
            f"daemon off;\n{user}\nworker_processes 1;\npid nginx.pid;\nerror_log stderr emerg;\n"
            "events { worker_connections 4096; }\n"
            # The measurement uses one connection for all of its calls.
            "http {\n    keepalive_requests 100000000;\n    log_format upstreams '$request_method $status $upstream_addr';\n"
            f"    access_log {self.access_log} upstreams;\n"
            "    client_body_temp_path body;\n    proxy_temp_path proxy;\n    fastcgi_temp_path fastcgi;\n"
            "    uwsgi_temp_path uwsgi;\n    scgi_temp_path scgi;\n    include warehouse.conf;\n}\n",
            encoding="utf-8",
        )
        self.process = subprocess.Popen(
            ["nginx", "-p", str(directory), "-c", str(directory / "nginx.conf"), "-e", "stderr"], stdin=subprocess.DEVNULL,
        )
        wait_until(lambda: listens(self.port), "nginx does not listen")
        self.url = f"http://127.0.0.1:{self.port}/mcp"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)

    def requests(self):
        """Returns the number of requests by method and status, and those that were passed on to another replica."""
        lines = [line.split(" ", 2) for line in self.access_log.read_text(encoding="utf-8").splitlines()]
        return collections.Counter(f"{method} {status}" for method, status, _ in lines), sum("," in line[2] for line in lines)


class Cluster:
    """A store, replicas and nginx."""

    def __init__(self, directory, replica, store_executable, count=3):
        directory = pathlib.Path(directory)
        self.warehouse = directory / "warehouse"
        self.directory = directory
        self.store = None
        variables = {"WAREHOUSE": str(self.warehouse), "MCP_SESSION_KEYS": "0f" * 32}
        if store_executable:
            (directory / "store").mkdir()
            self.store = Store(store_executable, directory / "store")
            variables["REDIS_URL"] = self.store.url
        self.replicas = [Replica(replica, directory, variables) for _ in range(count)]
        for one in self.replicas:
            one.wait_until_ready()
        self.nginx = Nginx(directory, self.replicas)

    def stop(self):
        self.nginx.stop()
        for replica in self.replicas:
            replica.stop()
        if self.store:
            self.store.kill()

    def lines(self):
        """Returns the words of each line of the stock: what happened, the item, the change, and the replica."""
        text = self.warehouse.read_text(encoding="utf-8") if self.warehouse.exists() else ""
        return [line.split() for line in text.splitlines()]
