"""Forwards the lines between a client and a server on stdio, and records them: record.py LOG COMMAND ..

Each line of LOG is {"from": "client" | "server", "line": ..}, in the order of forwarding. Lines are forwarded unchanged,
whatever they contain.
"""

import json
import subprocess
import sys
import threading

log_path, *command = sys.argv[1:]
server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
writing = threading.Lock()


def pass_on(who: str, source, target) -> None:
    # Recorded before it is forwarded, so that no reply is recorded before its request.
    for line in source:
        with writing:
            log.write(json.dumps({"from": who, "line": line.decode(errors="replace")}) + "\n")
            log.flush()
        target.write(line)
        target.flush()


def pass_requests_on() -> None:
    pass_on("client", sys.stdin.buffer, server.stdin)
    server.stdin.close()


with open(log_path, "a", encoding="utf-8") as log:
    threading.Thread(target=pass_requests_on, daemon=True).start()
    pass_on("server", server.stdout, sys.stdout.buffer)
    status = server.wait()
sys.exit(status)
