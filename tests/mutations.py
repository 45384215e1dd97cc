"""Runs the mutations of mutations.toml.

All mutations are built at once, into a copy of the workspace. Each is a branch that the environment variable MUTANT
selects when a test runs. The sources of the workspace are not changed.
"""

import argparse
import concurrent.futures
import dataclasses
import functools
import json
import os
import pathlib
import subprocess
import sys
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "target" / "mutations"
TREE = WORK / "tree"

# In seconds. A mutation that makes its test hang is caught.
TIMEOUT = 60

MUTANT = """
/// Returns `true` if `MUTANT` selects this mutation.
pub(crate) fn mutant(number: usize) -> bool {
    static SELECTED: std::sync::OnceLock<Option<usize>> = std::sync::OnceLock::new();
    let selected = || std::env::var("MUTANT").ok()?.parse().ok();
    *SELECTED.get_or_init(selected) == Some(number)
}
"""


@dataclasses.dataclass
class Mutation:
    number: int
    rules: list[str]
    file: str
    template: str
    test: str
    start: int
    end: int
    line: int

    def apply(self, found):
        return self.template.replace("{n}", str(self.number)).replace("{find}", found)


def mutation(number, entry):
    """Reads an entry and finds its place."""
    forms = [form for form in ("replace", "skip", "with") if form in entry]
    if len(forms) != 1:
        raise ValueError(f"it has {forms} for one of replace, skip and with")
    if "skip" in entry:
        template = "if !crate::mutant({n}) { {find} }"
    elif "replace" in entry:
        template = "(if crate::mutant({n}) { " + entry["replace"] + " } else { {find} })"
    else:
        template = entry["with"]
    if "crate::mutant({n})" not in template:
        raise ValueError("`with` does not name crate::mutant({n})")
    text = (ROOT / entry["file"]).read_text()
    start, end = place(text, entry)
    line = text.count("\n", 0, start) + 1
    return Mutation(number, entry["rules"], entry["file"], template, entry["test"], start, end, line)


def place(text, entry):
    """The one occurrence of `find`, or the first one after `after`, which then occurs once."""
    once, begin = entry.get("after", entry["find"]), 0
    if (count := text.count(once)) != 1:
        raise ValueError(f"{entry['file']} has `{once}` {count} times")
    if "after" in entry:
        begin = text.index(once) + len(once)
    start = text.find(entry["find"], begin)
    if start < 0:
        raise ValueError(f"{entry['file']} has no `{entry['find']}` after `{once}`")
    return start, start + len(entry["find"])


def apply(text, start, end, mutations):
    """This part of a text with its mutations. One mutation may be inside of another."""
    result, position = [], start
    mutations = sorted(mutations, key=lambda one: (one.start, -one.end, one.number))
    while mutations:
        outer, rest = mutations[0], mutations[1:]
        inner = [one for one in rest if one.start < outer.end]
        for one in inner:
            if one.end > outer.end:
                sys.exit(f"mutations {outer.number} and {one.number} overlap")
        if inner and "{find}" not in outer.template:
            sys.exit(f"mutation {outer.number} has {inner[0].number} inside of it: its `with` needs {{find}}")
        found = apply(text, outer.start, outer.end, inner)
        result += [text[position : outer.start], outer.apply(found)]
        position, mutations = outer.end, rest[len(inner) :]
    return "".join([*result, text[position:end]])


def copy(mutations):
    """Writes the copy of the workspace. Files that stay the same keep their time, so that cargo builds only the others."""
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    names = [name for name in files.decode().split("\0") if name and (ROOT / name).is_file()]
    crates = {pathlib.Path(one.file).parts[0] for one in mutations}
    for name in names:
        content = (ROOT / name).read_bytes()
        own = [one for one in mutations if one.file == name]
        if own:
            text = content.decode()
            content = apply(text, 0, len(text), own).encode()
        if name in {f"{crate}/src/lib.rs" for crate in crates}:
            content += MUTANT.encode()
        target = TREE / name
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    # The official schemas are beside the repository.
    schemas, link = ROOT.parent / "shared", WORK / "shared"
    if schemas.is_dir() and not link.exists():
        link.symlink_to(schemas)
    for path in TREE.rglob("*"):
        if path.is_file() and str(path.relative_to(TREE)) not in names:
            path.unlink()


def build(mutations):
    """Builds the test binaries. Returns their paths by package and target."""
    wanted = {tuple(one.test.split("::")[:2]) for one in mutations}
    command = ["cargo", "test", "--no-run", "--message-format=json"]
    for package in sorted({package for package, _ in wanted}):
        command += ["--package", package]
    for target in sorted({target for _, target in wanted}):
        command += ["--lib"] if target == "lib" else ["--test", target]
    # Mutations are also in code that these features enable.
    command += ["--features", "mcp-runtime/audit,mcp-runtime/auth,mcp-tests/auth"]
    environment = os.environ | {"CARGO_TARGET_DIR": str(WORK / "build"), "CARGO_PROFILE_DEV_DEBUG": "0"}
    # Lints do not apply to the copy: a branch that a mutation adds may be unreachable or unused.
    output = subprocess.run(command, cwd=TREE, env=environment, stdout=subprocess.PIPE, text=True)
    binaries = {}
    for message in map(json.loads, output.stdout.splitlines()):
        if message["reason"] == "compiler-message" and message["message"]["level"] == "error":
            print(message["message"]["rendered"], file=sys.stderr)
        if message["reason"] == "compiler-artifact" and message["profile"]["test"] and message["executable"]:
            package = pathlib.Path(message["manifest_path"]).parent
            target = "lib" if "lib" in message["target"]["kind"] else message["target"]["name"]
            binaries[PACKAGES.get(package.name, package.name), target] = (message["executable"], package)
    if output.returncode:
        sys.exit("the mutations do not compile")
    return binaries


# The folders that are not called like their packages.
PACKAGES = {"tests": "mcp-tests", "examples": "mcp-examples"}


def run(binaries, tests, number=None):
    """Runs tests of one binary. Returns whether they pass, how long they take, and what they print."""
    package, target, _ = tests[0].split("::", 2)
    binary, folder = binaries[package, target]
    paths = [test.split("::", 2)[2] for test in tests]
    environment = {name: value for name, value in os.environ.items() if name != "MUTANT"}
    if number is not None:
        environment["MUTANT"] = str(number)
    begin = time.monotonic()
    try:
        process = subprocess.run(
            [binary, "--exact", *paths],
            cwd=folder,
            env=environment,
            timeout=TIMEOUT * len(tests),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        return "timeout", time.monotonic() - begin, ""
    outcome = "passed" if process.returncode == 0 else "failed"
    if f"running {len(paths)} test" not in process.stdout:
        sys.exit(f"{package}::{target} does not have all of {paths}")
    return outcome, time.monotonic() - begin, process.stdout


def check_unbroken(binaries, mutations):
    """Without a mutation all tests pass."""
    tests = {}
    for test in sorted({one.test for one in mutations}):
        package, target, _ = test.split("::", 2)
        if (package, target) not in binaries:
            sys.exit(f"{test}: there is no such test binary")
        tests.setdefault((package, target), []).append(test)
    for group in tests.values():
        outcome, _, output = run(binaries, group)
        if outcome != "passed":
            sys.exit(f"without a mutation, of {group}:\n{output}")


def report(binaries, verbose, one):
    """Runs the test of a mutation and prints its line of the table. Returns whether the mutation survives."""
    outcome, seconds, output = run(binaries, [one.test], one.number)
    word = {"passed": "SURVIVED", "failed": "caught", "timeout": "caught (timeout)"}[outcome]
    rules = " ".join(one.rules)
    print(f"{one.number:>4}  {rules}  {one.file}:{one.line}  {one.test}  {word}  {seconds * 1000:.0f} ms", flush=True)
    if verbose:
        print(output, flush=True)
    return outcome == "passed"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rule", action="append", help="run the mutations of this rule")
    parser.add_argument("--file", action="append", help="run the mutations of this file or folder")
    parser.add_argument("--number", action="append", type=int, help="run this mutation")
    parser.add_argument("--places", action="store_true", help="find their places only")
    parser.add_argument("--check", action="store_true", help="build only")
    parser.add_argument("--verbose", action="store_true", help="print what the tests print")
    options = parser.parse_args()
    entries = tomllib.loads((ROOT / "tests/mutations.toml").read_text())["mutation"]
    mutations, mistakes = [], []
    for number, entry in enumerate(entries, 1):
        try:
            mutations.append(mutation(number, entry))
        except ValueError as mistake:
            mistakes.append(f"mutation {number} ({' '.join(entry['rules'])}): {mistake}")
    if mistakes:
        sys.exit("\n".join(mistakes))
    if options.places:
        print(f"{len(mutations)} mutations have their places")
        return
    copy(mutations)
    binaries = build(mutations)
    if options.check:
        return
    if options.rule:
        mutations = [one for one in mutations if set(one.rules) & set(options.rule)]
    if options.file:
        mutations = [one for one in mutations if one.file.startswith(tuple(options.file))]
    if options.number:
        mutations = [one for one in mutations if one.number in options.number]
    check_unbroken(binaries, mutations)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        survived = list(pool.map(functools.partial(report, binaries, options.verbose), mutations))
    names = [f"{one.number} ({' '.join(one.rules)})" for one, left in zip(mutations, survived) if left]
    print(f"{len(mutations)} mutations, {len(names)} survived")
    if names:
        sys.exit("survived: " + ", ".join(names))


if __name__ == "__main__":
    main()
