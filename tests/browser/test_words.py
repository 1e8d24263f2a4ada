"""How the page puts figures and events into words, without any agent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

import selfinspect.web
from tests.browser.conftest import OOM, ago, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Route

ORIGIN = "http://127.0.0.1:9"
FILES = Path(selfinspect.web.__file__).parent


@pytest.fixture(scope="module")
def blank(chromium: Browser) -> Iterator[Page]:
    """A page of no agent, beside the page's own scripts."""

    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path == "/":
            route.fulfill(body="<title>Nothing</title>", content_type="text/html")
        else:
            route.fulfill(path=FILES / path.lstrip("/"), content_type="text/javascript")

    page = chromium.new_page()
    page.route("**", answer)
    page.goto(f"{ORIGIN}/")
    yield page
    page.close()


def said(page: Page, script: str, call: str) -> object:
    """What a function of one of the page's scripts says, with plain spaces."""
    says = page.evaluate(f"async () => (await import('/page/{script}')).{call}")
    return says.replace("\u00a0", " ") if isinstance(says, str) else says


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("bytes(0)", "0 B"),
        ("bytes(1023)", "1023 B"),
        ("bytes(1024)", "1 KiB"),
        ("bytes(1536)", "1.50 KiB"),
        ("bytes(256 * 2 ** 20)", "256 MiB"),
        ("bytes(2 ** 20 - 1)", "1.00 MiB"),
        ("bytes(null)", "unknown"),
        ("rate(10240)", "10 KiB/s"),
        ("rate(null)", "unknown"),
        ("percent(0)", "0.0 %"),
        ("percent(12.34)", "12.3 %"),
        ("percent(150.4)", "150 %"),
        ("percent(null)", "unknown"),
        ("duration(0.4)", "0 s"),
        ("duration(59)", "59 s"),
        ("duration(3600)", "1 h"),
        ("duration(90061)", "1 d 1 h"),
    ],
)
def test_figures_have_three_digits_and_a_unit(blank: Page, call: str, words: str) -> None:
    """And what is unknown is said to be, never 0."""
    assert said(blank, "words.js", call) == words


@pytest.mark.parametrize(
    ("run", "words", "bad"),
    [
        ("cause: 'oom', exit_code: 137", "was OOM-killed", True),
        ("cause: 'killed', exit_code: 137, signal: 'SIGKILL'", "was killed by SIGKILL", True),
        ("cause: 'exit', exit_code: 3", "exited with code 3", True),
        ("cause: 'exit', exit_code: 0", "exited with code 0", False),
        ("cause: 'stopped', exit_code: 143", "was stopped and exited with code 143", False),
        ("cause: 'engine-restart', exit_code: null", "ended when the engine restarted", False),
        ("cause: 'unknown', exit_code: null", "ended, cause unknown", True),
    ],
)
def test_how_a_run_ended_is_a_sentence(blank: Page, run: str, words: str, *, bad: bool) -> None:
    """One that nobody meant to end so stands out."""
    assert said(blank, "words.js", f"ending({{signal: null, {run}}})") == words
    assert said(blank, "words.js", f"endedBadly({{{run}}})") is bad


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("type: 'container', action: 'start'", "Started"),
        ("type: 'container', action: 'die', attributes: {exit_code: '3'}", "Ended with code 3"),
        ("type: 'container', action: 'die', attributes: {exit_code: null}", "Ended"),
        ("type: 'network', action: 'connect', actor: {name: 'b'}", "Connected to the network b"),
        ("type: 'container', action: 'exec_start', attributes: {command: ['a', 'b']}", "Exec: a b"),
        ("type: 'plugin', action: 'enable'", "Plugin enable"),
        ("type: 'agent', action: 'gap'", "Events may be missing here"),
        (
            "type: 'kernel', action: 'memory_max', attributes: {count: 39}",
            "Memory met its limit 39 times",
        ),
        (
            "type: 'agent', action: 'stopping', attributes: {signal: 'SIGTERM'}",
            "Asked to stop by SIGTERM",
        ),
    ],
)
def test_what_happened_is_a_sentence(blank: Page, event: str, words: str) -> None:
    """Also of an event that nobody foresaw."""
    assert said(blank, "words.js", f"event({{{event}}})") == words


MOMENT = 1_795_000_000 * 10**9
"""What is some seconds ago is so of one moment, however slow the machine is."""
RUNNING = "id: 'a1b2', state: 'running', health: null, previous_run: null"
NOW = "new Date('2026-11-21T09:00:00Z')"


def notices(page: Page, known: str) -> list[dict[str, str]]:
    """What needs attention at nine o'clock, of what is known then."""
    found = said(page, "attention.js", f"attention({{runs: [], {known}}}, {NOW})")
    assert isinstance(found, list)
    return found


def events(action: str, *others: str) -> str:
    """Events with such attributes, one a minute before nine o'clock."""
    made = (
        f"{{action: '{action}', time: '2026-11-21T08:{60 - len(others) + index}:00Z',"
        f" attributes: {{{attributes}}}}}"
        for index, attributes in enumerate(others)
    )
    return f"[{', '.join(made)}]"


@pytest.mark.parametrize(
    ("inspected_at", "denied", "title"),
    [
        ("null", "false", "No engine answers"),
        ("'2026-11-21T09:00:00Z'", "false", "The engine is away: its last answer is shown"),
        ("null", "true", "The engine, or a proxy before it, denies inspecting this container"),
    ],
)
def test_what_an_engine_does_not_report(
    blank: Page, inspected_at: str, denied: str, title: str
) -> None:
    """One that is not there, one that went, and one that refuses have a title each."""
    failure = f"{{detail: 'because', hint: 'do this', denied: {denied}, no_target: false}}"
    known = f"self: {{{RUNNING}, inspected_at: {inspected_at}}}, engine: {{failure: {failure}}}"
    [notice] = notices(blank, known)
    assert (notice["title"], notice["advice"]) == (title, "do this")
    assert notice["text"].startswith("Because.")
    assert ("What the kernel reports" in notice["text"]) is (inspected_at == "null")


SHORT = "count: 12, working_set_bytes: 64e6, limit_bytes: 2 ** 26"
CACHED = "count: 12, working_set_bytes: 1e6, limit_bytes: 2 ** 26"


@pytest.mark.parametrize(
    ("known", "found"),
    [
        (f"events: {events('memory_max', SHORT, SHORT)}", ["Memory is at its limit"]),
        (f"events: {events('memory_max', CACHED, CACHED)}", []),
        (f"events: {events('memory_max', SHORT, *['count: 0'] * 9)}", []),
        ("sample: {memory: {percent: 93, limit_bytes: 2 ** 26}}", ["Memory is nearly used up"]),
        ("sample: {memory: {percent: 89, limit_bytes: 2 ** 26}}", []),
        ("sample: {memory: {swap_bytes: 2 ** 25}}", ["Swap is in use"]),
        ("sample: {memory: {swap_bytes: 4096}}", []),
        ("sample: {memory: {oom_kills: 1}}", ["1 process OOM-killed in this run"]),
        ("lags: [9e5, 12000, 12400]", ["The engine's clock is 12 s behind"]),
        ("lags: [9e5, 300]", []),
        ("lags: [-61000]", ["The engine's clock is 1 min 1 s ahead"]),
    ],
)
def test_what_needs_attention(blank: Page, known: str, found: list[str]) -> None:
    """Memory at its limit unless it is cache, swap, kills, clocks apart; and not what is usual."""
    seen = notices(blank, f"self: {{{RUNNING}}}, {known}")
    assert [notice["title"].replace("\u00a0", " ") for notice in seen] == found
    assert all(notice["text"] or notice["advice"] for notice in seen)


def test_a_start_in_the_future_is_another_clock(blank: Page) -> None:
    """The engine cannot have started a container after it reported that."""
    times = "started_at: '2026-11-21T08:59:50Z', inspected_at: '2026-11-21T08:59:20Z'"
    [notice] = notices(blank, f"self: {{{RUNNING}, {times}}}")
    assert notice["title"].replace("\u00a0", " ") == "The engine's clock is 30 s ahead"


@pytest.mark.parametrize(
    ("statuses", "found"),
    [
        ("healthy unhealthy healthy unhealthy healthy", ["Its health keeps changing"]),
        ("healthy unhealthy healthy", []),
        ("healthy starting healthy starting healthy starting", []),
    ],
)
def test_health_that_flaps(blank: Page, statuses: str, found: list[str]) -> None:
    """Two ups and downs in a quarter of an hour; a start is none."""
    seen = events("health_status", *(f"status: '{status}'" for status in statuses.split()))
    titles = [notice["title"] for notice in notices(blank, f"self: {{{RUNNING}}}, events: {seen}")]
    assert titles == found


THROTTLING = """async (document) => {
  const { History } = await import('/page/history.js');
  const history = new History();
  history.begin(document);
  return history.throttling();
}"""


@pytest.mark.parametrize(
    ("shares", "found"),
    [
        ((0.2, 0.4, 0.4), "In the last 2 min it was throttled in 40.0 % of its CPU periods"),
        ((0.9, 0.25, 0.25), None),
        ((0.4, None, None), None),
    ],
)
def test_throttling_is_measured_over_a_time_that_is_said(
    blank: Page, shares: tuple[float | None, ...], found: str | None
) -> None:
    """Above the alert's threshold; a sample's share is that of the time since the one before."""
    samples = [[f"2026-11-21T08:5{minute}:00Z", share] for minute, share in enumerate(shares)]
    document = {"fields": ["time", "cpu_throttled_share"], "samples": samples, "runs": []}
    throttling = blank.evaluate(THROTTLING, document)
    seen = notices(blank, f"self: {{{RUNNING}}}, throttling: {json.dumps(throttling)}")
    texts = [notice["text"].replace("\u00a0", " ").partition(":")[0] for notice in seen]
    assert texts == ([found] if found else [])


@pytest.mark.parametrize(
    ("minutes", "title"),
    [
        ((1, 2, 3, 4), "It keeps restarting: 3 times in the last 15 min"),
        ((1, 2, 30, 31), "The previous run exited with code 3"),
        ((200, 300, 400, 500), "The previous run exited with code 3"),
    ],
)
def test_a_loop_is_three_restarts_in_a_quarter_of_an_hour(
    blank: Page, minutes: tuple[int, ...], title: str
) -> None:
    """As the alert has it; what restarted long ago does not keep restarting."""
    start = f"(minutes) => new Date({NOW} - minutes * 60000).toISOString()"
    runs = (
        f"{json.dumps(minutes)}.map((minutes, index) => ({{number: 4 - index, cause: 'exit',"
        f" exit_code: 3, signal: null, started_at: ({start})(minutes),"
        f" finished_at: index ? ({start})(minutes - 0.5) : null}}))"
    )
    [notice] = notices(blank, f"self: {{{RUNNING}, restart_count: 9}}, runs: {runs}")
    assert notice["title"].replace("\u00a0", " ") == title


def test_a_stop_says_how_long_is_left(blank: Page) -> None:
    """And which signal came."""
    stop = "{signal: 'SIGTERM', received_at: '2026-11-21T08:59:58Z', deadline: null}"
    [notice] = notices(blank, f"self: {{{RUNNING}, stopping: {stop}}}")
    assert notice["title"].startswith("The container is stopping: SIGTERM came at ")


@pytest.mark.parametrize(
    ("self", "level", "engine", "starting"),
    [
        ("null", "null", "{failure: null, reachable: false}", True),
        ("null", "'proven'", "{failure: null, reachable: true}", True),
        ("null", "null", "{failure: null, reachable: true}", False),
        ("null", "null", "{failure: {detail: 'off'}, reachable: false}", False),
        (f"{{{RUNNING}}}", "'proven'", "{failure: null, reachable: true}", False),
    ],
)
def test_the_first_look_is_no_error(
    blank: Page, self: str, level: str, engine: str, *, starting: bool
) -> None:
    """Until the agent has looked nothing is refused, and nothing needs attention."""
    identity = f"{{level: {level}, reason: 'two candidates'}}"
    known = f"{{self: {self}, identity: {identity}, engine: {engine}, runs: []}}"
    assert said(blank, "attention.js", f"isStarting({known})") is starting
    if starting:
        assert said(blank, "attention.js", f"attention({known})") == []


@pytest.mark.parametrize(
    ("output", "end", "before", "whole"),
    [
        ("one\n", "one", 0, True),
        ("1\n2\n3\n4\n", "3\n4", 2, False),
        ("1\r\n2\r\n3\r\n", "2\n3", 1, False),
        ("x" * 601, "…" + "x" * 600, 0, False),
    ],
)
def test_the_end_of_an_output_is_what_counts(
    blank: Page, output: str, end: str, before: int, *, whole: bool
) -> None:
    """Bounded in lines and in length."""
    tail = said(blank, "words.js", f"tail({json.dumps(output)}, 2)")
    assert tail == {"end": end, "before": before, "whole": whole}


@pytest.mark.parametrize(("id_", "stands_out"), [("null", True), ("'a1b2'", False)])
def test_an_assumed_identity_stands_out_while_it_is_not_used(
    blank: Page, id_: str, *, stands_out: bool
) -> None:
    """With why it is only that, and what would settle it."""
    self = f"{{id: {id_}, state: 'running', health: null, previous_run: null}}"
    identity = "{id: 'a1b2', level: 'assumed', reason: 'we may have joined its network'}"
    found = said(
        blank, "attention.js", f"attention({{self: {self}, identity: {identity}, runs: []}})"
    )
    assert isinstance(found, list)
    assert len(found) == stands_out
    assert all(notice["text"].startswith("We may have joined its network. ") for notice in found)
    assert all("SELFINSPECT_ASSUME=1" in notice["advice"] for notice in found)


@pytest.mark.parametrize("level", ["proven", "confirmed", "observed", "assumed"])
def test_each_level_says_what_it_rests_on(blank: Page, level: str) -> None:
    """In words that need no other page."""
    words = said(blank, "words.js", f"proof('{level}', 'kernel')")
    assert isinstance(words, str)
    assert words.startswith(("The engine ", "No engine confirms it"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no engine answers", "No engine answers."),
        ("unix:///var/run/docker.sock: refused", "unix:///var/run/docker.sock: refused."),
        ("is it there?", "Is it there?"),
    ],
)
def test_what_the_agent_says_becomes_a_sentence(blank: Page, text: str, words: str) -> None:
    """An address in it is not changed."""
    assert said(blank, "words.js", f"sentence({text!r})") == words


@pytest.mark.parametrize(
    ("since", "words"),
    [("9, 0, 1", "3 times since 09:00:01"), ("9, 0, 2", "3 times"), (None, "3 times")],
)
def test_how_often_something_happened(blank: Page, since: str | None, words: str) -> None:
    """And since when, where that was not within the same second."""
    first = f"new Date(2026, 10, 21, {since})" if since else "null"
    assert said(blank, "words.js", f"often(3, {first}, new Date(2026, 10, 21, 9, 0, 2))") == words


def test_the_same_again_and_again_is_one_line(blank: Page) -> None:
    """In a row, in one run and on one day; whatever comes in between stays where it was."""
    script = """async () => {
      const { condensed } = await import('/page/timeline.js');
      const event = (action, time, run = 1) => ({
        type: 'container', action, run, attributes: {}, time: `2026-11-${time}.000000000Z`,
      });
      const lines = condensed([
        event('oom', '21T12:00:09'), event('oom', '21T12:00:08'), event('oom', '21T12:00:08'),
        event('update', '21T12:00:07'), event('oom', '21T12:00:06'), event('oom', '21T12:00:05', 2),
        event('oom', '19T12:00:05', 2),
      ]);
      return lines.map(({ event, count, since }) => [event.action, count, since.getUTCSeconds()]);
    }"""
    assert blank.evaluate(script) == [
        ["oom", 3, 8], ["update", 1, 7], ["oom", 1, 6], ["oom", 1, 5], ["oom", 1, 5],
    ]  # fmt: skip


def test_counters_become_rates(blank: Page) -> None:
    """Per second, over every interface but the loopback; broken where the agent was away."""
    script = """async () => {
      const { History } = await import('/page/history.js');
      const history = new History();
      const sample = (second, bytes) => ({
        read_at: `2026-11-21T09:00:0${second}.000000000Z`,
        cpu: { percent: null }, memory: { working_set_bytes: 5, usage_bytes: 9 }, io: null,
        network: { lo: { rx_bytes: 9e9, tx_bytes: 0 }, eth0: { rx_bytes: bytes, tx_bytes: null } },
      });
      history.add(sample(0, 100));
      history.add(sample(2, 300));
      history.interrupt();
      history.add(sample(4, 900));
      history.add(sample(5, 10));
      return history.series;
    }"""
    assert blank.evaluate(script) == {
        "cpu": [None] * 5,
        "throttled": [None] * 5,
        "memory": [5, 5, None, 5, 5],
        "limit": [None] * 5,
        "received": [None, 100, None, None, None],
        "sent": [None] * 5,
        "read": [None] * 5,
        "written": [None] * 5,
    }


def test_fifteen_minutes_are_kept(blank: Page) -> None:
    """What is older goes; the time shown grows with what there is to show."""
    script = """async () => {
      const { History } = await import('/page/history.js');
      const history = new History();
      const spans = [];
      for (let second = 0; second < 2000; second += 1) {
        const read_at = new Date(1e12 + second * 1000).toISOString();
        history.add({ read_at, cpu: { percent: 1 }, memory: {}, network: null, io: null });
        if (!spans.includes(history.span())) spans.push(history.span());
      }
      return [history.times.length, history.series.cpu.length, spans];
    }"""
    assert blank.evaluate(script) == [900, 900, [60, 120, 300, 900]]


def of_module(page: Page, script: str, call: str, *arguments: Any) -> Any:
    """What a function of one of the page's scripts returns."""
    code = f"async (given) => (await import('/page/{script}')).{call}(...given)"
    return page.evaluate(code, list(arguments))


def happened(action: str, seconds: float, type_: str = "container", **attributes: Any) -> Any:
    """An event of so many seconds ago."""
    time = ago(seconds, MOMENT)
    return {"action": action, "type": type_, "time": time, "attributes": attributes}


def test_what_is_marked_on_the_time_axis(blank: Page) -> None:
    """Starts, ends by what they were, the kernel's kills once each, health, another image."""
    runs = [run(2, 299, now=MOMENT), run(1, 4000, 300, now=MOMENT, **OOM)]
    events = [
        happened("create", 4001, image="shop:1"),
        happened("start", 4000, image="shop:1"),
        happened("health_status", 3900, status="healthy"),
        happened("health_status", 400, status="unhealthy"),
        happened("health_status", 390, status="unhealthy"),
        happened("oom", 350),
        happened("oom", 300.5),
        happened("memory_max", 310, type_="kernel"),
        happened("start", 299.5, image="shop:2"),
    ]
    marks = of_module(blank, "history.js", "marks", runs, events)
    assert [(mark["kind"], mark["text"]) for mark in marks] == [
        ("deploy", "deployed shop:1"),
        ("start", "run 1 started"),
        ("health change", "health: unhealthy"),
        ("OOM kill", "the kernel killed a process for memory"),
        ("time at the memory limit", "memory at its limit"),
        ("OOM kill", "run 1 was OOM-killed"),
        ("deploy", "deployed shop:2"),
        ("start", "run 2 started"),
    ]


def test_little_is_asked_for_first_of_a_run_that_is_over(blank: Page) -> None:
    """An engine reads all that is asked for: a minute, an hour, and then the whole run."""
    times = {3: (100, None), 2: (9000, 200), 1: (9999, 9100)}
    runs = [run(number, *times[number], now=MOMENT) for number in times]
    asked = queries(blank, runs, 1)
    since = [float(query.split("since=")[1].split("&")[0]) for query in asked]
    until = {float(query.split("until=")[1]) for query in asked}
    assert len(until) == 1
    assert [round(until.copy().pop() - each) for each in since] == [60, 3600, 8900]
    assert queries(blank, runs[1:], 0)[0].count("until") == 1
    assert queries(blank, [run(1, 9)], 0) == ["tail=200"]


def queries(page: Page, runs: list[Any], index: int) -> list[str]:
    """What is asked for the log of one of these runs."""
    code = "async ([runs, at]) => (await import('/page/logs.js')).queries(runs, runs[at])"
    asked: list[str] = page.evaluate(code, [runs, index])
    return asked


def test_the_share_of_a_cpu_is_that_between_two_answers(blank: Page) -> None:
    """A process that is new, or has the PID of an older one, has none yet."""
    titles = ["PID", "RSS", "TIME", "COMMAND"]
    rows = [["1", "8", "3.00", "a"], ["2", "8", "0.10", "b"], ["3", "", "9.00", "c"]]
    before = [{"pid": "1", "spent": 1.0}, {"pid": "2", "spent": 5.0}]
    shares = of_module(
        blank, "listings.js", "processes", {"titles": titles, "processes": rows}, before, 4
    )
    assert [each["cpu"] for each in shares] == [50, None, None]
    assert [each["memory"] for each in shares] == [8192, 8192, None]
