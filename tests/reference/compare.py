"""Compares the examples with the reference servers, and drives the examples with the official clients, in both eras.

`calls/NAME.json` describes one pair of servers, or an example that has no reference server:

    "reference", "example"   the commands; ${reference}, ${examples}, ${root}, ${node}, ${node_directory} and ${address} (an
                             address on which nothing listens) are filled in
    "url"                    where the example serves HTTP; without it, it is started on stdio
    "env"                    environment variables of both
    "prepare"                the commands that fill the directory ${root}, which each server has for itself
    "failed"                 a regular expression: the texts of results that are errors of the reference server
    "smoke"                  the call that each official client makes
    "site"                   the website with the URL ${site} and the address ${host}: answers by path, each with
                             "status" (by default 200), "headers", and one of
                             "text" in an "encoding" (by default UTF-8), "times" over; "base64"; "file" in `pages`.
                             Other paths have the status 404
    "answers"                the answers of the client: "elicitation" (its result), "sampling" (its result), "roots" (a list).
                             Without an answer, the client does not have the capability
    "steps"                  the calls; each has a unique "name", and one of
                             "call" (a tool) with "arguments",
                             "read" with a URI,
                             "prompt" with "arguments",
                             "complete" (a prompt, or the URI of a template) with "argument" (its name and begin), and
                             "context" (the arguments that are known)

A step may have:

    "answers": {}            other answers to the questions of this call
    "unordered": true        the order of lines, or of the members of JSON arrays, has no meaning
    "python": true           the text of the reference server is a Python literal, which is compared as JSON, and it has no
                             structured content
    "hide": {REGEX: NAME}    replaces what differs in each run, such as times
    "end": "JSON"            the text ends in a JSON object, which is compared as JSON

The definitions of tools, resources, templates and prompts are compared too, on all pages of the lists, and so are the
questions to the client. Texts of errors are not compared, only that there is an error.

All differences are in the tables of `docs/reference-servers.md`, with both values and a reason. A difference that is not
there, and a row that does not occur, is an error. With --write, the rows are written; new ones need a reason.
"""

import argparse
import ast
import asyncio
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "clients"))

from processes import Drivers, free_address  # noqa: E402
from session import session  # noqa: E402
from website import serve  # noqa: E402

TABLES = HERE.parents[1] / "docs/reference-servers.md"
HEADER = "| call | part | reference server | example | reason |\n|---|---|---|---|---|\n"
NO_REASON = "TO DO"
# The official clients, and the eras in which each of them drives an example.
SESSIONS = [(client, mode) for client in ("python", "typescript") for mode in ("modern", "legacy")]
# The number of characters of a value in a table.
SHOWN = 200


# Normalising


def parts_of(result, step, places, failed):
    """Returns what is compared of a result, by the name of the part.

    `failed` is the regular expression for the texts with which a reference server reports errors, or None.
    """
    content = result.get("content", [])
    texts = [block["text"] for block in content if block.get("type") == "text"]
    if result.get("isError") or (failed and texts and re.match(failed, texts[0])):
        return {"result": "an error"}
    for name in ("contents", "messages", "completion"):
        if name in result:
            return {"result": normalise(result[name], step, places)}
    if step.get("python") and texts:
        try:
            content = [{"type": "text", "text": json.dumps(ast.literal_eval(texts[0]), default=repr)}]
        except (SyntaxError, ValueError):
            pass
    shown = normalise(content, step, places)
    is_one_text = len(content) == 1 and set(content[0]) == {"type", "text"}
    parts = {"asked": normalise([question(params) for params in result["asked"]], step, places)} if "asked" in result else {}
    parts["result"] = shown[0]["text"] if is_one_text else shown
    # That the reference server has none is a difference of the definitions.
    if "structuredContent" in result and not step.get("python"):
        parts["structured"] = normalise(result["structuredContent"], step, places)
    return parts


def question(params):
    """Returns what is compared of a question to the client."""
    members = {name: member for name, member in params.items() if name not in ("_meta", "task", "elicitationId")}
    if "requestedSchema" in members:
        members["requestedSchema"] = arguments(members["requestedSchema"])
    return members


# By default, `_meta` is left out: it is only for the client's cache.
def normalise(value, step, places, left_out=("_meta",)):
    if isinstance(value, dict):
        return {name: normalise(it, step, places, left_out) for name, it in value.items() if name not in left_out}
    if isinstance(value, list):
        return in_order([normalise(member, step, places, left_out) for member in value], step)
    if not isinstance(value, str):
        return value
    value = without_places(value, places)
    for pattern, name in step.get("hide", {}).items():
        value = re.sub(pattern, f"<{name}>", value)
    start = value.find("{")
    if step.get("end") == "JSON" and start > 0:
        return [value[:start], normalise(value[start:], step, places, left_out)]
    try:
        parsed = json.loads(value)
    except ValueError:
        return "\n".join(in_order(value.split("\n"), step))
    # JSON in a text is compared as JSON: its indentation has no meaning.
    return {"JSON": normalise(parsed, step, places, left_out)} if isinstance(parsed, (dict, list)) else value


def without_places(text, places):
    """Replaces what each run has at another place."""
    for name in ("root", "site", "host"):
        if name in places:
            text = text.replace(str(places[name]), f"<{name}>")
    return text


def in_order(members, step):
    return sorted(members, key=lambda member: json.dumps(member, sort_keys=True)) if step.get("unordered") else members


def definitions(lists, places):
    """Returns what is compared of the definitions of a server: (name, parts)."""
    for tool in lists["tools"]:
        output = tool.get("outputSchema", {}).get("properties")
        yield f"definition of `{tool['name']}`", {
            "hints": hints(tool.get("annotations", {})),
            "arguments": arguments(tool["inputSchema"]),
            "output": output and {name: kind(member) for name, member in sorted(output.items())},
        }
    for name, key in (("resources", "uri"), ("resourceTemplates", "uriTemplate"), ("prompts", "name")):
        members = {without_places(component[key], places): component.get("mimeType", "") for component in lists[name]}
        yield f"the list `{name}`", {"all": members or None}


def arguments(schema):
    """Returns the types of the members of an object. `?` marks the optional ones."""
    required = schema.get("required", [])
    members = sorted(schema.get("properties", {}).items())
    return {name: kind(member) + ("" if name in required else "?") for name, member in members}


def kind(schema):
    """Returns the type of a schema, without null."""
    kinds = schema.get("type") or [member.get("type", "object") for member in schema.get("anyOf", [])] or "object"
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return "/".join(sorted(it for it in kinds if it != "null"))


def hints(annotations):
    """Returns the hints of a tool. Those that are left out have the values of the specification."""
    is_read_only = annotations.get("readOnlyHint", False)
    found = ["read-only"] if is_read_only else ["writes"]
    if not is_read_only:
        found += ["destructive"] if annotations.get("destructiveHint", True) else []
        found += ["idempotent"] if annotations.get("idempotentHint", False) else []
    return " ".join(found + (["open world"] if annotations.get("openWorldHint", True) else []))


# Comparing


def differences(reference, example):
    """Returns (call, part, value of the reference server, value of the example)."""
    for name in dict.fromkeys([*reference, *example]):
        one, other = reference.get(name), example.get(name)
        if one is None or other is None:
            yield name, "all", show(one), show(other)
            continue
        for part in dict.fromkeys([*one, *other]):
            if one.get(part) != other.get(part):
                yield name, part, *excerpts(show(one.get(part)), show(other.get(part)))
            # The structured content repeats what the text says.
            if part == "result" and one[part] != other[part]:
                break


def show(value):
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    # Control characters are shown as in JSON.
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def excerpts(one, other):
    """Shortens two values to the part in which they differ."""
    start = len(os.path.commonprefix([one, other]))
    start = max(0, start - 40) if start > 60 else 0
    return [("..." if start else "") + it[start : start + SHOWN] + ("..." if len(it) > start + SHOWN else "") for it in (one, other)]


def in_table(text):
    """Returns a value as the code of a table cell."""
    escaped = text.replace("|", "\\|")
    fence = "``" if "`" in escaped else "`"
    return f"{fence} {escaped} {fence}" if len(fence) == 2 else f"`{escaped}`"


def rows_of(tables, server):
    """Returns the rows of a server in the document: {(call, part, reference, example): reason}."""
    section = re.search(rf"^## {server}\n(.*?)(?=^## |\Z)", tables, re.MULTILINE | re.DOTALL)
    if not section:
        return {}
    lines = [line for line in section[1].splitlines() if line.startswith("| ") and not line.startswith("| call |")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return {tuple(row[:4]): row[4] for row in cells}


def write_rows(tables, server, found, known):
    """Writes the rows of a server. A row with known call and part keeps its reason."""
    reasons = {row[:2]: reason for row, reason in known.items()}
    rows = "".join(f"| {' | '.join(row)} | {reasons.get(row[:2], NO_REASON)} |\n" for row in found)
    section = re.search(rf"^## {server}\n(.*?)(?=^## |\Z)", tables, re.MULTILINE | re.DOTALL)
    before = re.split(r"^\| call \|", section[1], flags=re.MULTILINE)[0].strip() if section else ""
    new = f"## {server}\n\n{before and before + chr(10) * 2}{HEADER}{rows}\n"
    return tables.replace(section[0], new) if section else tables.rstrip() + "\n\n" + new


# Running


def fill_in(value, places):
    text = json.dumps(value)
    for name, place in places.items():
        text = text.replace("${" + name + "}", str(place))
    return json.loads(text)


@contextlib.contextmanager
def prepared(name, places, calls=HERE / "calls"):
    """Fills the directory of a server and starts its website. Returns its description, and all places."""
    raw = json.loads((calls / f"{name}.json").read_text())
    with tempfile.TemporaryDirectory() as parent, contextlib.ExitStack() as stack:
        # The names are equally long, so that sizes and tables are the same.
        places = {**places, "root": pathlib.Path(parent).resolve() / "root", "address": free_address()}
        places["root"].mkdir()
        if "site" in raw:
            places["host"] = stack.enter_context(serve(raw["site"]))
            places["site"] = f"http://{places['host']}"
        description = fill_in(raw, places)
        for command in description.get("prepare", []):
            subprocess.run(["sh", "-euc", command], cwd=places["root"], check=True, stdout=subprocess.DEVNULL)
        yield description, places


def compare(name, places):
    """Returns the differences of one pair of servers, and the number of compared calls and definitions."""
    found = {}
    for side in ("reference", "example"):
        with prepared(name, places) as (description, filled):
            failed = description.get("failed") if side == "reference" else None
            results = asyncio.run(session(description[side], description, filled["root"]))
            compared = dict(definitions(results, filled))
            for step in description["steps"]:
                compared[step["name"]] = parts_of(results[step["name"]], step, filled, failed)
            found[side] = compared
    rows = [(call, part, in_table(one), in_table(other)) for call, part, one, other in differences(**found)]
    return rows, len(dict.fromkeys([*found["reference"], *found["example"]]))


@contextlib.contextmanager
def started(description):
    """Starts an example, if it serves HTTP. Returns how a driver reaches it."""
    # The drivers have no environment of their own.
    env = [f"{key}={value}" for key, value in description.get("env", {}).items()]
    command = ["env", *env, *description["example"]]
    if "url" not in description:
        yield {"command": command}
        return
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server:
        try:
            # The line that says where it serves.
            server.stderr.readline()
            yield {"url": description["url"]}
        finally:
            server.terminate()


def drive(name, places, drivers):
    """Lets the official clients list the tools of an example and call one of them. Returns the problems."""
    for client, mode in SESSIONS:
        with prepared(name, places) as (description, _), started(description) as server:
            smoke = {"do": "call_tool", **description["smoke"]}
            steps = [{"do": "server_info"}, {"do": "list_tools"}, smoke]
            lines, stderr = drivers.run(client, {"mode": mode, "steps": steps, **server})
        problems = [line for line in lines if "error" in line or line.get("result", {}).get("isError")]
        problems += [line for line in lines if line.get("closed", {}).get("complaints")]
        if len(lines) != 5 or problems:
            yield f"{name}: the {client} client, {mode}: {json.dumps(problems or lines)[:1000]} {stderr[-1000:]}"


def has_reference(name):
    return "reference" in json.loads((HERE / "calls" / f"{name}.json").read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clients", type=pathlib.Path, required=True)
    parser.add_argument("--reference", type=pathlib.Path, required=True)
    parser.add_argument("--examples", type=pathlib.Path, required=True)
    parser.add_argument("--write", action="store_true", help="write the rows of the tables")
    parser.add_argument("names", nargs="*", help="the servers; by default all")
    options = parser.parse_args()
    node = options.clients / "node/node_modules/node/bin/node"
    places = {"reference": options.reference, "examples": options.examples, "node": node, "node_directory": node.parent}
    names = options.names or sorted(path.stem for path in (HERE / "calls").glob("*.json"))
    tables = TABLES.read_text()
    problems = []
    for name in names:
        compared = "no reference server"
        if has_reference(name):
            found, count = compare(name, places)
            known = rows_of(tables, name)
            if options.write:
                tables = write_rows(tables, name, found, known)
                TABLES.write_text(tables)
                known = rows_of(tables, name)
            problems += [f"{name}: not in {TABLES.name}: {' | '.join(row)}" for row in found if row not in known]
            problems += [f"{name}: in {TABLES.name}, but does not occur: {' | '.join(row)}" for row in known if row not in found]
            problems += [f"{name}: without a reason: {' | '.join(row)}" for row, reason in known.items() if reason in ("", NO_REASON)]
            compared = f"{count} calls and definitions, {len(found)} differences"
        driven = list(drive(name, places, Drivers(options.clients)))
        problems += driven
        print(f"{name}: {compared}; {len(SESSIONS) - len(driven)} of {len(SESSIONS)} sessions of official clients")
    for problem in problems:
        print(problem, file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
