from __future__ import annotations

import gzip
import json
import os
import pty
import re
import signal
import subprocess
import termios
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.contract.conftest import PATIENCE, PROGRAM, environment
from tests.support.canned_engine import Answer, recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from selfinspect.model import Json
    from tests.contract.conftest import Agent
    from tests.support.canned_engine import CannedEngine

KNOWN = "container_memory_usage_bytes{"


def run(*words: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The program's answer to a command line."""
    return subprocess.run(
        [*PROGRAM, *words],
        env=environment(environ),
        capture_output=True,
        text=True,
        check=False,
    )


def test_samples_as_they_are_taken(web: Agent) -> None:
    """A frame at once and one every interval; the first has no percentage."""
    with web.api.open("/v1/stats/stream?interval=0.2") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.readline() == b": selfinspect stats\n"
        assert response.readline() == b"\n"
        for _ in range(2):
            assert response.readline() == b"event: sample\n"
            document = json.loads(response.readline().removeprefix(b"data: "))
            assert response.readline() == b"\n"
            assert document["memory"]["usage_bytes"] > 0
            assert "detail" not in document


def test_raw_stats_are_the_engines(web: Agent) -> None:
    """Every member as it was."""
    assert web.api.ask("/v1/stats/raw").json == recorded("stats")


def test_the_kernel_is_not_asked_about_another(web: Agent) -> None:
    """Its files are not there below this root."""
    reply = web.api.ask("/v1/stats?source=kernel")
    assert reply.status == 400
    assert b"source=engine" in reply.body


@pytest.mark.parametrize("body", [{}, recorded("stats-stopped")], ids=["empty", "Docker"])
def test_a_container_that_does_not_run_has_no_figures(
    web: Agent, engine: CannedEngine, body: Json
) -> None:
    """503 for one who asks, and a page without a sample of it for Prometheus."""
    identifier = str(recorded("inspect")["Id"])
    engine.answers[f"/containers/{identifier}/stats"] = Answer(body=body)
    assert web.api.ask("/v1/stats").status == 503
    page = web.metrics.text("/metrics")
    assert "container_memory_usage_bytes" not in page
    assert "container_last_seen" not in page


def test_a_slow_engine_costs_its_own_metrics_alone(web: Agent, engine: CannedEngine) -> None:
    """Within the time that Prometheus gives, and with everything else on the page."""
    identifier = str(recorded("inspect")["Id"])
    engine.answers[f"/containers/{identifier}/stats"] = Answer(hangs=True)
    headers = {"X-Prometheus-Scrape-Timeout-Seconds": "0.5", "Connection": "close"}
    page = KNOWN
    while KNOWN in page:  # a reading of before serves for a second
        page = web.metrics.ask("/metrics", headers=headers).body.decode()
    assert 'selfinspect_collector_success{collector="memory"} 0.0' in page
    assert 'selfinspect_collector_success{collector="state"} 1.0' in page
    assert "container_start_time_seconds{" in page


def test_a_packed_page(web: Agent) -> None:
    """For who takes gzip; the same page."""
    reply = web.metrics.ask("/metrics", headers={"Accept-Encoding": "gzip"})
    assert reply.headers["content-encoding"] == "gzip"
    assert b"container_memory_usage_bytes{" in gzip.decompress(reply.body)


def test_the_verb_asks_the_agent(web: Agent) -> None:
    """A line of what is used under a line of what is what; JSON for programs."""
    where = {"SELFINSPECT_URI": uri_of(web)}
    table = run("stats", environ=where)
    assert table.returncode == 0, table.stderr
    head, line = table.stdout.splitlines()
    assert head.startswith("CPU %")
    assert "MiB" in line
    document = json.loads(run("stats", "--json", environ=where).stdout)
    assert document["source"] == "engine"


def test_the_verb_measures_the_cpu(here: tuple[str, ...], engine: CannedEngine) -> None:
    """A share of it takes two samples: for people there are; for programs one is what it is."""
    before = len(engine.matching("/stats"))
    assert run("stats", *here[:2]).returncode == 0
    assert len(engine.matching("/stats")) == before + 2
    assert json.loads(run("stats", "--json", *here[:2]).stdout)["cpu"]["percent"] is None
    assert len(engine.matching("/stats")) == before + 3


def test_the_verb_without_an_agent(here: tuple[str, ...]) -> None:
    """It takes a sample of its own."""
    options = [option for option in here if not option.startswith("--stats-source")]
    done = run("stats", "--json", *options)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["memory"]["usage_bytes"] > 0


def test_the_verb_follows(web: Agent) -> None:
    """A JSON document a line, for as long as somebody reads."""
    process = subprocess.Popen(
        [*PROGRAM, "stats", "--follow", "--json"],
        env=environment({"SELFINSPECT_URI": uri_of(web)}),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        for _ in range(2):
            assert json.loads(process.stdout.readline())["source"] == "engine"
    finally:
        process.terminate()
        process.wait(PATIENCE)
        process.stdout.close()


class Terminal:
    """A terminal with a program on it, and what its screen shows."""

    def __init__(self, columns: int) -> None:
        self.screen = [""]
        self._undrawn = b""
        self._columns = columns
        self._ours, self._theirs = pty.openpty()
        termios.tcsetwinsize(self._theirs, (24, columns))

    def run(self, *words: str, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start the program on it."""
        process = subprocess.Popen(
            [*PROGRAM, *words],
            env=environment(environ),
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=subprocess.PIPE,
        )
        os.close(self._theirs)
        return process

    def show(self, until: Callable[[], bool]) -> None:
        """Draw what comes until the screen is as it is to be, or the program ends."""
        while not until():
            try:
                data = self._undrawn + os.read(self._ours, 4096)
            except OSError:  # nobody has the other end any more
                break
            # What was written at once may come in pieces, and be cut anywhere.
            whole, end, self._undrawn = data.rpartition(b"\n")
            for piece in re.findall(
                r"\x1b\[1A|\x1b\[2K|\r|\n|[^\x1b\r\n]+", (whole + end).decode()
            ):
                self._draw(piece)

    def close(self) -> None:
        """Hang up."""
        os.close(self._ours)

    def _draw(self, piece: str) -> None:
        match piece:
            case "\n":
                self.screen.append("")
            case "\x1b[1A":
                self.screen.pop()
            case "\x1b[2K":
                self.screen[-1] = ""
            case "\r":
                pass
            case text:
                whole = self.screen.pop() + text
                starts = range(0, len(whole), self._columns)
                self.screen += [whole[at : at + self._columns] for at in starts]


@pytest.mark.parametrize("columns", [80, 40])
def test_a_terminal_shows_one_line_that_changes(web: Agent, columns: int) -> None:
    """Under its head, however many samples come and however narrow it is; ^C ends it quietly."""
    terminal = Terminal(columns)
    process = terminal.run("stats", "--follow", environ={"SELFINSPECT_URI": uri_of(web)})
    assert process.stderr is not None
    seen: list[list[str]] = []
    try:
        # The first sample has no percentage, those after it have: three were drawn.
        terminal.show(lambda: _drawn(terminal.screen, seen) >= 3)
        assert all(len(lines) == 2 for lines in seen), seen
        head, line = seen[-1]
        assert head.startswith("CPU %    MEM USAGE LIMIT")
        assert head.endswith("PIDS" if columns == 80 else "NET")
        assert "MiB" in line
        process.send_signal(signal.SIGINT)
        terminal.show(lambda: False)
        assert process.wait(PATIENCE) == 130
        assert process.stderr.read().strip() == b""
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
        terminal.close()


def _drawn(screen: list[str], seen: list[list[str]]) -> int:
    """How many times a whole line was drawn so far."""
    if screen[-1] == "" and len(screen) > 2:
        seen.append(screen[:-1])
    return len(seen)


def uri_of(agent: Agent) -> str:
    """Where an agent is, as the program takes it."""
    return f"http+unix://{quote(agent.api.address.removeprefix('unix://'), safe='')}"
