"""Drives replicas of the example `replicas` behind nginx with the official Python client of both eras, while replicas are killed and the store is
restarted: `run` starts it.

All clients call nginx, which sends each request to any replica. Each client has an address of its own, because the shares and rates of one caller
are limited. What is checked is in `verdict.py` and `scenarios.py`.
"""

import argparse
import collections
import json
import os
import pathlib
import queue
import random
import subprocess
import sys
import tempfile
import threading
import time

import scenarios
import verdict
from machines import DEPLOY, Cluster

HERE = pathlib.Path(__file__).resolve().parent
MODES = ("modern", "legacy")
WORKERS = 2
# Items that one stream listens to.
GROUP = 20
CALLERS = 32
# In seconds.
START_LIMIT = 120
END_LIMIT = 300
STORE_PAUSE = 1.0


class Worker:
    """A process of load.py."""

    def __init__(self, job):
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "load.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        self.lines = queue.Queue()
        self.calls = 0
        threading.Thread(target=self.read, daemon=True).start()
        self.send(json.dumps(job))

    def read(self):
        for text in self.process.stdout:
            line = json.loads(text)
            if "calls" in line:
                self.calls = line["calls"]
            else:
                self.lines.put(line)
        self.lines.put({})

    def send(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def wait_for(self, key, limit):
        try:
            line = self.lines.get(timeout=limit)
        except queue.Empty:
            raise RuntimeError(f"a worker did not say `{key}` within {limit} s") from None
        if key not in line:
            raise RuntimeError(f"a worker said {line or 'nothing more'} instead of `{key}`")
        return line[key]


def dealt(items, number):
    """Deals items to a number of lists in turn."""
    return [items[at::number] for at in range(number)]


def addresses():
    """Yields addresses of callers, which the replicas tell apart."""
    for number in range(1, 65000):
        yield f"198.18.{number // 250}.{number % 250 + 1}"


def jobs(options, url):
    """Returns the jobs of the workers, which share all calls, streams, questions and tasks."""
    address = addresses()
    watched = [f"item-{number}" for number in range(options.changes)]
    groups = [watched[at : at + GROUP] for at in range(0, len(watched), GROUP)]
    chance = random.Random(options.seed)
    callers = [
        {"mode": MODES[at % 2], "address": next(address), "calls": options.calls // CALLERS + 1, "items": items}
        for at, items in enumerate(dealt(watched, CALLERS))
    ]
    listeners = [
        {"mode": MODES[at % 2], "address": next(address), "items": groups[at // 2 % len(groups)]} for at in range(options.streams)
    ]
    questions = [
        {"mode": MODES[at % 2], "address": next(address), "item": f"question-{at}", "hold": chance.uniform(1, options.hold)}
        for at in range(options.questions)
    ]
    tasks = [
        {"mode": "modern", "address": next(address), "shelves": chance.randint(2, max(2, int(options.hold * 2)))}
        for _ in range(options.tasks)
    ]
    parts = {"callers": callers, "listeners": listeners, "questions": questions, "tasks": tasks}
    parts = {name: dealt(all_of_one, WORKERS) for name, all_of_one in parts.items()}
    return [
        {"url": url, "seed": options.seed + at, "pace": options.seconds * CALLERS / options.calls, **{name: part[at] for name, part in parts.items()}} for at in range(WORKERS)
    ]


class Faults:
    """What happens while the workers call, each fault after a part of the calls."""

    def __init__(self, cluster, options):
        self.cluster = cluster
        replicas = cluster.replicas
        self.plan = []
        if "replicas" in options.faults and len(replicas) > 1:
            self.plan += [(0.1, "kill -9 of replica 1", replicas[0].kill), (0.4, "kill -9 of replica 2", replicas[1].kill)]
        if "store" in options.faults and cluster.store:
            self.plan.append((0.25, "kill -9 of the store, and its start after 1 s", self.restart_store))
        if "rolling" in options.faults and len(replicas) > 1:
            self.plan.append((0.55, "a rolling restart", self.rolling_restart))
        self.plan.sort(key=lambda fault: fault[0])

    def restart_store(self):
        self.cluster.store.kill()
        time.sleep(STORE_PAUSE)
        self.cluster.store.start()

    def rolling_restart(self):
        ports = [str(replica.port) for replica in self.cluster.replicas]
        environment = {
            **os.environ,
            "RESTART": f"{HERE / 'restart'} {self.cluster.directory}/",
            "CONFIGURATION": str(self.cluster.directory / "warehouse.conf"),
            "RELOAD": f"kill -HUP {self.cluster.nginx.process.pid}",
        }
        subprocess.run([str(DEPLOY / "rolling-restart"), *ports], env=environment, check=True, stdout=subprocess.DEVNULL)

    def run(self, workers, calls):
        began = time.monotonic()
        print(f"  from {began:.1f} on:")
        for part, what, act in self.plan:
            while sum(worker.calls for worker in workers) < part * calls:
                if time.monotonic() > began + END_LIMIT:
                    raise RuntimeError(f"{sum(worker.calls for worker in workers)} calls within {END_LIMIT} s")
                time.sleep(0.05)
            # One fault at a time: there is always a replica that serves.
            for replica in self.cluster.replicas:
                replica.wait_until_ready()
            done = sum(worker.calls for worker in workers)
            act()
            print(f"  {time.monotonic() - began:5.1f} s, {done} calls: {what}", flush=True)


def merged(reports):
    """Returns one report of all workers."""
    whole = {"outcomes": collections.Counter(), "errors": collections.Counter(), "changes": {}, "slowest": 0.0}
    for report in reports:
        whole["outcomes"].update(report["outcomes"])
        whole["errors"].update(report["errors"])
        whole["changes"].update(report["changes"])
        whole["slowest"] = max(whole["slowest"], report["slowest"])
        for name in ("questions", "tasks", "streams", "problems"):
            whole.setdefault(name, []).extend(report[name])
    return whole


def load(cluster, options):
    """Runs the workers and the faults, and returns the report and the seconds that the calls took."""
    workers = [Worker(job) for job in jobs(options, cluster.nginx.url)]
    try:
        for worker in workers:
            worker.wait_for("ready", START_LIMIT)
        began = time.monotonic()
        for worker in workers:
            worker.send("go")
        Faults(cluster, options).run(workers, options.calls)
        for worker in workers:
            worker.send("finish")
        for worker in workers:
            worker.wait_for("idle", END_LIMIT)
        seconds = time.monotonic() - began
        # The last changes may still be on their way.
        time.sleep(verdict.DELIVERY)
        for worker in workers:
            worker.send("stop")
        return merged([worker.wait_for("report", START_LIMIT) for worker in workers]), seconds
    finally:
        for worker in workers:
            worker.process.kill()


def judge(cluster, report, seconds, options):
    """Prints the figures, and returns the problems."""
    lines = cluster.lines()
    delivered, count, due = verdict.notifications(report["streams"], report["changes"], lines)
    problems = [*report["problems"], *delivered]
    problems += verdict.orders(report["questions"], lines)
    problems += verdict.stock(report["changes"], lines)
    problems += verdict.tasks(report["tasks"])
    outcomes = report["outcomes"]
    if not options.faults and (others := {kind: number for kind, number in outcomes.items() if kind != "a result"}):
        problems.append(f"without faults, there were {others}")
    kept = sum(stream["ended"] is None for stream in report["streams"])
    tasks = report["tasks"]
    ended = [task["seconds"] for task in tasks if task["status"] == "completed"]
    by_status = collections.Counter(task["status"] for task in tasks)
    requests, passed_on = cluster.nginx.requests()
    figures = {
        "requests with a result": outcomes["a result"],
        "requests repeated after a broken connection": outcomes["a broken connection"],
        "requests repeated after an error": outcomes["an error"] + outcomes["a tool error"],
        "clients connected again": outcomes["a new client"],
        "requests without an outcome": outcomes["no outcome"],
        "seconds, and longest time until a result": f"{seconds:.1f}, {report['slowest']:.1f}",
        "streams, and those open until the end": f"{len(report['streams'])}, {kept}",
        "notifications, and those due to open streams": f"{count}, {due}",
        "questions answered": f"{sum(question['acknowledged'] for question in report['questions'])} of {len(report['questions'])}",
        "effects": sum(line[0] == "ordered" for line in lines),
        "tasks, and the longest in seconds": f"{dict(by_status)}, {max(ended, default=0):.1f}",
        "requests that nginx passed on to another replica": passed_on,
        "responses of nginx": dict(requests),
    }
    for name, value in figures.items():
        print(f"  {name:50} {value}")
    if options.verbose:
        for error, number in report["errors"].most_common(30):
            print(f"    {number:6} {error}")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replica", type=pathlib.Path, required=True, help="the built example `replicas`")
    parser.add_argument("--store", type=pathlib.Path, help="the program of Redis or Valkey; without it, one server runs alone")
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=40, help="the time over which the calls are spread")
    parser.add_argument("--changes", type=int, default=200, help="how many of the calls change a resource")
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--questions", type=int, default=50)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--hold", type=float, default=25, help="the longest time until an answer and until the end of a task, in seconds")
    parser.add_argument("--faults", nargs="*", choices=("replicas", "store", "rolling"), default=["replicas", "store", "rolling"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--skip-scenarios", action="store_true")
    parser.add_argument("--verbose", action="store_true", help="prints the errors that led to repetitions")
    options = parser.parse_args()
    options.replicas = options.replicas if options.store else 1

    problems = []
    with tempfile.TemporaryDirectory() as directory:
        cluster = Cluster(directory, options.replica.absolute(), options.store, options.replicas)
        try:
            if not options.skip_scenarios:
                problems += scenarios.run(cluster)
            report, seconds = load(cluster, options)
            problems += judge(cluster, report, seconds, options)
        finally:
            cluster.stop()
    for problem in problems[:40]:
        print(f"FAILED {problem}")
    print(f"{len(problems)} problems")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
