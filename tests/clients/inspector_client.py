"""The driver for the Inspector's command line. run.py documents the input and output of drivers.

Each step is one run of the Inspector, which connects, sends the request and disconnects.
"""

import json
import subprocess
import sys

# The command line of the Inspector, beginning with Node.
INSPECTOR = sys.argv[1:]


def pairs(arguments: dict) -> list[str]:
    return ["--prompt-args", *(f"{name}={value}" for name, value in arguments.items())] if arguments else []


def method(step: dict) -> list[str]:
    match step["do"]:
        case "server_info":
            return ["initialize"]
        case "list_tools":
            return ["tools/list"]
        case "call_tool":
            arguments = json.dumps(step["arguments"])
            return ["tools/call", "--tool-name", step["name"], "--tool-args-json", arguments]
        case "list_resources":
            return ["resources/list"]
        case "list_resource_templates":
            return ["resources/templates/list"]
        case "read_resource":
            return ["resources/read", "--uri", step["uri"]]
        case "list_prompts":
            return ["prompts/list"]
        case "get_prompt":
            return ["prompts/get", "--prompt-name", step["name"], *pairs(step["arguments"])]
        case "complete":
            return ["completion/complete"]
    raise ValueError(f"no such step: {step['do']}")


def inspect(job: dict, step: dict) -> dict:
    server = ["--transport", "http", "--server-url", job["url"]] if "url" in job else job["command"]
    options = ["--quiet", "--format", "json", "--protocol-era", job["mode"]]
    command = [*INSPECTOR, "--cli", *server, *options, "--method", *method(step)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if done.stdout:
        return {"result": json.loads(done.stdout)["result"]}
    error = json.loads(done.stderr)["error"]
    if error["message"].startswith("Unsupported method"):
        return {"unsupported": error["message"]}
    # The Inspector's own codes are strings; a number is the code of a protocol error.
    code = {"code": error["code"]} if isinstance(error["code"], int) else {}
    return {"error": {**code, "message": error["message"]}}


def say(**line: object) -> None:
    print(json.dumps(line), flush=True)


job = json.load(sys.stdin)
say(connected=inspect(job, {"do": "server_info"})["result"]["protocolVersion"])
for step in job["steps"]:
    say(**inspect(job, step))
say(closed={"seconds": 0, "complaints": []})
