"""Measures calls a second of one to three replicas, tasks a second of each store, and the memory of finished tasks: `throughput` starts it."""

import argparse
import pathlib
import subprocess
import tempfile

from machines import Cluster, Store

# The tools: one that needs no store, and one that reads and writes the data of its session.
TOOLS = ("replica", "visit")


def measured(figures, *arguments):
    done = subprocess.run([str(figures), *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True)
    return [float(word) for word in done.stdout.split()]


def rates(options, store, count, behind_nginx):
    """Returns the calls a second of each tool."""
    with tempfile.TemporaryDirectory() as directory:
        cluster = Cluster(directory, options.replica, store, count)
        try:
            port = cluster.nginx.port if behind_nginx else cluster.replicas[0].port
            return [measured(options.figures, "calls", f"127.0.0.1:{port}", tool, options.seconds)[0] for tool in TOOLS]
        finally:
            cluster.stop()


def calls(options):
    cases = {
        "a server alone": (None, 1, False),
        "a server alone, behind nginx": (None, 1, True),
        "1 replica with Redis, behind nginx": (options.store, 1, True),
        "2 replicas with Redis, behind nginx": (options.store, 2, True),
        "3 replicas with Redis, behind nginx": (options.store, 3, True),
    }
    print(f"calls a second, and in parts of the first line{'':8}" + "".join(f"{tool:>18}" for tool in TOOLS))
    first = None
    for name, case in cases.items():
        found = rates(options, *case)
        first = first or found
        cells = [f"{rate:,.0f} ({rate / base:.2f})" for rate, base in zip(found, first, strict=True)]
        print(f"  {name:52}" + "".join(f"{cell:>18}" for cell in cells), flush=True)


def tasks(options):
    print(f"\n{options.tasks:,} tasks{'':24}{'a second':>10}{'memory of the process, file, memory of Redis':>48}")
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        rate, memory = measured(options.figures, "tasks", "memory", options.tasks)
        row("memory", rate, memory, options.tasks)
        file = directory / "tasks.db"
        rate, _ = measured(options.figures, "tasks", file, options.tasks)
        row("file (SQLite)", rate, sum(it.stat().st_size for it in directory.iterdir()), options.tasks)
        (directory / "store").mkdir()
        store = Store(options.store, directory / "store")
        try:
            before = store.memory()
            rate, _ = measured(options.figures, "tasks", store.url, options.tasks)
            row("Redis", rate, store.memory() - before, options.tasks)
        finally:
            store.kill()


def row(name, rate, size, count):
    print(f"  {name:30}{rate:>10,.0f}{size / 1e6:>18,.0f} MB, {size / count:,.0f} bytes each", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replica", type=pathlib.Path, required=True, help="the built example `replicas`")
    parser.add_argument("--figures", type=pathlib.Path, required=True, help="the built `cluster-figures`")
    parser.add_argument("--store", type=pathlib.Path, required=True, help="the program of Redis or Valkey")
    parser.add_argument("--seconds", type=int, default=10, help="the time for each tool and number of replicas")
    parser.add_argument("--tasks", type=int, default=100_000)
    options = parser.parse_args()
    options.replica, options.figures = options.replica.absolute(), options.figures.absolute()
    calls(options)
    tasks(options)


if __name__ == "__main__":
    main()
