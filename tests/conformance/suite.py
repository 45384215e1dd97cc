"""Runs the official conformance suite against a server over HTTP and reports the failures.

A scenario passes if at least one of its checks succeeded and none failed or warned.
"""

import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "clients"))

from processes import HttpServer

# The sets of scenarios: a name, and the options of the suite that select it.
SETS = [
    *((f"all of {revision}", ["--suite", "all", "--spec-version", revision])
      for revision in ("2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")),
    *((f"required by {revision}", ["--requirements", revision])
      for revision in ("2025-11-25", "2026-07-28")),
]  # fmt: skip

# In seconds. The suite leaves tasks and calls of a minute, which have the grace period of 5 s; a bridge stops its server after its own.
STOP_TIMEOUT = 15.0

# Scenarios of extensions that the framework does not implement. They run with the requirements, and are only counted. The tools
# of a bridge are never tasks.
LATER = ("sep-2640-",)
LATER_BRIDGE = ("tasks-", "sep-2640-")

# Scenarios that the suite itself skips.
SKIPPED = {"tasks-status-notifications"}

# The scenarios of the Skills extension, which no set selects, and their checks that succeed. None of their checks may be skipped.
SKILLS = {
    "sep-2640-skills-directory": 7,
    "sep-2640-skills-enumeration": 32,
    "sep-2640-skills-manifest": 6,
}

# Scenarios that the quickstart server must fail, since it has none of the fixtures: if it passes, the suite checks
# nothing.
RED = ("tools-call-simple-text", "tools-call-image", "resources-read-text", "prompts-get-simple", "json-schema-2020-12")

FAILURES = ("FAILURE", "WARNING")

# What each set consists of: its scenarios, its checks that succeed, and its scenarios of extensions. A smaller number
# means that something was skipped; a larger one is to be pinned here.
PINNED = {
    "all of 2025-03-26": (1, 3, 0),
    "all of 2025-06-18": (27, 56, 0),
    "all of 2025-11-25": (33, 83, 0),
    "all of 2026-07-28": (40, 152, 0),
    "required by 2025-11-25": (33, 83, 0),
    "required by 2026-07-28": (50, 196, 0),
}

# What a bridge cannot do as its upstream does, with the reason, by scenario and check. `None` is a scenario without a check that
# succeeds.
BRIDGE = {
    # The streams of the bridge are its own: it does not close them when its upstream closes one.
    ("server-sse-polling", None),
}
BRIDGE_TO_SESSIONS = BRIDGE | {
    # Revisions with sessions have no error for a capability that the client lacks.
    ("server-stateless", "sep-2575-server-rejects-undeclared-capability"),
    ("server-stateless", "sep-2575-missing-capability-http-400"),
    # In revisions with sessions a question has no name, and these scenarios expect the name `user_name`.
    ("input-required-result-basic-elicitation", "sep-2322-elicitation-incomplete"),
    ("input-required-result-ignore-extra-params", "sep-2322-ignore-unexpected-params"),
}

# The numbers of `PINNED` through a bridge, where they differ.
PINNED_BRIDGE = {
    **PINNED,
    "all of 2025-11-25": (33, 80, 0),
    "required by 2025-11-25": (33, 80, 0),
    "required by 2026-07-28": (40, 152, 10),
}
PINNED_BRIDGE_TO_SESSIONS = {
    **PINNED_BRIDGE,
    "all of 2026-07-28": (40, 147, 0),
    "required by 2026-07-28": (40, 147, 10),
}


class Suite:
    """The installed official suite."""

    def __init__(self, installed):
        packages = installed / "node_modules"
        index = packages / "@modelcontextprotocol/conformance/dist/index.js"
        self.command = [str(packages / "node/bin/node"), str(index)]
        if missing := [part for part in self.command if not pathlib.Path(part).is_file()]:
            sys.exit(f"FAILED the official suite is not installed: {', '.join(missing)}")

    def listed(self, selection):
        """Returns the names of the scenarios for servers. `list` prints those for clients after them."""
        arguments = selection[2:] if selection[0] == "--suite" else selection
        done = subprocess.run(
            [*self.command, "list", "--server", *arguments], capture_output=True, text=True, check=True, timeout=60
        )
        scenarios = done.stdout.partition("Server scenarios")[2].partition("Client scenarios")[0]
        return set(re.findall(r"^  - ([\w-]+)", scenarios, re.MULTILINE))

    def run(self, url, selection, expected=None):
        """Returns the checks of each scenario that ran, and the problems of the run itself."""
        expected = self.listed(selection) if expected is None else expected
        with tempfile.TemporaryDirectory() as directory:
            done = subprocess.run(
                [*self.command, "server", "--url", url, *selection, "-o", directory],
                capture_output=True, text=True, timeout=600,
            )  # fmt: skip
            ran = {}
            for path in pathlib.Path(directory).glob("*/checks.json"):
                name = re.fullmatch(r"server-(.+)-\d{4}-\d\d-\d\dT.*", path.parent.name)
                ran[name[1]] = json.loads(path.read_text(encoding="utf-8"))
        missing = expected - ran.keys()
        problems = [f"did not run: {', '.join(sorted(missing))}; {done.stderr[-1000:]}"] if missing else []
        # The checks say the same as the exit codes 0 and 1.
        if done.returncode not in (0, 1) or not ran:
            problems.append(f"the suite left with {done.returncode}; {done.stderr[-1000:]}")
        return ran, problems


def passes(checks):
    statuses = {check["status"] for check in checks}
    return "SUCCESS" in statuses and statuses.isdisjoint(FAILURES)


def explain(checks):
    return "\n".join(f"    {check['status']} {check['id']}: {check.get('errorMessage')}" for check in checks)


def is_skipped(scenario, checks):
    """Whether the suite has skipped a scenario, as it always does. Any other scenario without a success is a problem."""
    return scenario in SKIPPED and {check["status"] for check in checks} == {"SKIPPED"}


def judge(ran, excepted=frozenset()):
    """Returns the problems of each scenario, but for those that are excepted."""
    problems = []
    for scenario, checks in ran.items():
        wrong = [check for check in checks if check["status"] in FAILURES and (scenario, check["id"]) not in excepted]
        if wrong:
            problems.append(f"{scenario}\n{explain(wrong)}")
        elif not passes(checks) and not is_skipped(scenario, checks) and not any(scenario == name for name, _ in excepted):
            problems.append(f"{scenario}: no check succeeded")
    return problems


def counts(ran):
    checks = collections.Counter(check["status"] for checks in ran.values() for check in checks)
    return (
        f"{sum(map(passes, ran.values())):3} of {len(ran):2} scenarios pass; "
        f"checks: {checks['SUCCESS']:3} passed, {checks['FAILURE']:2} failed, {checks['WARNING']} warnings"
    )


def skipped(name, now, later, pinned):
    """What a set left out or has in addition, by its pinned numbers."""
    succeeded = sum(check["status"] == "SUCCESS" for checks in now.values() for check in checks)
    counted = (len(now), succeeded, len(later))
    return [] if counted == pinned.get(name) else [f"{name}: counted {counted}, but pinned are {pinned.get(name)}"]


def goes_red(suite, examples):
    """Returns the problems of the harness itself: it must report failures for a server without the fixtures."""
    server = HttpServer([str(examples / "quickstart")])
    try:
        problems = server.wait_until_healthy()
        ran, _ = suite.run(server.url, ["--suite", "all", "--spec-version", "2025-11-25"])
    finally:
        server.stop()
    found = judge(ran)
    problems += [
        f"{scenario} passes against a server that lacks it"
        for scenario in RED
        if not any(problem.split()[0] == scenario for problem in found)
    ]
    print(f"{'a server without the fixture':24}{counts(ran)}, {len(found)} of which are noticed")
    return problems


def run_sets(suite, server, excepted=frozenset(), pinned=PINNED, extensions=LATER):
    problems = server.wait_until_healthy()
    for name, selection in SETS:
        ran, of_run = suite.run(server.url, selection)
        now = {scenario: checks for scenario, checks in ran.items() if not scenario.startswith(extensions)}
        later = {scenario: checks for scenario, checks in ran.items() if scenario.startswith(extensions)}
        problems += [f"{name}: {problem}" for problem in of_run + judge(now, excepted)]
        problems += skipped(name, now, later, pinned)
        print(f"{name:24}{counts(now)}", flush=True)
        if later:
            print(f"{'  later: extensions':24}{counts(later)}", flush=True)
    return problems


def run_skills(suite, server):
    """Returns the problems of the Skills extension. Skipped checks are problems: the suite skips what a server does not declare."""
    problems, all_checks = [], {}
    for scenario, pinned in SKILLS.items():
        ran, of_run = suite.run(server.url, ["--scenario", scenario], {scenario})
        problems += of_run
        checks = ran.get(scenario, [])
        wrong = [check for check in checks if check["status"] not in ("SUCCESS", "INFO")]
        if wrong:
            problems.append(f"{scenario}\n{explain(wrong)}")
        succeeded = sum(check["status"] == "SUCCESS" for check in checks)
        if succeeded != pinned:
            problems.append(f"{scenario}: {succeeded} checks succeeded, but pinned are {pinned}")
        all_checks[scenario] = checks
    print(f"{'skills':24}{counts(all_checks)}", flush=True)
    return problems


def run_served(suite, server, *expected, skills=False):
    try:
        problems = run_sets(suite, server, *expected)
        if skills:
            problems += run_skills(suite, server)
    finally:
        stopped = server.stop(STOP_TIMEOUT)
    return problems + stopped


def run_through(suite, program, proxy):
    """Runs all sets through a bridge to the server over each transport and era."""
    problems = []
    for transport in ("stdio", "HTTP"):
        for revision in ("2025-11-25", "2026-07-28"):
            print(f"through a bridge to the server over {transport}, which speaks {revision}", flush=True)
            environment = {"UPSTREAM_REVISION": revision}
            expected = (BRIDGE, PINNED_BRIDGE, LATER_BRIDGE)
            if revision == "2025-11-25":
                # The suite is one caller, so that the questions of several calls are told apart.
                environment["UPSTREAM_PER_CALLER"] = "1"
                expected = (BRIDGE_TO_SESSIONS, PINNED_BRIDGE_TO_SESSIONS, LATER_BRIDGE)
            upstream = None
            if transport == "HTTP":
                upstream = HttpServer([str(program)])
                problems += upstream.wait_until_healthy()
                environment["UPSTREAM_URL"] = upstream.url
            else:
                environment["UPSTREAM_COMMAND"] = str(program)
            found = run_served(suite, HttpServer([str(proxy)], environment), *expected)
            problems += [f"{transport}, {revision}: {problem}" for problem in found]
            if upstream:
                problems += upstream.stop(STOP_TIMEOUT)
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suite", type=pathlib.Path, required=True, help="where `run` installed the suite")
    parser.add_argument("--examples", type=pathlib.Path, required=True, help="where the built examples are")
    parser.add_argument("--proxy", type=pathlib.Path, help="a bridge, through which the sets run, instead of directly")
    options = parser.parse_args()

    suite = Suite(options.suite.absolute())
    examples = options.examples.absolute()
    if options.proxy:
        problems = run_through(suite, examples / "conformance", options.proxy.absolute())
    else:
        problems = goes_red(suite, examples)
        problems += run_served(suite, HttpServer([str(examples / "conformance")]), skills=True)
    for problem in problems:
        print(f"FAILED {problem}\n")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
