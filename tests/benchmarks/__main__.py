"""The figures of README and of `help fleet`: `python -m tests.benchmarks --help`."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import platform
import signal
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks import agent, inits, masking, scale
from tests.benchmarks.figures import Point, Row, aligned, curves, differences, documents, table
from tests.benchmarks.peers import installed
from tests.engine.conftest import ROOT, Engine, serving_engine, sh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.model import Json

LOAD = "/proc/loadavg"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure one agent beside its peers, the scale of many on one engine, or what "
        "masking takes, and print a table. It wants root, starts an engine of its own, and ends "
        "all that it started.",
    )
    parser.add_argument("what", nargs="?", choices=("one", "scale", "masking"), default="one")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, shorter phases")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there")
    parser.add_argument(
        "--counts",
        type=counts,
        default=[1, 10, 50, 100],
        metavar="N,N",
        help="how many containers scale starts (1,10,50,100)",
    )
    parser.add_argument(
        "--idle", type=float, metavar="S", help="seconds that scale is idle (300, quick: 60)"
    )
    given = parser.parse_args()
    if os.geteuid():
        parser.error("needs root: it starts an engine in namespaces of its own")
    return given


def counts(text: str) -> list[int]:
    found = [int(each) for each in text.split(",")]
    if min(found) < 1:
        raise ValueError(text)
    return found


def machine(engine: Engine, before: str) -> dict[str, str]:
    """Where and when this was measured."""
    python = engine.docker("run", "--rm", "--entrypoint", "python3", engine.image, "--version")
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": sh("git", "-C", ROOT, "describe", "--always", "--dirty", check=False),
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "kernel": platform.release(),
        "image's Python": python.removeprefix("Python "),
        "engine": engine.docker("version", "--format", "{{.Server.Version}}"),
        "load before": before,
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def rows(given: argparse.Namespace, engine: Engine, folder: Path) -> Iterator[Row | Point]:
    if given.what == "scale":
        installed("prometheus")
        times = scale.QUICK if given.quick else scale.Times()
        if given.idle is not None:
            times = scale.Times(given.idle, times.scraped, times.storm)
        yield from scale.measured(engine, folder, given.counts, times)
    elif given.what == "masking":
        yield from masking.measured()
    else:
        effort = agent.QUICK if given.quick else agent.Effort()
        yield from agent.measured(engine, folder, effort)
        yield from inits.measured(folder, effort.inits)


def main() -> None:
    """Measure, and print what there is also where a measure fails or is interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    given = arguments()
    before, begun = Path(LOAD).read_text().rpartition(" ")[0], time.monotonic()
    home = Path(os.environ.get("XDG_STATE_HOME", "/var/lib")) / "selfinspect-benchmarks"
    found: list[Row | Point] = []
    with alone(home), serving_engine(home) as engine, tempfile.TemporaryDirectory() as folder:
        where = machine(engine, before)
        try:
            for row in rows(given, engine, Path(folder)):
                print(f"{time.monotonic() - begun:4.0f} s  {row.what}  {row.who}", file=sys.stderr)
                found.append(row)
        finally:
            where["took"] = f"{time.monotonic() - begun:.0f} s"
            engine.remove_started()
            show(where, found, given.json)


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Two at once would measure each other, and the first to end takes the engine with it."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"another run of the benchmarks uses {home}")
        yield


def show(where: dict[str, str], found: list[Row | Point], file: Path | None) -> None:
    of_one = [row for row in found if isinstance(row, Row)]
    of_many = [point for point in found if isinstance(point, Point)]
    of_many += differences(of_many)
    lines = aligned(list(where.items()))
    print("\n".join([*lines, "", *(table(of_one) if of_one else curves(of_many))]))
    if file is not None:
        points: list[Json] = [
            {"what": each.what, "who": each.who, "n": each.containers, "value": each.value}
            for each in of_many
        ]
        document = {"machine": where, "rows": documents(of_one), "scale": points}
        file.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
