"""Sends the same calls to servers directly and through a proxy, and compares the results.

The servers and calls are those of `tests/reference/calls`, and those of `calls` beside this file, in the same form. The
clients are the official ones for Python and TypeScript, in both eras. A modern client speaks directly with a server that is
not modern in the legacy era: a proxy bridges it. Each server is compared behind a proxy for it alone, and behind one
in which all are mounted (a gateway). The quickstart is compared behind FastMCP's proxy, and a server behind FastMCP's proxy
with the same server behind both proxies.

Definitions, results, errors, questions to the client and progress are compared member by member. What differs by design is in
`DIFFERENCES`, with its reason. A difference that is not there, and a row that does not occur, is an error.
"""

import argparse
import asyncio
import concurrent.futures
import contextlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "clients"), str(HERE.parent / "reference")]

import compare  # noqa: E402
from session import session  # noqa: E402

MODERN = "2026-07-28"
SESSIONS = [(client, era) for client in ("python", "typescript") for era in ("legacy", "modern")]
LISTS = {"tools": "name", "resources": "uri", "resourceTemplates": "uriTemplate", "prompts": "name"}
SERVERS = ["filesystem", "memory", "everything", "git", "fetch", "time", "fastmcp", "typescript"]
MODES = {"legacy": "legacy", "modern": MODERN}
# In seconds, of all calls of a session.
TIMEOUT = 300
# Members of results that each server sets for itself.
OWN = ("resultType", "ttlMs", "cacheScope")
# Members of questions that not each era has.
OF_ERAS = ("_meta", "task", "elicitationId")
SERVER_INFO = "io.modelcontextprotocol/serverInfo"

ANY = ".*"
BRIDGED = "proxy|gateway|slow|both"
UNKNOWN_TOOL = "content|isError|error code|error message"

# (way, server, client, era, call, part) as regular expressions -> the reason.
DIFFERENCES = {
    (BRIDGED, ANY, ANY, ANY, "definition of .*", "execution"): "a proxy has no tasks, as no server of the newest revision",
    (BRIDGED, ANY, ANY, ANY, "an unknown tool", UNKNOWN_TOOL): "the proxy knows all tools, and reports a protocol error",
    (BRIDGED, ANY, ANY, ANY, "an unknown prompt|completions of an unknown .*", "error message"): "the text is that of the proxy",
    (BRIDGED, ANY, ANY, ANY, "(a|the) prompt without .*", "error message"): "the proxy checks that required arguments are there",
    (BRIDGED, ANY, ANY, ANY, "a prompt.*|the simple prompt", "description"): "it is always that of the definition",
    (BRIDGED, ANY, ANY, ANY, "the (places|days) of .*", "error message"): "the text for a missing method is that of the proxy",
    (BRIDGED, ANY, ANY, ANY, "an unknown (resource|document)|resource 0 that is read|a resource that is no number", "error .*"):
        "a missing resource has the code and text of the revision",
    (BRIDGED, ANY, ANY, ANY, "(the days of a prompt|an argument without completions)", "completion"):
        "an empty list has the total 0",
    (BRIDGED, "everything", ANY, ANY, "an unknown argument", ANY): "the proxy knows the arguments, and refuses others",
    (BRIDGED, "everything", ANY, ANY, "definition of `simulate-research-query` in `tools`|a call without a task", ANY):
        "a tool that requires a task is left out",
    ("proxy|gateway|slow", "fastmcp", ANY, "legacy", "a question .*", "asked"):
        "the proxy speaks the newest revision, in which the server writes the form by itself",
    ("gateway", "fastmcp", ANY, ANY, "the (places|days) of a .*", "isError|error code|completion"):
        "the servers of a gateway have one set of capabilities: one without completions has empty ones",
    ("both", ANY, ANY, "legacy", "a question .*", "content"):
        "FastMCP's proxy asks no questions in this era, and the error is that of the server",
    ("FastMCP", ANY, ANY, ANY, "definition of .*", "_meta|title"): "FastMCP's proxy adds its own",
    ("FastMCP", ANY, ANY, ANY, "an unknown tool", UNKNOWN_TOOL): "FastMCP's proxy reports the error of a tool",
    ("FastMCP", ANY, ANY, ANY, "an unknown resource", "error .*"):
        "FastMCP's proxy has the code of the newest revision, and its text",
}
# The same for differences that do not occur in each run.
TIMING = {
    # Its `_onnotification` calls the handler of progress later, and `_onresponse` removes this handler at once.
    (BRIDGED, "everything", "typescript", ANY, "(a short|an) operation.*", "progress"):
        "the client loses progress that it reads together with the result",
}


# Comparing


def own_members_removed(result):
    """Returns a result without what each server says for itself."""
    result = {name: member for name, member in result.items() if name not in OWN}
    # The default.
    if result.get("isError") is False:
        del result["isError"]
    if "_meta" in result:
        result["_meta"] = {name: member for name, member in result["_meta"].items() if name != SERVER_INFO}
        if not result["_meta"]:
            del result["_meta"]
    return result


def question(params):
    """Returns a question to the client without what not each era has, and with the default of its kind."""
    kind = {"mode": "form"} if "requestedSchema" in params else {}
    return {**kind, **{name: member for name, member in params.items() if name not in OF_ERAS}}


def parts_of(results, steps, places):
    """Returns {call: {part: value}} of all results of a session."""
    compared = {}
    for name, key in LISTS.items():
        # A proxy leaves out the tools that require a task, and keeps the order of the others.
        ordered = [it[key] for it in results[name] if it.get("execution", {}).get("taskSupport") != "required"]
        compared[f"the order of `{name}`"] = {"all": compare.normalise(ordered, {}, places)}
        for definition in results[name]:
            call = f"definition of `{compare.without_places(definition[key], places)}` in `{name}`"
            compared[call] = compare.normalise(definition, {}, places, left_out=())
    for step in steps:
        # The directory above has another name in each session.
        step = {**step, "hide": {re.escape(str(places["root"].parent)): "parent", **step.get("hide", {})}}
        result = own_members_removed(results[step["name"]])
        result["asked"] = [question(params) for params in result.get("asked", [])]
        if "error" in result:
            result.update({f"error {name}": member for name, member in result.pop("error").items()})
        compared[step["name"]] = compare.normalise(result, step, places, left_out=())
    return compared


def differences(direct, proxied):
    """Returns (call, part, direct value, value through the proxy)."""
    for call in dict.fromkeys([*direct, *proxied]):
        one, other = direct.get(call), proxied.get(call)
        if one is None or other is None:
            yield call, "all", *compare.excerpts(compare.show(one), compare.show(other))
            continue
        for part in dict.fromkeys([*one, *other]):
            if one.get(part) != other.get(part):
                yield call, part, *compare.excerpts(compare.show(one.get(part)), compare.show(other.get(part)))


# Running


def run(client, mode, command, description, cwd, options):
    """Returns the results of a session of a client."""
    if client == "python":
        return asyncio.run(asyncio.wait_for(session(command, description, cwd, mode), TIMEOUT))
    job = {"command": command, "description": description, "cwd": str(cwd), "mode": mode}
    node = options.clients / "node/node_modules/node/bin/node"
    done = subprocess.run(
        [node, options.clients / "node/session.mjs"],
        input=json.dumps(job), capture_output=True, text=True, timeout=TIMEOUT,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout)


@contextlib.contextmanager
def prepared(name, options):
    """Fills the directory of a server. Returns its description, and all places."""
    calls = HERE / "calls" if (HERE / "calls" / f"{name}.json").exists() else compare.HERE / "calls"
    with compare.prepared(name, options.places, calls) as (description, places):
        # Each call of a tool of this server starts Node.
        every = 6 if name == "fetch" else 1
        steps = [it for index, it in enumerate(description["steps"]) if "call" not in it or index % every == 0]
        yield {**description, "steps": steps}, places


def direct(name, client, era, options):
    """Returns what is compared of a session with a server: {call: {part: value}}."""
    with prepared(name, options) as (description, places):
        # A server that is not modern is spoken with in the legacy era.
        mode = "auto" if era == "modern" else "legacy"
        results = run(client, mode, description["reference"], description, places["root"], options)
        return parts_of(results, description["steps"], places)


def bridge(command, options):
    """Returns the command of a proxy in front of a command."""
    program, *arguments = map(str, command)
    return ["env", f"UPSTREAM_COMMAND={program}", "UPSTREAM_ARGS=" + "\n".join(arguments), str(options.proxy)]


def slowly(command, _options):
    """Returns the command of a server that needs longer to start than a proxy waits for the answer to its first question."""
    return ["sh", "-c", 'sleep 6; exec "$0" "$@"', *command]


def fastmcp(command, options):
    """Returns the command of FastMCP's proxy in front of a command."""
    return [str(options.installed / "venv/bin/python"), str(HERE / "fastmcp_proxy.py"), *map(str, command)]


def proxied(name, client, era, options, *fronts):
    """The same through proxies in front of the server, of which the last one is in front."""
    with prepared(name, options) as (description, places):
        command = description["reference"]
        for front in fronts:
            command = front(command, options)
        results = run(client, MODES[era], command, description, places["root"], options)
        return parts_of(results, description["steps"], places)


def mounted(client, era, options):
    """The same through a gateway in which all servers are mounted, by the name of the server."""
    with contextlib.ExitStack() as stack:
        all_prepared = {name: stack.enter_context(prepared(name, options)) for name in SERVERS}
        servers, steps, answers = {}, [], {}
        for name, (description, places) in all_prepared.items():
            program, *arguments = description["reference"]
            env = description.get("env", {})
            servers[name] = {"command": str(program), "args": arguments, "env": env, "cwd": str(places["root"])}
            answers.update(description.get("answers", {}))
            steps += [with_prefix(name, description, step) for step in description["steps"]]
        root = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (root / "mcp.json").write_text(json.dumps({"mcpServers": servers}))
        command = ["env", f"MCP_CONFIG={root / 'mcp.json'}", str(options.proxy)]
        results = run(client, MODES[era], command, {"answers": answers, "steps": steps}, root, options)
        return {
            name: parts_of(without_prefix(name, results), description["steps"], places)
            for name, (description, places) in all_prepared.items()
        }


def with_prefix(prefix, description, step):
    """Returns a step of a server for the gateway in which it is mounted."""
    step = {**step, "name": f"{prefix}: {step['name']}"}
    step["answers"] = {**description.get("answers", {}), **step.get("answers", {})}
    for kind in ("call", "prompt", "read", "complete"):
        if kind in step:
            name = step[kind]
            step[kind] = name.replace("://", f"://{prefix}/", 1) if "://" in name else f"{prefix}_{name}"
    return step


def without_prefix(prefix, results):
    """Returns the results of one server of a gateway, with its own names and URIs."""
    own = {}
    for name, key in LISTS.items():
        members = [it for it in results[name] if re.match(rf"{prefix}_|[a-z]+://{prefix}/", it[key])]
        own[name] = [{**it, "name": it["name"].removeprefix(f"{prefix}_")} for it in members]
    start = f"{prefix}: "
    own.update({name.removeprefix(start): result for name, result in results.items() if name.startswith(start)})
    text = json.dumps(own).replace(f"://{prefix}/", "://").replace(f"`{prefix}_", "`")
    return json.loads(text)


def jobs(options, submit):
    """Starts all sessions. Returns [(way, server, client, era, future direct result, future other result)]."""
    names = options.names or SERVERS
    started = []
    for name in names:
        for client, era in SESSIONS:
            alone = submit(direct, name, client, era, options)
            started.append(("proxy", name, client, era, alone, submit(proxied, name, client, era, options, bridge)))
    if options.names:
        return started
    directly = {job[1:4]: job[4] for job in started}
    for client, era in SESSIONS:
        together = submit(mounted, client, era, options)
        started += [("gateway", name, client, era, directly[name, client, era], together) for name in names]
    for era in MODES:
        place = ("fastmcp", "python", era)
        started.append(("slow", *place, directly[place], submit(proxied, *place, options, slowly, bridge)))
        place = ("quickstart", "python", era)
        started.append(("FastMCP", *place, submit(direct, *place, options), submit(proxied, *place, options, fastmcp)))
        # FastMCP's proxy in front of a server, and in front of a proxy in front of it.
        place = ("typescript", "python", era)
        alone = submit(proxied, *place, options, fastmcp)
        started.append(("both", *place, alone, submit(proxied, *place, options, bridge, fastmcp)))
    return started


def reason_of(row):
    """Returns the row of the table for a difference, if there is one."""
    for patterns in [*DIFFERENCES, *TIMING]:
        if all(re.fullmatch(pattern, value, re.DOTALL) for pattern, value in zip(patterns, row)):
            return patterns
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clients", type=pathlib.Path, required=True)
    parser.add_argument("--reference", type=pathlib.Path, required=True)
    parser.add_argument("--installed", type=pathlib.Path, required=True, help="FastMCP and the SDK for TypeScript")
    parser.add_argument("--built", type=pathlib.Path, required=True, help="the proxies and examples")
    parser.add_argument("names", nargs="*", help="the servers; by default all")
    options = parser.parse_args()
    node = options.clients / "node/node_modules/node/bin/node"
    options.proxy = options.built / "proxy-server"
    options.places = {
        "reference": options.reference, "installed": options.installed, "examples": options.built / "examples",
        "node": node, "node_directory": node.parent, "here": HERE,
    }
    problems, used = [], set()
    print(f"{'through':<8} {'server':<11} {'client':<11} {'era':<7} {'compared':>8} {'differences':>11} {'unknown':>8}")
    # The machine has few processors, and a proxy waits for the start of its server for only so long.
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for way, name, client, era, alone, other in jobs(options, pool.submit):
            place = f"{way}, {name}, {client}, {era}"
            try:
                one, other = alone.result(), other.result()
            except Exception as error:
                problems.append(f"{place}: {type(error).__name__}: {error}")
                continue
            found = list(differences(one, other[name] if way == "gateway" else other))
            known = [reason_of((way, name, client, era, call, part)) for call, part, *_ in found]
            used.update(known)
            unknown = [row for row, reason in zip(found, known) if reason is None]
            problems += [f"{place}: {call}: {part}: {one} | {other}" for call, part, one, other in unknown]
            counts = f"{len(one):>8} {len(found):>11} {len(unknown):>8}"
            print(f"{way:<8} {name:<11} {client:<11} {era:<7} {counts}", flush=True)
    problems += [f"does not occur: {row}" for row in DIFFERENCES if row not in used and not options.names]
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
