"""The page's panels that show data: history, log, processes, changes; before a canned engine."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from selfinspect.model import HISTORY_FIELDS
from tests.browser.conftest import OOM, Screen, ago, readable, run, visiting
from tests.contract.conftest import LAYER, PROGRAM, Agent, environment
from tests.support.canned_engine import Answer, CannedEngine, recorded
from tests.support.container_root import container_root
from tests.unit.engine.inspect.test_frames import frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Route

    from tests.browser.conftest import Visit

FIXTURE = Path(__file__).parents[1] / "fixtures" / "cgroup-v2"
INSPECT: dict[str, Any] = recorded("inspect")
ID: str = INSPECT["Id"]
LOGS = f"/containers/{ID}/logs"
CHANGES = f"/containers/{ID}/changes"
BECOME = """(state) => {
  Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
HOSTILE = "<img src=x onerror=alert(1)> \u202egnihton \x1b[31mred\x1b[0m \x07bell \u05e9\u05dc"


def killed_a_while_ago() -> list[Any]:
    """The runs of a container that was OOM-killed five minutes ago, and restarted."""
    now = time.time_ns()
    return [run(2, 299, now=now), run(1, 4 * 3600, 300, now=now, **OOM)]


def climbing(hours: int, runs: list[Any]) -> Any:
    """An answer of /v1/history: memory climbs to its limit before the kill, CPU meets its quota."""
    rows = []
    for minutes in range(hours * 60, 0, -1):
        memory = min(120, 20 + (hours * 60 - minutes) * 100 // (hours * 60)) if minutes > 5 else 30
        held = 0.36 if minutes % 20 < 9 else 0.0
        rest = (128 * 2**20, 900.0, 1e5, 0.0, 2048.0, 7, 0.01)
        rows.append([ago(minutes * 60), 0.3 + (minutes % 7) / 30, held, memory * 2**20, *rest])
    return {"step_seconds": 5, "fields": list(HISTORY_FIELDS), "samples": rows, "runs": runs}


@dataclass
class Stage:
    """An agent before a canned engine, and a browser for its page.

    Attributes:
        engine: answers what a test scripts.
        url: the page's.
        says: documents, or problems with their status, that stand in for the agent's, by path.
        log: what stands in for the log's lines, by the query.
    """

    engine: CannedEngine
    url: str
    chromium: Browser
    request: pytest.FixtureRequest
    says: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def prints(self, *lines: tuple[int, float, str]) -> None:
        """Let the engine's log have these lines: the stream, its age in seconds, and the text."""
        frames = [frame(stream, f"{ago(age)} {text}\n".encode()) for stream, age, text in lines]
        self.engine.answers[LOGS] = Answer(body=b"".join(frames))

    @contextmanager
    def opened(self) -> Iterator[Visit]:
        """The page, live; in the end nothing is amiss in its console."""

        def route(page: Page) -> None:
            page.on("request", lambda request: self.asked.append(request.url))
            page.route("**/v1/**", self._answer)

        with visiting(self.chromium, self, Screen(), self.request, before=route) as visit:
            visit.shows("#connection", "Live")
            yield visit
            assert visit.refusals == []

    def questions(self, path: str) -> list[str]:
        """The queries with which the page asked for a path."""
        return [url.partition("?")[2] for url in self.asked if url.partition("?")[0].endswith(path)]

    def _answer(self, route: Route) -> None:
        path = "/v1/" + route.request.url.partition("/v1/")[2].partition("?")[0]
        answer = self.says.get(path)
        if answer is None:
            route.continue_()
        else:
            route.fulfill(body=json.dumps(answer), content_type="application/json")


@pytest.fixture
def options() -> tuple[str, ...]:
    """Further options of the agent; a test may ask for others by parametrizing it."""
    return ()


@pytest.fixture
def stage(
    engine: CannedEngine,
    chromium: Browser,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    options: tuple[str, ...],
) -> Iterator[Stage]:
    """The container called `web`, whose log is empty."""
    engine.knows(INSPECT, image=recorded("image"), stats=recorded("stats"))
    engine.answers[LOGS] = Answer(body=b"")
    root = container_root(tmp_path / "root", container=ID, layer=LAYER, hostname="web")
    for name in ("sys/fs/cgroup", "proc/self/net"):
        shutil.copytree(FIXTURE / name, root / name)
    shutil.copy(FIXTURE / "proc/stat", root / "proc/stat")
    with (root / "proc/self/mountinfo").open("a") as file:
        file.write(f"501 500 0:21 /docker/{ID} /sys/fs/cgroup ro - cgroup2 cgroup rw\n")
    process = subprocess.Popen(
        [
            *PROGRAM,
            "serve",
            "--listen=127.0.0.1:0",
            "--metrics-listen=127.0.0.1:0",
            f"--root={root}",
            f"--journal={tmp_path}/journal",
            f"--engine={engine.url}",
            *options,
        ],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    agent = Agent(process)
    try:
        agent.ready()
        yield Stage(engine, f"http://{agent.api.address}/", chromium, request)
    finally:
        agent.end()


def test_the_charts_begin_with_what_was_read_before(stage: Stage) -> None:
    """A page that was just opened shows the minutes before, and where the memory was highest."""
    stage.says["/v1/history"] = climbing(1, [])
    with stage.opened() as visit:
        visit.until(
            "() => /at most 11\\d\\sMiB/.test("
            "document.querySelector('#chart-memory .canvas').getAttribute('aria-label'))"
        )
        assert stage.questions("/v1/history")[-1] == "since=15m"


def test_a_single_reading_is_drawn(stage: Stage) -> None:
    """As a point: a line would need two, and a container may have been looked at once."""
    alone = climbing(1, [])
    alone["samples"] = alone["samples"][-10:-9]
    stage.says["/v1/history"] = alone
    with stage.opened() as visit:
        visit.until(
            """() => {
              const canvas = document.querySelector("#chart-memory canvas");
              if (!canvas) return false;
              const half = [0, 0, Math.floor(canvas.width / 2), canvas.height];
              const { data } = canvas.getContext("2d").getImageData(...half);
              let blue = 0;
              for (let at = 0; at < data.length; at += 4) {
                blue += data[at + 3] > 200 && data[at + 2] > data[at] + 90;
              }
              return blue > 3 && blue < 60;
            }"""
        )


def test_the_hours_can_be_chosen_by_keyboard(stage: Stage) -> None:
    """A question for each choice; what happened in that time is counted below the charts."""
    runs = killed_a_while_ago()
    stage.says = {"/v1/runs": {"runs": runs}, "/v1/history": climbing(6, runs)}
    with stage.opened() as visit:
        visit.shows("#marks", "1 OOM kill")
        assert "start, at" in visit.text("#marks")
        asked = len(stage.questions("/v1/history"))
        visit.page.get_by_label("live").focus()
        visit.page.keyboard.press("ArrowRight")
        visit.shows("#figures-note", "the last 1\u00a0h")
        visit.page.keyboard.press("ArrowRight")
        visit.shows("#figures-note", "the last 6\u00a0h")
        visit.shows("#marks", "2\u00a0starts")
        queries = [query.split("&")[0] for query in stage.questions("/v1/history")[asked:]]
        assert list(dict.fromkeys(queries)) == ["since=1h", "since=6h"]  # again after a minute


def test_how_often_it_was_held_back_is_said(stage: Stage) -> None:
    """Of the time that is shown, not of its whole life."""
    stage.says["/v1/history"] = climbing(6, [])
    with stage.opened() as visit:
        visit.page.get_by_label("6 h").check()
        visit.shows("#chart-cpu .key", "held back in 16.")


def test_the_log_of_a_run_that_was_killed_is_there_at_once(stage: Stage) -> None:
    """Its last lines, not those of the run that came after; that one's on request."""
    stage.says["/v1/runs"] = {"runs": killed_a_while_ago()}
    stage.prints((1, 302, "about to die"), (2, 301, "out of memory"))
    with stage.opened() as visit:
        visit.shows("#log-lines", "out of memory")
        assert visit.text("#log-run option:checked") == "Run 1: was OOM-killed"
        [first, *_] = stage.questions("/v1/logs")
        assert first.startswith("tail=200&since=")
        assert "&until=" in first
        with visit.page.expect_request(lambda request: of_the_present_run(request.url)):
            visit.page.locator("#log-run").select_option(label="Run 2, now")
        assert visit.page.locator("#log-follow").is_visible()


def of_the_present_run(url: str) -> bool:
    """Whether the log's end is asked for, of no run that is over."""
    return "/v1/logs?tail=" in url and "&until=" not in url


def follow_the_log(visit: Visit, engine: CannedEngine) -> None:
    """Have the page follow a log in which there is nothing so far."""
    visit.shows("#log-note", "It printed nothing")
    del engine.answers[LOGS]
    with visit.page.expect_response(lambda response: "follow=true" in response.url):
        visit.page.locator("#log-follow").check()
    engine.wait_for_logs(1)


def test_the_log_is_followed(stage: Stage, engine: CannedEngine) -> None:
    """Each line appears as it is printed, with its output; a stream that ends is resumed."""
    with stage.opened() as visit:
        follow_the_log(visit, engine)
        engine.print(frame(2, f"{ago(0)} it goes on\n".encode()))
        visit.shows("#log-lines", "it goes on")
        assert visit.text("#log-lines .stream") == "err"
        with visit.page.expect_response(lambda response: "since=20" in response.url):
            engine.end_logs()
        engine.wait_for_logs(1)
        engine.print(frame(1, f"{ago(0)} and on\n".encode()))
        visit.shows("#log-lines", "and on")
        assert visit.page.locator("#log-lines li").count() == 2


def test_a_log_that_is_followed_rests_while_nobody_looks(
    stage: Stage, engine: CannedEngine
) -> None:
    """A hidden page has no stream open; seen again, it goes on with the lines since then."""
    with stage.opened() as visit:
        follow_the_log(visit, engine)
        engine.print(frame(1, f"{ago(0)} it goes on\n".encode()))
        visit.shows("#log-lines", "it goes on")
        visit.page.evaluate(BECOME, "hidden")
        engine.wait_for_logs(0)
        with visit.page.expect_response(lambda response: "since=20" in response.url):
            visit.page.evaluate(BECOME, "visible")
        engine.wait_for_logs(1)
        engine.print(frame(1, f"{ago(0)} and on\n".encode()))
        visit.shows("#log-lines", "and on")


def test_the_log_is_filtered(stage: Stage) -> None:
    """By text, in any case, and by output; how many of how many are left is said."""
    stage.prints(
        (1, 9, "GET /cart"), (2, 8, "error: no Database"), (2, 7, "cart lost"), (1, 6, "GET /")
    )
    with stage.opened() as visit:
        visit.shows("#log-note", "The last 4\u00a0lines.")
        visit.page.locator("#log-filter").fill("CART")
        visit.shows("#log-note", "2 of the last 4\u00a0lines.")
        visit.page.locator("#log-stream").select_option("stderr")
        visit.shows("#log-note", "1 of the last 4\u00a0lines.")
        assert "cart lost" in visit.text("#log-lines")
        assert len(stage.questions("/v1/logs")) == 1


def test_a_very_long_line_is_shown_in_part(stage: Stage) -> None:
    """The rest on request, as far as the agent has it: one of a mebibyte is cut there."""
    stage.prints(*((1, 9, "long " + "x" * 2**20) for _ in range(8)))
    with stage.opened() as visit:
        visit.shows("#log-note", "The last 8\u00a0lines.")
        line = visit.page.locator("#log-lines li").last
        assert len(line.locator(".text").inner_text()) == 2000
        line.get_by_role("button").click()
        assert "bytes more]" in line.locator(".text").inner_text()


def test_hostile_lines_stay_text(stage: Stage) -> None:
    """No markup, no colours, nothing that turns the text around; a secret is masked as ever."""
    entries = INSPECT["Config"]["Env"]
    [secret] = [each.partition("=")[2] for each in entries if each.startswith("DB_PASSWORD=")]
    stage.prints((1, 9, HOSTILE), (1, 8, f"connected with {secret}"))
    with stage.opened() as visit:
        visit.shows("#log-lines", "connected with [masked]")
        text = visit.text("#log-lines")
        assert "<img src=x onerror=alert(1)> \\u202egnihton red \\u0007bell \u05e9" in text
        assert visit.page.locator("#log-lines img").count() == 0
        assert secret not in visit.page.content()


def test_a_log_that_is_denied_is_asked_for_once(stage: Stage, engine: CannedEngine) -> None:
    """The reason and what helps stand in its place, however often the container changes."""
    engine.answers[LOGS] = Answer(403, b"<html>no</html>")
    with stage.opened() as visit:
        visit.shows("#log-note", "CONTAINERS=1")
        assert not visit.page.locator("#log-lines").is_visible()
        asked = len(stage.questions("/v1/runs"))
        engine.emit(renamed("other"))
        visit.shows("#timeline-list", "Renamed")
        visit.until(
            "(asked) => performance.getEntriesByType('resource')"
            ".filter(({ name }) => name.endsWith('/v1/runs')).length > asked",
            asked,
        )
        assert len(stage.questions("/v1/logs")) == 1
        [refusal] = visit.refusals
        assert "403" in refusal
        visit.refusals.clear()


def renamed(name: str) -> dict[str, Any]:
    """An event of the container, now."""
    actor = {"ID": ID, "Attributes": {"name": name, "oldName": "/web"}}
    return {"Type": "container", "Action": "rename", "Actor": actor, "timeNano": time.time_ns()}


def engine_that(*, reachable: bool, **capabilities: str) -> dict[str, Any]:
    """An engine's document, with nothing in it but whether it answers and what it lets us ask."""
    names = ("endpoint", "product", "version", "api_version", "os", "kernel", "encrypted")
    known = {"reachable": reachable, "capabilities": capabilities, "tried": []}
    return {**dict.fromkeys(names), **known}


def test_a_followed_log_is_not_asked_of_an_engine_that_went(
    stage: Stage, engine: CannedEngine
) -> None:
    """When it ends the page first asks whether there still is an engine, and says if not."""
    with stage.opened() as visit:
        follow_the_log(visit, engine)
        stage.says["/v1/engine"] = engine_that(reachable=False)
        asked = stage.questions("/v1/logs")
        engine.end_logs()
        visit.shows("#log-note", "No engine answers")
        assert stage.questions("/v1/logs") == asked


def test_the_log_is_read_once_an_engine_answers(stage: Stage, engine: CannedEngine) -> None:
    """Until then a line says that none does, and nothing is asked."""
    stage.says["/v1/engine"] = engine_that(reachable=False)
    stage.prints((1, 9, "all is well"))
    with stage.opened() as visit:
        visit.shows("#log-note", "No engine answers")
        assert stage.questions("/v1/logs") == []
        del stage.says["/v1/engine"]
        engine.emit(renamed("back"))
        visit.shows("#log-lines", "all is well")


def test_a_log_that_is_known_to_be_denied_is_not_asked_for(stage: Stage) -> None:
    """The line says why, so that the console has nothing; a person may ask all the same."""
    stage.says["/v1/engine"] = engine_that(reachable=True, logs="denied")
    stage.prints((1, 9, "all is well"))
    with stage.opened() as visit:
        visit.shows("#log-note", "denies logs. What helps: ")
        assert stage.questions("/v1/logs") == []
        visit.page.locator("#log-again").click()
        visit.shows("#log-lines", "all is well")


def test_no_choice_asks_for_a_log_that_is_known_to_be_denied(
    stage: Stage, engine: CannedEngine
) -> None:
    """Neither another run nor following: the line that says why stays."""
    stage.says["/v1/engine"] = engine_that(reachable=True, logs="denied")
    stage.says["/v1/runs"] = {"runs": killed_a_while_ago()}
    with stage.opened() as visit:
        visit.shows("#log-note", "denies logs. What helps: ")
        visit.page.locator("#log-run").select_option(label="Run 2, now")
        visit.page.locator("#log-follow").check()
        asked = len(stage.questions("/v1/runs"))
        engine.emit(renamed("other"))
        visit.until(
            "(asked) => performance.getEntriesByType('resource')"
            ".filter(({ name }) => name.endsWith('/v1/runs')).length > asked",
            asked,
        )
        assert stage.questions("/v1/logs") == []
        visit.shows("#log-note", "denies logs. What helps: ")


@pytest.mark.parametrize("options", [(f"--target={ID}",)])
def test_the_history_of_another_container_is_not_asked_for(stage: Stage) -> None:
    """With `--target` there is none: the hours are not offered, and no request fails."""
    with stage.opened() as visit:
        visit.until("() => /\\d/.test(document.querySelector('#chart-memory .now').textContent)")
        assert stage.questions("/v1/history") == []
        assert not visit.page.locator("#hours").is_visible()


def test_a_log_that_nobody_keeps_is_not_asked_for(stage: Stage, engine: CannedEngine) -> None:
    """With the logging driver `none`: a line says so, and what helps; the console has nothing."""
    stage.says["/v1/inspect/HostConfig"] = {"LogConfig": {"Type": "none"}}
    with stage.opened() as visit:
        visit.shows("#log-note", "Its logging driver is none")
        visit.shows("#log-note", "--log-driver")
        assert engine.matching("/logs") == []


@pytest.mark.parametrize("options", [("--engine=off",)])
def test_without_an_engine_the_kernel_is_asked(stage: Stage) -> None:
    """The log has a line that says why there is none; the processes are there."""
    stage.says["/v1/top"] = TOP
    with stage.opened() as visit:
        visit.shows("#log-note", "What helps: ")
        visit.page.locator("#processes > summary").click()
        visit.shows("#processes .body", "worker 8")
        visit.page.locator("#changes > summary").click()
        visit.shows("#changes .note", "What helps: ")
        assert stage.questions("/v1/logs") == stage.questions("/v1/changes") == []


TOP = {
    "titles": ["PID", "PPID", "UID", "S", "RSS", "SWAP", "TIME", "COMMAND"],
    "processes": [
        [f"{n}", "1", "1000", "S", f"{n * 3000}", f"{n % 3 * 1024}", f"{99 - n}.5", f"worker {n}"]
        for n in range(1, 9)
    ],
}


def test_the_processes_by_memory_and_by_cpu(stage: Stage) -> None:
    """Asked for once the panel is open, of the kernel; in the order that a person chooses."""
    stage.says["/v1/top"] = TOP
    with stage.opened() as visit:
        visit.page.locator("#processes > summary").focus()
        assert stage.questions("/v1/top") == []
        visit.page.keyboard.press("Enter")
        first = visit.page.locator("#processes .body tbody tr").first
        first.filter(has_text="worker 8").wait_for()
        assert "23.4\u00a0MiB" in first.inner_text()
        visit.page.get_by_role("button", name="CPU").click()
        first.filter(has_text="worker 1").wait_for()
        assert set(stage.questions("/v1/top")) == {"source=kernel"}
        # The next list comes by itself: how much of a CPU each took since the first.
        first.filter(has_text="0.0\u00a0%").wait_for()


@pytest.mark.parametrize("options", [("--stats-source=engine",)])
def test_processes_of_the_engine(stage: Stage, engine: CannedEngine) -> None:
    """Where the kernel's files are not read: one `ps` of its machine for each opening."""
    titles = ["PID", "PPID", "UID", "STAT", "RSS", "%CPU", "COMMAND"]
    row = ["4242", "1", "0", "Ss", "2048", "12.5", "nginx: master"]
    listed: Any = {"Titles": titles, "Processes": [row]}
    engine.answers[f"/containers/{ID}/top"] = Answer(body=listed)
    with stage.opened() as visit:
        visit.until("() => /\\d/.test(document.querySelector('#chart-memory .now').textContent)")
        visit.page.locator("#processes > summary").click()
        visit.shows("#processes .body", "nginx: master")
        assert "2\u00a0MiB\t12.5\u00a0%\t4242" in visit.text("#processes .body tbody")
    assert len(engine.matching("/top")) == 1


def test_a_hundred_processes(stage: Stage) -> None:
    """The largest are shown, and all on request."""
    rows = [[str(n), "1", "0", "S", str(n), "0", "1.0", f"child {n}"] for n in range(100)]
    stage.says["/v1/top"] = {"titles": TOP["titles"], "processes": rows}
    with stage.opened() as visit:
        visit.page.locator("#processes > summary").click()
        visit.page.get_by_role("button", name="Show more (75)").click()
        visit.until("() => document.querySelectorAll('#processes .body tbody tr').length === 100")
        assert visit.text("#processes summary .quiet") == "(100)"


def test_ten_thousand_changed_files(stage: Stage) -> None:
    """Asked for once, on opening; counted by kind, the first of them shown, more on request."""
    kinds = ("added", "modified", "deleted")
    changes = [{"path": f"/srv/{n}/<b>", "kind": kinds[n % 3]} for n in range(10_000)]
    stage.says["/v1/changes"] = {"changes": changes}
    with stage.opened() as visit:
        assert stage.questions("/v1/changes") == []
        visit.page.locator("#changes > summary").click()
        visit.shows("#changes .body", "3334 added, 3333 modified, 3333 deleted")
        items = visit.page.locator("#changes .body li")
        assert items.count() == 200
        visit.page.get_by_role("button", name="Show more (9800)").click()
        assert items.count() == 1000
        assert len(stage.questions("/v1/changes")) == 1


def test_everyone_can_read_the_panels(stage: Stage) -> None:
    """Each open, on a phone and on desks, by day and by night: it fits, and axe finds nothing."""
    runs = killed_a_while_ago()
    stage.says = {
        "/v1/runs": {"runs": runs},
        "/v1/history": climbing(6, runs),
        "/v1/top": TOP,
        "/v1/changes": {
            "changes": [
                {"path": f"/srv/data/{n}", "kind": ("added", "modified", "deleted")[n % 3]}
                for n in range(300)
            ]
        },
    }
    stage.prints(*((1 + n % 2, 400 - n, f"line {n} {HOSTILE}") for n in range(40)))
    with stage.opened() as visit:
        for panel in ("processes", "changes"):
            visit.page.locator(f"#{panel} > summary").click()
        visit.page.get_by_label("6 h").check()
        visit.shows("#marks", "OOM kill")
        visit.shows("#log-lines", "line 39")
        visit.shows("#processes .body", "worker")
        visit.shows("#changes .body", "added")
        readable(visit, on_a_phone=6000)
