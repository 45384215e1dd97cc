"""Runs the attacks on servers, and prints a table of the outcomes: hostile.py [--only TEXT] [--write FILE] NAME=PROGRAM ..

With `--write`, the table replaces the one of a file in Markdown. The first server is that of this project: a problem of it makes the run fail.
"""

import argparse
import asyncio
import re
import resource
import sys
from pathlib import Path

import attacks
from wire import Subject


# The time that an attack on one server may take, in seconds.
LIMIT = 60


def rows(only):
    """The attacks: their names, and functions that run them on a subject."""
    all_rows = [
        (f"{name} (HTTP)", lambda subject, attack=attack, files=files: attacks.over_http(subject, attack, files))
        for name, attack, files in attacks.OVER_HTTP
    ]
    all_rows += [
        (f"{name} (stdio)", lambda subject, attack=attack: attacks.over_stdio(subject, attack))
        for name, attack in attacks.OVER_STDIO
    ]

    async def killed(subject):
        told, problems = await attacks.killed(subject)
        return [told, "", "", problems]

    all_rows.append(("two principals interleaved (HTTP)", attacks.principals))
    all_rows.append(("SIGKILL and restart (HTTP)", killed))
    return [row for row in all_rows if only in row[0]]


HEAD = "| attack | server | outcome | slowest call of another client | memory at its peak |\n|---|---|---|---|---|\n"


def write(file, table):
    """Replaces the table of a file."""
    old = file.read_text()
    if HEAD not in old:
        sys.exit(f"{file} has no table of outcomes")
    file.write_text(re.sub(re.escape(HEAD) + r"(\|.*\n)*", lambda _: table, old))


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--write", type=Path)
    parser.add_argument("subjects", nargs="+")
    arguments = parser.parse_args()
    subjects = [Subject(*subject.split("=", 1)) for subject in arguments.subjects]
    chosen = rows(arguments.only)
    if not chosen:
        sys.exit(f"no attack has `{arguments.only}` in its name")
    failed = []
    table = HEAD
    print(HEAD, end="")
    for name, run in chosen:
        for subject in subjects:
            try:
                told, latency, memory, problems = await asyncio.wait_for(run(subject), LIMIT)
            except TimeoutError:
                told, latency, memory, problems = f"not done within {LIMIT} s", "", "", ["no result"]
            except (RuntimeError, OSError) as error:
                told, latency, memory, problems = f"{type(error).__name__} {error}", "", "", ["no result"]
            row = f"| {name} | {subject.name} | {told} | {latency} | {memory} |"
            print(row, flush=True)
            table += row + "\n"
            if subject is subjects[0]:
                failed += [f"{name}: {problem}" for problem in problems]
    if arguments.write:
        write(arguments.write, table)
    for problem in failed:
        print(f"FAILED {problem}", file=sys.stderr)
    sys.exit(bool(failed))


# The attacks need more connections than the usual limit of open files allows.
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16384), hard))
asyncio.run(main())
