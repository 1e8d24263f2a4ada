"""How the page puts figures and events into words, without any agent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

import selfinspect.web

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
    ],
)
def test_what_happened_is_a_sentence(blank: Page, event: str, words: str) -> None:
    """Also of an event that nobody foresaw."""
    assert said(blank, "words.js", f"event({{{event}}})") == words


@pytest.mark.parametrize(
    ("inspected_at", "status", "title"),
    [
        ("null", 503, "No engine answers"),
        ("'2026-11-21T09:00:00Z'", 503, "The engine is away: its last answer is shown"),
        ("null", 403, "The engine, or a proxy before it, denies inspecting this container"),
    ],
)
def test_what_an_engine_does_not_report(
    blank: Page, inspected_at: str, status: int, title: str
) -> None:
    """One that is not there, one that went, and one that refuses have a title each."""
    self = f"{{state: 'running', health: null, previous_run: null, inspected_at: {inspected_at}}}"
    missing = f"{{status: {status}, message: 'because', hint: 'do this'}}"
    found = said(
        blank, "attention.js", f"attention({{self: {self}, missing: {missing}, runs: []}})"
    )
    assert isinstance(found, list)
    [notice] = found
    assert (notice["title"], notice["advice"]) == (title, "do this")
    assert notice["text"].startswith("Because.")
    assert ("What the kernel reports" in notice["text"]) is (inspected_at == "null")


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
    assert [notice["text"] for notice in found] == ["We may have joined its network."] * stands_out
    assert all("SELFINSPECT_ASSUME=1" in notice["advice"] for notice in found)


@pytest.mark.parametrize("level", ["proven", "confirmed", "observed", "assumed"])
def test_each_level_says_what_it_rests_on(blank: Page, level: str) -> None:
    """In words that need no other page."""
    words = said(blank, "words.js", f"proof('{level}', 'kernel')")
    assert isinstance(words, str)
    assert words.startswith(("The engine ", "No engine confirms it"))


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
      const { History } = await import('/page/samples.js');
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
        "memory": [5, 5, None, 5, 5],
        "received": [None, 100, None, None, None],
        "sent": [None] * 5,
        "read": [None] * 5,
        "written": [None] * 5,
    }


def test_fifteen_minutes_are_kept(blank: Page) -> None:
    """What is older goes; the time shown grows with what there is to show."""
    script = """async () => {
      const { History } = await import('/page/samples.js');
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
