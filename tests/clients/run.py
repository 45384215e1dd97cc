"""Runs the official clients and FastMCP's client against the example servers, and compares every reply with one table.

`expectations.json` lists, for each example, the steps of a client and the expected results. A driver
(`*_client.*`) performs the steps through the typed interface of one client. An example lists its
`clients` unless it is for all official ones. If the server asks the user during a call, the step has
the user's `answers`; the step `take_questions` returns the questions. A driver reads one JSON object
from standard input:

    {"mode": "auto", "command": [..] | "url": "..", "steps": [{"do": "call_tool", ..}, ..]}

and prints JSON lines: `{"connected": REVISION}`, then for each step `{"result": ..}`,
`{"error": {"code": .., "message": ..}}` or `{"unsupported": REASON}`, and at the end
`{"closed": {"seconds": .., "complaints": [..]}}`. Drivers are independent of the expected results.

Expected values are compared as follows: an object by its members (the result may have more), an
array element by element, all other values by equality. An object with a single key that starts
with `$` is an operator, see `OPERATORS`. A step has one of these:

    "expect"             the result
    "expect_tool_error"  a regular expression for the text of a result with `isError`
    "expect_error"       the code and the message of a protocol error
    "expect_changes"     exactly these notifications of changes, in order; those of a modern connection
                         all carry the id of one subscription
    "expect_not_found"   a regular expression for the message of the protocol error for an unknown
                         resource; its code depends on the revision
"""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import sys
import tempfile

from processes import Drivers, HttpServer

HERE = pathlib.Path(__file__).resolve().parent
MODERN, LEGACY = "2026-07-28", "2025-11-25"

SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
NOT_FOUND = {MODERN: -32602, LEGACY: -32002}

# Client -> mode -> the revision that must be negotiated.
CLIENTS = {
    "python": {"auto": MODERN, "modern": MODERN, "legacy": LEGACY},
    "typescript": {"auto": MODERN, "modern": MODERN, "legacy": LEGACY},
    "typescript-v1": {"legacy": LEGACY},
    "inspector": {"auto": MODERN, "modern": MODERN, "legacy": LEGACY},
    "fastmcp": {"auto": MODERN, "modern": MODERN, "legacy": LEGACY},
}
# The clients of the MCP project.
OFFICIAL = ("python", "typescript", "typescript-v1", "inspector")
TRANSPORTS = ("stdio", "http")

# Things that a client cannot do or does not report. Each entry is checked where it applies, so that an outdated entry
# fails the run.
LIMITATIONS = {
    ("inspector", "complete"): "its --cli mode has no method for completions",
    ("inspector", "error code"): "its --cli mode prints the message of a protocol error without the code",
    ("typescript", "not found"): "its own error for an unknown resource has the code -32602 in every revision",
    ("inspector", "noise"): "its --cli mode says nothing about lines on standard output that are not messages",
}

# What a full run consists of. A smaller number means that something was skipped; a larger one is to be pinned here.
FULL = {"sessions": 107, "checks": 1886, "not possible": 15}

# After closing its standard input, the clients wait two seconds for a server to exit, then kill it.
PATIENCE_OF_CLIENTS = 2.0


# Comparing


def contains(expected, actual):
    return isinstance(actual, str) and expected in actual


def matches_regex(expected, actual):
    return isinstance(actual, str) and re.search(expected, actual, re.DOTALL) is not None


def is_json(expected, actual):
    try:
        return not differences(expected, json.loads(actual))
    except (TypeError, ValueError):
        return False


def includes(expected, actual):
    return isinstance(actual, list) and all(
        any(not differences(element, candidate) for candidate in actual) for element in expected
    )


OPERATORS = {
    # Equality, for objects without further members.
    "$exactly": lambda expected, actual: expected == actual,
    # A part of a string.
    "$contains": contains,
    # A regular expression that matches a part of a string.
    "$regex": matches_regex,
    # A string that contains JSON with this value.
    "$json": is_json,
    # An array that contains these elements.
    "$includes": includes,
    # Any other value.
    "$not": lambda expected, actual: bool(differences(expected, actual)),
}


def operator(expected):
    """Returns the operator and its operand if `expected` is an operator."""
    if isinstance(expected, dict) and len(expected) == 1:
        [(name, operand)] = expected.items()
        if name.startswith("$"):
            return OPERATORS[name], operand
    return None


def differences(expected, actual, path="result"):
    """Returns descriptions of the differences between `actual` and the expected value."""
    if found := operator(expected):
        check, operand = found
        return [] if check(operand, actual) else [f"{path}: expected {show(expected)}, got {show(actual)}"]
    if isinstance(expected, dict) and isinstance(actual, dict):
        return [
            line
            for name, value in expected.items()
            for line in differences(value, actual.get(name), f"{path}.{name}")
        ]
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        return [
            line
            for index, (one, other) in enumerate(zip(expected, actual))
            for line in differences(one, other, f"{path}[{index}]")
        ]
    # In Python, 1 equals True; in JSON it does not.
    if expected == actual and isinstance(expected, bool) == isinstance(actual, bool):
        return []
    return [f"{path}: expected {show(expected)}, got {show(actual)}"]


def show(value):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 600 else text[:600] + " ..."


def judge(session, step, reply):
    """Returns the problems with the reply to a step."""
    if "expect_error" in step:
        return differences({"error": shown_by(session.client, step["expect_error"])}, reply, "reply")
    if "expect_not_found" in step:
        limited = (session.client, "not found") in LIMITATIONS
        code = NOT_FOUND[MODERN if limited else session.revision]
        expected = {"code": code, "message": {"$regex": step["expect_not_found"]}}
        return differences({"error": shown_by(session.client, expected)}, reply, "reply")
    if "result" not in reply:
        return [f"expected a result, got {show(reply)}"]
    result = reply["result"]
    if "expect_changes" in step:
        return judge_changes(session, step["expect_changes"], result["changes"])
    if "expect_tool_error" in step:
        pattern = {"content": [{"type": "text", "text": {"$regex": step["expect_tool_error"]}}], "isError": True}
        return differences(pattern, result)
    # A success is required by default, so that no step has to state it.
    if result.get("isError"):
        return [f"expected a success, got {show(result)}"]
    return differences(step["expect"], result)


def judge_changes(session, expected, changes):
    tags = [change.get("params", {}).get("_meta", {}).get(SUBSCRIPTION) for change in changes]
    tagged = session.revision == MODERN
    wrong = len(set(tags)) > 1 or any((tag is not None) != tagged for tag in tags)
    return differences(expected, changes, "changes") + ([f"the tags are {show(tags)}"] if wrong else [])


def shown_by(client, error):
    """Returns the part of an expected protocol error that a client reports."""
    if (client, "error code") in LIMITATIONS:
        return {**error, "code": None}
    return error


# Running


@dataclasses.dataclass(frozen=True)
class Session:
    client: str
    mode: str
    transport: str
    example: str

    @property
    def revision(self):
        return CLIENTS[self.client][self.mode]

    def __str__(self):
        return f"{self.client} {self.mode}, {self.transport}, {self.example}"


@dataclasses.dataclass
class Outcome:
    session: Session
    passed: int = 0
    failures: list = dataclasses.field(default_factory=list)
    impossible: list = dataclasses.field(default_factory=list)

    def check(self, what, problems):
        if problems:
            self.failures.append(f"{what}\n" + "\n".join(f"    {problem}" for problem in problems))
        else:
            self.passed += 1


def run_session(session, drivers, command, steps):
    outcome = Outcome(session)
    if session.transport == "stdio":
        take_steps(outcome, drivers, {"command": command}, steps)
        return outcome
    server = HttpServer(command)
    try:
        outcome.check("the server is healthy", server.wait_until_healthy())
        take_steps(outcome, drivers, {"url": server.url}, steps)
    finally:
        outcome.check("the server leaves at SIGTERM", server.stop())
    return outcome


def take_steps(outcome, drivers, server, steps):
    session = outcome.session
    lines, stderr = drivers.run(session.client, {"mode": session.mode, "steps": steps, **server})
    if len(lines) != len(steps) + 2:
        outcome.check("the session ends", [f"{len(lines)} of {len(steps) + 2} lines; standard error: {stderr[-3000:]}"])
        return
    connected, *replies, closed = lines
    outcome.check("the revision", differences(session.revision, connected["connected"], "revision"))
    for step, reply in zip(steps, replies):
        limited = (session.client, step["do"]) in LIMITATIONS
        if limited and "unsupported" in reply:
            outcome.impossible.append(step["do"])
        elif limited:
            outcome.check(describe(step), ["the client can do this, so the declared limitation is out of date"])
        else:
            outcome.check(describe(step), judge(session, step, reply))
    outcome.check("nothing but messages, no complaints", closed["closed"]["complaints"])
    seconds = closed["closed"]["seconds"]
    late = seconds >= PATIENCE_OF_CLIENTS
    outcome.check("the connection closes", [f"took {seconds:.1f} s; the client may have killed the server"] if late else [])


def describe(step):
    return show({name: value for name, value in step.items() if not name.startswith("expect")})


def notices_noise(client, mode, drivers, command):
    """Checks that a client reports a line on standard output that is not a message.

    Without this check, the check for complaints might never fail.
    """
    outcome = Outcome(Session(client, mode, "stdio", "noise"))
    noisy = ["sh", "-c", 'echo this is no message; exec "$@"', "sh", *command]
    lines, _ = drivers.run(client, {"mode": mode, "command": noisy, "steps": []})
    complaints = lines[-1].get("closed", {}).get("complaints") if lines else None
    if (client, "noise") in LIMITATIONS and not complaints:
        outcome.impossible.append("noise")
    elif (client, "noise") in LIMITATIONS:
        outcome.check("noise", ["the client reports noise, so the declared limitation is out of date"])
    else:
        outcome.check("noise", [] if complaints else [f"no complaint about noise: {show(lines)}"])
    return outcome


# The servers


def make_directory(parent):
    """Creates the directory that the example `filesystem` serves, and a file beside it that must stay inaccessible."""
    root = parent / "root"
    (root / "sub").mkdir(parents=True)
    (parent / "secret").write_text("outside\n")
    (root / "a.txt").write_text("alpha\n")
    (root / "sub/a.txt").write_text("first line\nneedle in the second line\n")
    (root / "sub/b.txt").write_text("nothing here\n")
    (root / "sub/a name with spaces \u00fc.txt").write_text("spaces\n", encoding="utf-8")
    (root / "escape").symlink_to(parent / "secret")
    return root


def fill_in(value, root):
    """Replaces ${root} in the table by the served directory."""
    return json.loads(json.dumps(value).replace("${root}", str(root)))


# Reporting


def count(outcomes):
    return {
        "sessions": len(outcomes),
        "checks": sum(outcome.passed + len(outcome.failures) for outcome in outcomes),
        "not possible": sum(len(outcome.impossible) for outcome in outcomes),
    }


def skipped(outcomes, is_full):
    """What a run left out: a session without a check, or, of a full run, what `FULL` has in another number."""
    if not outcomes:
        return ["no session was selected"]
    lines = [f"{outcome.session}: nothing was checked" for outcome in outcomes if not any(count([outcome]).values())]
    counted = count(outcomes)
    if is_full and counted != FULL:
        lines.append(f"a full run has {show(FULL)}, this one had {show(counted)}")
    return lines


def report(outcomes, is_full):
    left_out = skipped(outcomes, is_full)
    failed = sum(len(outcome.failures) for outcome in outcomes) + len(left_out)
    passed = sum(outcome.passed for outcome in outcomes)
    for outcome in outcomes:
        for failure in outcome.failures:
            print(f"FAILED {outcome.session}: {failure}\n")
    for line in left_out:
        print(f"FAILED {line}\n")
    print_table(outcomes)
    for (client, what), reason in LIMITATIONS.items():
        times = sum(outcome.impossible.count(what) for outcome in outcomes if outcome.session.client == client)
        print(f"not possible: {client}, {what}" + (f" ({times} times)" if times else "") + f": {reason}")
    print(f"\n{passed} passed, {failed} failed")
    return failed


def print_table(outcomes):
    columns = list(dict.fromkeys((o.session.transport, o.session.example) for o in outcomes))
    rows = list(dict.fromkeys((o.session.client, o.session.mode) for o in outcomes))
    cells = {(o.session.client, o.session.mode, o.session.transport, o.session.example): o for o in outcomes}
    print(f"{'client':24}" + "".join(f"{transport + ' ' + example:>18}" for transport, example in columns))
    for row in rows:
        line = f"{' '.join(row):24}"
        for column in columns:
            outcome = cells.get((*row, *column))
            ran = f"{outcome.passed}/{outcome.passed + len(outcome.failures)}" if outcome else "-"
            line += f"{ran:>18}"
        print(line)
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=pathlib.Path, required=True, help="where `run` installed the clients")
    parser.add_argument("--examples", type=pathlib.Path, required=True, help="where the built examples are")
    parser.add_argument("--only", default="", help="a regular expression for the names of the sessions to run")
    options = parser.parse_args()

    drivers = Drivers(options.clients.absolute())
    table = json.loads((HERE / "expectations.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as directory:
        # Resolved, since links in the path of the temporary directory itself would look like an escape.
        root = make_directory(pathlib.Path(directory).resolve())
        examples = {
            name: ([str(options.examples.absolute() / name), *example.get("arguments", [])], example["steps"])
            for name, example in fill_in(table, root).items()
        }
        sessions = [
            Session(client, mode, transport, example)
            for client, modes in CLIENTS.items()
            for mode in modes
            for transport in TRANSPORTS
            for example in examples
            if client in table[example].get("clients", OFFICIAL)
        ]
        quiet_server = next(iter(examples.values()))[0]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            running = [
                pool.submit(run_session, session, drivers, *examples[session.example])
                for session in sessions
                if re.search(options.only, str(session))
            ] + [
                pool.submit(notices_noise, client, mode, drivers, quiet_server)
                for client, modes in CLIENTS.items()
                for mode in modes
                if re.search(options.only, f"{client} {mode}, stdio, noise")
            ]
            outcomes = [future.result() for future in running]
    sys.exit(1 if report(outcomes, is_full=not options.only) else 0)


if __name__ == "__main__":
    main()
