"""Runs official clients against the conformance server over stdio, and validates every message in both directions.

The official suite supports HTTP only. These tests check that each message is valid for the official JSON Schema of its
revision, and that no reply is an error, except those of tools that fail on purpose.
"""

import argparse
import collections
import json
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "clients"))

from messages import Conversation, Schema
from processes import Drivers

MODERN, LEGACY = "2026-07-28", "2025-11-25"
# How many servers each client starts in each mode, which is one recording each. A smaller number means that something
# was skipped; a larger one is to be pinned here.
CLIENTS = {
    "python": {"modern": 1, "legacy": 1},
    "typescript": {"modern": 2, "legacy": 1},
    "inspector": {"modern": 28, "legacy": 28},
}
# How many tools of the server every client calls, beside those in `ASKING`.
TOOLS = 16
SCHEMAS = tuple(f"schema-{revision}.json" for revision in (MODERN, LEGACY))
LOGS = {"io.modelcontextprotocol/logLevel": "debug"}

# The arguments of tools; all others are called without arguments.
ARGUMENTS = {
    "test_x_mcp_header": {"value": "Gr\u00fc\u00dfe"},
    "json_schema_2020_12_tool": {"name": "Ada", "email": "a@b"},
    "greet": {"name": "Ada"},
}
# Tools that ask the user a question, with the arguments of the call. The user declines.
ASKING = {
    "test_elicitation": {"message": "Who are you?"},
    "test_elicitation_sep1034_defaults": {},
    "test_elicitation_sep1330_enums": {},
    "test_input_required_result_elicitation": {},
}
# Tools that ask for something that some of these clients do not have, such as a model.
ASKING_MORE = ("test_sampling", "test_input_required_result", "test_streaming_elicitation")
# Tools of the extension for tasks, which the suite itself calls: the messages about tasks are in no official schema.
OF_TASKS = ("slow_compute", "failing_job", "protocol_error_job", "confirm_delete", "multi_input", "test_tool_with_task")
# Tools that fail, each with a part of the error message that the client reports.
FAILING = {
    "test_error_handling": "intentionally",
    "test_missing_capability": "sample a model",
    "test_input_required_result_elicitation": "declined",
}

# Messages that must be recorded; otherwise the recorder does not work.
HEARD = {
    ("server", "tools/list result"),
    ("server", "tools/call result"),
    ("server", "resources/read result"),
    ("server", "prompts/get result"),
}
# The message that asks the user, by mode.
QUESTIONS = {"modern": ("server", "tools/call questions"), "legacy": ("server", "elicitation/create")}
# The same as HEARD, for the clients that keep a connection and send all requests.
HEARD_OF_SDKS = HEARD | {
    ("server", "notifications/progress"),
    ("server", "notifications/message"),
    ("server", "completion/complete result"),
}


def steps_for(client, mode, tools):
    if mode == "legacy" and client != "inspector":
        yield {"do": "set_logging_level", "level": "debug"}
    yield {"do": "list_tools"}
    for tool in tools:
        arguments = ARGUMENTS.get(tool, {})
        logs = {"meta": LOGS} if mode == "modern" and client != "inspector" else {}
        yield {"do": "call_tool", "name": tool, "arguments": arguments, "progress": True, **logs}
    if client != "inspector":
        for tool, arguments in ASKING.items():
            yield {"do": "call_tool", "name": tool, "arguments": arguments, "answers": [{"action": "decline"}]}
    yield {"do": "list_resources"}
    yield {"do": "list_resource_templates"}
    for uri in ("test://static-text", "test://static-binary", "test://template/123/data"):
        yield {"do": "read_resource", "uri": uri}
    yield {"do": "list_prompts"}
    yield {"do": "get_prompt", "name": "test_simple_prompt", "arguments": {}}
    yield {"do": "get_prompt", "name": "test_prompt_with_arguments", "arguments": {"arg1": "a", "arg2": "b"}}
    yield {"do": "get_prompt", "name": "test_prompt_with_embedded_resource", "arguments": {"resourceUri": "test://x"}}
    yield {"do": "get_prompt", "name": "test_prompt_with_image", "arguments": {}}
    if client != "inspector":
        yield {"do": "complete", "prompt": "test_prompt_with_arguments", "argument": "arg1", "value": "test"}


def judge(step, reply):
    """Returns the problems with the reply that the client reports."""
    result = reply.get("result", {})
    failed = "error" in reply or result.get("isError")
    expected = FAILING.get(step.get("name"))
    if expected is None:
        return [f"{step} failed: {reply}"] if failed or "result" not in reply else []
    return [] if failed and expected in json.dumps(reply).lower() else [f"{step} should fail: {reply}"]


def recordings(directory, revision, schemas):
    """Yields the conversation with each started server, and its mistakes."""
    for path in sorted(directory.glob("*.jsonl")):
        conversation, mistakes = Conversation(Schema(schemas / f"schema-{revision}.json")), []
        for record in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            found = conversation.hear(record["from"], record["line"])
            mistakes += [f"{record['from']}: {mistake}: {record['line'][:300]}" for mistake in found]
        yield conversation, mistakes + conversation.unanswered()


class Session:
    """One client in one mode."""

    def __init__(self, client, mode, drivers, server, schemas):
        self.client, self.mode, self.drivers, self.server, self.schemas = client, mode, drivers, server, schemas
        self.problems = []

    def drive(self, directory, steps):
        # One recording for each server process: some clients start several.
        record = 'exec "$1" "$2" "$3/$$.jsonl" "$4"'
        command = ["sh", "-c", record, "sh", sys.executable, str(HERE / "record.py"), str(directory), self.server]
        lines, stderr = self.drivers.run(self.client, {"mode": self.mode, "command": command, "steps": steps})
        if len(lines) != len(steps) + 2:
            self.problems.append(f"the session ended early: {stderr[-2000:]}")
            return []
        self.problems += [f"complaint: {complaint}" for complaint in lines[-1]["closed"]["complaints"]]
        return lines[1:-1]

    def run(self, directory, tools):
        steps = list(steps_for(self.client, self.mode, tools))
        replies = self.drive(directory, steps)
        self.problems += [problem for step, reply in zip(steps, replies) for problem in judge(step, reply)]
        heard, counted = collections.Counter(), 0
        for conversation, mistakes in recordings(directory, MODERN if self.mode == "modern" else LEGACY, self.schemas):
            self.problems += mistakes
            heard += conversation.valid
            counted += 1
        if counted != CLIENTS[self.client][self.mode]:
            self.problems.append(f"{counted} recordings, but pinned are {CLIENTS[self.client][self.mode]}")
        wanted = HEARD if self.client == "inspector" else HEARD_OF_SDKS | {QUESTIONS[self.mode]}
        self.problems += [f"no valid message: {what} of the {who}" for who, what in sorted(wanted - heard.keys())]
        return heard


def notices_mistakes(schemas):
    """Returns the problems of the validator itself, which must report each of these messages."""
    call = '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}'
    wrong = {
        "not JSON": [("server", "hello")],
        "a reply to nothing": [("server", '{"jsonrpc":"2.0","id":1,"result":{}}')],
        "a result without its members": [("client", call), ("server", '{"jsonrpc":"2.0","id":1,"result":{}}')],
        "an unknown notification": [("server", '{"jsonrpc":"2.0","method":"notifications/none"}')],
        "progress without a token": [
            ("server", '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}')
        ],
    }
    problems = []
    for name, lines in wrong.items():
        conversation = Conversation(Schema(schemas / f"schema-{LEGACY}.json"))
        if not [conversation.hear(who, line) for who, line in lines][-1]:
            problems.append(f"the validator does not notice {name}")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=pathlib.Path, required=True, help="where the clients are installed")
    parser.add_argument("--examples", type=pathlib.Path, required=True, help="where the built examples are")
    parser.add_argument("--schemas", type=pathlib.Path, required=True, help="where the official schemas are")
    options = parser.parse_args()
    missing = [path for path in map(options.schemas.joinpath, SCHEMAS) if not path.is_file()]
    if missing:
        sys.exit(f"FAILED the official schemas are not beside the repository: {', '.join(map(str, missing))}")

    drivers = Drivers(options.clients.absolute())
    server = str(options.examples.absolute() / "conformance")
    problems = notices_mistakes(options.schemas)
    with tempfile.TemporaryDirectory() as directory:
        first = Session("python", "modern", drivers, server, options.schemas)
        [listed] = first.drive(pathlib.Path(directory), [{"do": "list_tools"}]) or [{"result": {"tools": []}}]
    others = (*ASKING, *ASKING_MORE, *OF_TASKS)
    tools = [tool["name"] for tool in listed["result"]["tools"] if not tool["name"].startswith(others)]
    if len(tools) != TOOLS:
        problems.append(f"{len(tools)} tools are called, but pinned are {TOOLS}")
    for client, modes in CLIENTS.items():
        for mode in modes:
            session = Session(client, mode, drivers, server, options.schemas)
            with tempfile.TemporaryDirectory() as directory:
                heard = session.run(pathlib.Path(directory), tools)
            count = {who: sum(n for (speaker, _), n in heard.items() if speaker == who) for who in ("client", "server")}
            print(
                f"stdio, {client + ' ' + mode:20}{count['client']:4} messages of the client valid, "
                f"{count['server']:4} of the server; {len(session.problems)} problems",
                flush=True,
            )
            problems += [f"stdio, {client} {mode}: {problem}" for problem in session.problems]
    for problem in problems:
        print(f"FAILED {problem}\n")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
