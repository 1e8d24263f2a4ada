"""The page in each state of a container: what it says, and that everyone can read it."""

from __future__ import annotations

import re
import shutil
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from selfinspect.agent.history import line
from selfinspect.agent.state import UNRESOLVED
from selfinspect.documents import engine_document, identity_document
from selfinspect.jsonread import mapping, sequence
from selfinspect.model import HISTORY_FIELDS, Snapshot
from selfinspect.times import rfc3339
from tests.browser.conftest import Screen, readable, visiting
from tests.engine.conftest import ROOT, until
from tests.support.canned_engine import Answer, recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from playwright.sync_api import Browser, FloatRect, Route

    from selfinspect.model import Json
    from tests.browser.conftest import Visit
    from tests.contract.conftest import Agent, Serve
    from tests.support.canned_engine import CannedEngine

    Look = Callable[[Agent], AbstractContextManager[Visit]]

FIXTURES = Path(__file__).parents[1] / "fixtures"
SECOND = 10**9
SEE_AGAIN = "() => document.dispatchEvent(new Event('visibilitychange'))"
HOSTILE = "<img src=x onerror=alert(1)>\u202e'\"&lt;</script><script>alert(2)</script>" + "w" * 200


def ago(seconds: float) -> int:
    """Nanoseconds since the Unix epoch, so many seconds ago."""
    return time.time_ns() - round(seconds * SECOND)


@dataclass(frozen=True)
class Address:
    """An agent's, to be visited."""

    url: str


@dataclass(frozen=True)
class Stage:
    """A container of cgroup v2 whose engine and kernel say what a test wants."""

    engine: CannedEngine
    inspect: dict[str, Json]
    root: Path
    journal: Path
    serve: Serve

    @property
    def state(self) -> dict[str, Json]:
        """The state in the engine's document."""
        state = self.inspect["State"]
        assert isinstance(state, dict)
        return state

    def agent(self, *options: str) -> Agent:
        """An agent on a port of loopback."""
        usual = (f"--engine={self.engine.url}", f"--root={self.root}", f"--journal={self.journal}")
        given = any(each.startswith("--listen") for each in options)
        where = () if given else ("--listen=127.0.0.1:0",)
        return self.serve(*where, *usual, *options, listen=False)

    def followed(self, *options: str) -> Agent:
        """A ready agent that follows the engine's events."""
        agent = self.agent(*options).ready()
        agent.logged("engine.followed")
        return agent

    def first_reading(self) -> Path:
        """The history's file, once an agent has written a reading into it."""
        kept = partial(self.journal.glob, "*.history")
        until(lambda: any(each.read_bytes() for each in kept()), "a first reading")
        [path] = kept()
        return path

    def remembering(self, readings: int) -> Agent:
        """An agent that follows the engine's events, and has read so many readings back."""
        agent = self.followed()

        def read_back() -> bool:
            return len(sequence(agent.api.ask("/v1/history").json, "samples")) >= readings

        until(read_back, f"{readings} readings of before")
        return agent

    def happens(self, action: str, at: int, **attributes: Json) -> None:
        """The engine reports an event."""
        actor: Json = {"ID": self.inspect["Id"], "Attributes": {"name": "web", **attributes}}
        event = {"Type": "container", "Action": action, "Actor": actor, "timeNano": at}
        self.engine.emit(event)

    def dies(self, runs: int, *, every: float, agent: Agent) -> None:
        """So many runs end by an OOM kill, the last one just now; the agent has seen it."""
        now = time.time_ns()
        for end in (now - round(left * every * SECOND) for left in range(runs, 0, -1)):
            self.happens("oom", end)
            self.happens("die", end + 10**6, exitCode="137")
            self.happens("start", end + SECOND)
        self.state["StartedAt"] = rfc3339(now - round(every * SECOND) + SECOND)
        self.inspect["RestartCount"] = runs
        self.happens("top", ago(0))
        numbers = "runs"
        until(
            lambda: len(sequence(agent.api.ask("/v1/runs").json, numbers)) > runs,
            f"{runs} runs and the present one",
        )


@pytest.fixture
def inspect() -> dict[str, Json]:
    """The recorded container, started an hour ago and healthy."""
    document = recorded("inspect")
    document["Created"] = rfc3339(ago(3601))
    state, config = document["State"], document["Config"]
    assert isinstance(state, dict)
    assert isinstance(config, dict)
    labels = mapping(config, "Labels")
    config["Labels"] = {name: labels[name] for name in labels if name not in ("signal", "exitCode")}
    state["StartedAt"] = rfc3339(ago(3600))
    state["Health"] = checked("healthy", [("", 0)])
    return document


def checked(status: str, results: list[tuple[str, int]], *, streak: int = 0) -> Json:
    """A health check's state, with these outputs and exit codes, a check every ten seconds."""
    times = [ago(10 * (len(results) - index)) for index in range(len(results))]
    log: list[Json] = [
        {"Start": rfc3339(at), "End": rfc3339(at + SECOND // 10), "ExitCode": code, "Output": said}
        for at, (said, code) in zip(times, results, strict=True)
    ]
    return {"Status": status, "FailingStreak": streak, "Log": log}


@pytest.fixture
def stage(
    here: tuple[str, ...],
    engine: CannedEngine,
    inspect: dict[str, Json],
    serve: Serve,
    tmp_path: Path,
) -> Stage:
    """The container, whose log is empty; its kernel's files beside those that identify it."""
    assert here
    root = tmp_path / "root"
    for name in ("sys/fs/cgroup", "proc/self/net"):
        shutil.copytree(FIXTURES / "cgroup-v2" / name, root / name)
    shutil.copy(FIXTURES / "cgroup-v2/proc/stat", root / "proc/stat")
    with (root / "proc/self/mountinfo").open("a") as file:
        file.write(f"501 500 0:21 /docker/{inspect['Id']} /sys/fs/cgroup ro - cgroup2 cgroup rw\n")
    (root / "sys/fs/cgroup/memory.events").write_text("max 0\noom 0\noom_kill 0\n")
    engine.answers["/info"] = Answer(body={**recorded("info"), "Name": "rack-7"})
    engine.answers[f"/containers/{inspect['Id']}/logs"] = Answer(body=b"")
    return Stage(engine, inspect, root, tmp_path / "journal", serve)


@pytest.fixture
def look(chromium: Browser, request: pytest.FixtureRequest) -> Look:
    """Opens an agent's page."""

    @contextmanager
    def visit(agent: Agent) -> Iterator[Visit]:
        place = Address(f"http://{agent.api.address}/")
        with visiting(chromium, place, Screen(), request) as visit:
            yield visit

    return visit


@pytest.fixture
def kept_port() -> Iterator[int]:
    """A port of loopback that nobody else is given while no agent listens on it."""
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]


def titles(visit: Visit) -> list[str]:
    """The titles of what needs attention."""
    return visit.page.locator("#attention h3").all_inner_texts()


def charted(visit: Visit) -> None:
    """Wait until the figures are drawn and the past events are there."""
    visit.shows("#connection", "Live")
    visit.until("() => /\\d\\sMiB/.test(document.querySelector('#chart-memory .now').textContent)")


def test_fresh(stage: Stage, look: Look) -> None:
    """While the agent looks for the first time it says so in grey, and nothing is wrong."""
    # An agent waits ten seconds for its engine, and a browser may need more.
    nothing = Snapshot(UNRESOLVED)
    first = {
        "/v1/identity": identity_document(nothing),
        "/v1/engine": engine_document(nothing, None),
    }

    def as_at_first(route: Route) -> None:
        route.fulfill(json=first[urlsplit(route.request.url).path])

    with look(stage.agent().ready()) as visit:
        for path in first:
            visit.page.route(f"**{path}", as_at_first)
        visit.page.reload()
        visit.shows("#states .neutral", "Starting")
        visit.shows("#attention", "still looking")
        visit.shows("#identity", "Starting")
        visit.shows("#engine", "No engine has been asked yet.")
        assert visit.page.locator(".bad:visible").count() == 0
        readable(visit)
        visit.page.unroute_all()
        visit.shows("#states .good", "Running")
        visit.shows("#identity", "Proven")


@pytest.mark.slow
def test_healthy(stage: Stage, look: Look) -> None:
    """Nothing stands out; the host is named, and the time zone."""
    with look(stage.followed()) as visit:
        charted(visit)
        visit.shows("#states", "Healthy")
        visit.shows("#attention", "Nothing stands out.")
        visit.shows("#brief", "rack-7")
        zone = visit.page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
        assert zone in visit.text("#brief")
        readable(visit)
        assert visit.refusals == []


def test_unhealthy(stage: Stage, look: Look) -> None:
    """The end of a check's output is what is seen, and equal results stand once."""
    trace = "".join(f'  File "/app/module_{each}.py", line {each}\n' for each in range(40))
    said = f"Traceback (most recent call last):\n{trace}ConnectionError: Connection refused\n"
    stage.state["Health"] = checked("unhealthy", [(said, 1)] * 5, streak=164)
    with look(stage.followed()) as visit:
        charted(visit)
        assert titles(visit) == ["The health check fails"]
        assert "164\u00a0times in a row" in visit.text("#attention")
        assert visit.text("#attention pre").endswith("Connection refused")
        assert visit.page.locator("#health .checks > li").count() == 1
        assert "Failed with code 1 5\u00a0times" in visit.text("#health .checks")
        end = visit.page.locator("#health pre:visible")
        assert end.inner_text().endswith("Connection refused")
        assert end.evaluate("each => each.scrollHeight <= each.clientHeight")
        visit.page.locator("#health summary").click()
        visit.shows("#health details pre", "Traceback (most recent call last)")
        readable(visit)


def test_throttled(stage: Stage, look: Look) -> None:
    """Above the alert's threshold it stands out, with the time over which it was measured."""
    column = HISTORY_FIELDS.index("cpu_throttled_share") - 1
    width = len(HISTORY_FIELDS) - 1
    past = [
        line(ago(left), [0.36 if index == column else 1.0 for index in range(width)])
        for left in (240, 180, 120, 60)
    ]
    first = stage.followed()
    path = stage.first_reading()
    first.stop()
    header = path.read_bytes().splitlines(keepends=True)[0]
    path.write_bytes(header + b"".join(past))
    with look(stage.remembering(len(past))) as visit:
        charted(visit)
        visit.shows("#attention", "The CPU limit holds it back")
        assert len(titles(visit)) == 1
        said = visit.text("#attention p >> nth=0")
        assert re.search(r"throttled in 3[3-6]\.\d\s% of its CPU periods", said)
        assert said.startswith("In the last ")
        assert "1.5\u00a0CPUs" in said
        readable(visit)


def test_oom_loop(stage: Stage, look: Look) -> None:
    """It keeps restarting, and why; equal runs stand together, and a phone shows it all."""
    agent = stage.followed()
    stage.dies(16, every=5, agent=agent)
    with look(agent) as visit:
        charted(visit)
        visit.shows("#timeline-list", "Run 17")
        assert titles(visit) == ["It keeps restarting: 16\u00a0times in the last 15\u00a0min"]
        visit.shows("#attention", "The previous run was OOM-killed")
        # By keys: the timeline may be drawn again between a button's press and its release.
        summaries = visit.page.locator("#timeline-list summary")
        summaries.filter(has_text="Runs 1 to 16").press("Enter")
        visit.shows("#timeline-list", "Run 16started")
        summaries.filter(has_text="Run 16").last.press("Enter")
        visit.shows("#timeline-list", "Out of memory: the kernel killed a process")
        summaries.filter(has_text="Runs 1 to 16").press("Enter")
        readable(visit)


def test_200_runs(stage: Stage, look: Look) -> None:
    """They take a line where they ended alike, and none is said to have no events."""
    agent = stage.followed()
    stage.dies(200, every=30, agent=agent)
    with look(agent) as visit:
        charted(visit)
        visit.shows("#timeline-list", "Run 201")
        visit.shows("#timeline-list", "Runs 1 to 200each was OOM-killed")
        readable(visit)
        runs = visit.page.locator("#timeline-list")
        runs.locator("summary").click()
        runs.get_by_role("button", name="Show older runs (180)").click()
        for summary in runs.locator("details details summary").all():
            summary.click()
        visit.until("() => document.querySelectorAll('#timeline-list details ol').length === 40")
        assert "No event" not in visit.text("#timeline-list")


@pytest.mark.slow
def test_no_engine(stage: Stage, look: Look) -> None:
    """What is missing is said with what helps; no request of the page fails."""
    with look(stage.agent("--engine=unix:///nowhere.sock").ready()) as visit:
        charted(visit)
        assert titles(visit) == ["No engine answers"]
        assert "No engine socket at /nowhere.sock." in visit.text("#attention p >> nth=0")
        visit.shows("#attention .advice", "-v /var/run/docker.sock")
        visit.shows("#identity", "Observed")
        readable(visit)
        assert visit.refusals == []


def test_refused_identity(stage: Stage, look: Look, tmp_path: Path) -> None:
    """It says why and what settles it, and asks for nothing that would be refused."""
    bare = shutil.copytree(FIXTURES / "identity" / "v2-private-all-of-another", tmp_path / "bare")
    (bare / "proc/self/mountinfo").write_text("500 400 0:50 / / rw - ext4 /dev/vda rw\n")
    agent = stage.agent("--engine=off", f"--root={bare}")
    until(lambda: mapping(agent.api.ask("/v1/identity").json).get("reason"), "a refused identity")
    with look(agent) as visit:
        visit.shows("#states .bad", "Not identified")
        assert "This container could not be identified" in titles(visit)
        visit.shows("#attention .advice", "selfinspect id --explain")
        visit.shows("#identity", "Refused")
        readable(visit)
        assert visit.refusals == []


def test_assumed(stage: Stage, look: Look, tmp_path: Path) -> None:
    """The ID is marked as not used, and what would settle it is said."""
    tree = shutil.copytree(
        FIXTURES / "identity-traps" / "stale-short-hostname", tmp_path / "assumed"
    )
    with look(stage.agent("--engine=off", f"--root={tree}").ready()) as visit:
        visit.shows("#connection", "Live")
        visit.shows("#attention h3", "The identity is only assumed")
        visit.shows("#brief", "assumed, not used")
        readable(visit)
        assert visit.refusals == []


def test_engine_away(stage: Stage, look: Look) -> None:
    """What was last known reads so, in grey, until it is back."""
    agent = stage.followed()
    with look(agent) as visit:
        charted(visit)
        visit.shows("#states .good", "Running")
        visit.shows("#log-note", "It printed nothing")  # it is not asked for any more
        stage.engine.stop()
        agent.logged("engine.lost")
        visit.page.evaluate(SEE_AGAIN)
        visit.shows("#states .neutral", "Last known: running")
        visit.shows("#states .neutral", "Last known: healthy")
        assert titles(visit) == ["The engine is away: its last answer is shown"]
        assert visit.page.locator("#states .good, #health .mark.good").count() == 0
        readable(visit)
        stage.engine.start()
        stage.engine.wait_for_streams()
        stage.happens("top", ago(0))
        visit.shows("#states .good", "Running")
        assert visit.refusals == []


def test_container_stopped_and_back(stage: Stage, look: Look, kept_port: int) -> None:
    """No green badge outlasts it; when it is back the page goes on by itself."""
    listen = f"--listen=127.0.0.1:{kept_port}"
    agent = stage.followed(listen)
    with look(agent) as visit:
        charted(visit)
        agent.stop()
        visit.shows("#states .neutral", "Last known: running")
        assert visit.page.locator("#states .good, #health .mark.good").count() == 0
        assert visit.page.title() == "web: last known"
        [title] = titles(visit)
        assert title.startswith("The agent has not answered since")
        visit.shows("#attention .advice", "docker logs web")
        readable(visit)
        stage.agent(listen).ready()
        visit.shows("#connection", "Live")
        visit.shows("#states .good", "Running")
        visit.shows("#attention", "Nothing stands out.")


def test_token(stage: Stage, look: Look, tmp_path: Path) -> None:
    """Behind a token the links work, too: what they lead to opens in a tab."""
    token = tmp_path / "token"
    token.write_text("open-sesame\n")
    token.chmod(0o600)
    agent = stage.agent(f"--token-file={token}").ready()
    with look(agent) as visit:
        visit.shows("#token", "A token is required")
        readable(visit)
        visit.page.locator("#token-field").fill("open-sesame")
        visit.page.keyboard.press("Enter")
        charted(visit)
        for path, said in (("/v1/self", '"short_id": "7badd33650b9"'), ("/metrics", "# HELP")):
            with visit.page.expect_popup() as opened:
                visit.page.locator("#paths").get_by_text(path, exact=True).click()
            opened.value.get_by_text(said).first.wait_for()
            opened.value.close()
        readable(visit)


def test_hostile_text_everywhere(stage: Stage, look: Look) -> None:
    """Names, outputs and labels are text, at whatever length, and break nothing."""
    inspect = stage.inspect
    config, host, network = inspect["Config"], inspect["HostConfig"], inspect["NetworkSettings"]
    assert isinstance(config, dict)
    assert isinstance(host, dict)
    assert isinstance(network, dict)
    inspect["Name"] = f"/{HOSTILE}"
    config |= {
        "Image": HOSTILE, "User": HOSTILE, "WorkingDir": HOSTILE, "Hostname": HOSTILE,
        "Env": [f"A={HOSTILE}", f"{HOSTILE}=b"], "Labels": {HOSTILE: HOSTILE},
    }  # fmt: skip
    inspect["Path"], inspect["Args"] = HOSTILE, [HOSTILE]
    inspect["Mounts"] = [
        {"Type": "bind", "Source": HOSTILE, "Destination": HOSTILE, "Mode": "", "RW": True}
    ]
    [front] = mapping(network, "Networks").values()
    network["Networks"] = {HOSTILE: front}
    stage.state["Health"] = checked("unhealthy", [(HOSTILE, 1), (HOSTILE * 9, 2)], streak=2)
    stage.engine.answers["/info"] = Answer(body={**recorded("info"), "Name": HOSTILE})
    agent = stage.followed()
    stage.happens("exec_start: " + HOSTILE, ago(0), execID="1")
    stage.happens("rename", ago(0), oldName=HOSTILE)
    with look(agent) as visit:
        charted(visit)
        visit.shows("#name", "<img src=x")
        visit.shows("#timeline-list", "Renamed from <img src=x")
        visit.page.evaluate(
            "() => document.querySelectorAll('#report details').forEach((each) => each.open = true)"
        )
        readable(visit, tallest=9000, on_a_phone=20_000)
        assert visit.page.locator("main script, main img").count() == 0
        assert "\u202e" not in visit.text("body")
        agent.stop()
        visit.shows("#attention .advice", "docker logs")
        visit.page.set_viewport_size({"width": 375, "height": 900})
        visit.until("() => document.documentElement.scrollWidth <= 375")


@pytest.mark.slow
def test_memory_that_grows_until_it_is_killed(stage: Stage, look: Look) -> None:
    """What it was that ended the runs is seen at once: README shows this page.

    `--pictures FOLDER` takes that picture again, as `page.png`.
    """
    config = stage.inspect["Config"]
    assert isinstance(config, dict)
    config |= {"Image": "shop/web:1.4.2", "Hostname": "web"}
    cgroup, limit, every = stage.root / "sys/fs/cgroup", 2**26, 240
    (cgroup / "memory.max").write_text(f"{limit}\n")
    (cgroup / "memory.stat").write_text("inactive_file 0\n")
    (cgroup / "memory.peak").write_text(f"{limit}\n")
    (cgroup / "memory.current").write_text(f"{49 * 2**20}\n")
    first = stage.followed()
    path = stage.first_reading()
    first.stop()
    figures = dict.fromkeys(HISTORY_FIELDS[1:], nan) | {"memory_limit_bytes": limit, "pids": 7}
    past = [
        line(ago(left), list((figures | grown).values()))
        for left in range(8 * every, 0, -60)
        for full in [1 - (left % every) / every]
        for grown in [{"memory_working_set_bytes": limit * (0.2 + 0.75 * full), "cpu_cores": full}]
    ]
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0] + b"".join(past))
    agent = stage.remembering(len(past))
    stage.dies(8, every=every, agent=agent)
    with look(agent) as visit:
        charted(visit)
        visit.shows("#attention h3", "It keeps restarting: 3\u00a0times in the last 15\u00a0min")
        for step in range(30 if visit.folder else 1):
            used = 49 * 2**20 + (step + 1) * 205 * 2**10
            busy = step * 75 + step**2 // 2
            (cgroup / "cpu.stat").write_text(f"usage_usec {busy * 10**4}\nnr_periods 9\n")
            (stage.root / "proc/stat").write_text(
                f"cpu  {busy} 0 0 {step * 200 - busy}{' 0' * 6}\ncpu0{' 0' * 10}\ncpu1{' 0' * 10}\n"
            )
            (cgroup / "memory.current").write_text(f"{used}\n")
            visit.shows("#chart-memory .now", f"{used / 2**20:.1f}\u00a0MiB")
        if visit.folder:
            visit.page.set_viewport_size({"width": 690, "height": 640})
            clip: FloatRect = {"x": 0, "y": 44, "width": 690, "height": 596}
            visit.page.screenshot(path=f"{visit.folder}/page.png", clip=clip)
    assert (ROOT / ".github" / "page.png").stat().st_size <= 60_000
