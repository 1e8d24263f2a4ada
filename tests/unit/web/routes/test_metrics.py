from __future__ import annotations

import asyncio
import gzip
import threading
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

import pytest

from selfinspect.web.routes.metrics import Pages, Scrape, scrape_timeout
from selfinspect.web.service import Exposition

if TYPE_CHECKING:
    from tests.unit.web.conftest import Ask, AskTogether, World

OPENMETRICS = "application/openmetrics-text"


def test_a_page_is_packed_for_who_takes_it(world: World, ask_metrics: Ask) -> None:
    """And says so; for who does not, it is as it was."""
    world.page = b"container_memory_usage_bytes 1\n" * 100
    packed = ask_metrics("/metrics", headers={"accept-encoding": "gzip"})
    plain = ask_metrics("/metrics")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept, Accept-Encoding"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body)
    assert "content-encoding" not in plain.headers


def test_a_small_page_is_not_packed(ask_metrics: Ask) -> None:
    """It fits in one packet anyway."""
    reply = ask_metrics("/metrics", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in reply.headers


PROMETHEUS = (
    f"{OPENMETRICS};version=1.0.0;escaping=allow-utf-8;q=0.5,{OPENMETRICS};version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (PROMETHEUS, OPENMETRICS),
        (f"application/vnd.google.protobuf;encoding=delimited;q=0.6,{PROMETHEUS}", OPENMETRICS),
        (OPENMETRICS, OPENMETRICS),
        (f"{OPENMETRICS};version=\xff", OPENMETRICS),
        (f"text/plain;version=0.0.4;q=0.5,{OPENMETRICS};version=1.0.0;q=0.4", "text/plain"),
        (f"{OPENMETRICS};q=0", "text/plain"),
        ("", "text/plain"),
        ("*/*", "text/plain"),
        ("text/plain;version=abc", "text/plain"),
        (";;;,,,===", "text/plain"),
        ("application/json", "text/plain"),
    ],
)
def test_openmetrics_for_who_prefers_it(ask_metrics: Ask, accept: str, media_type: str) -> None:
    """As Prometheus asks, protobuf first or not; nothing written there costs anybody the page."""
    reply = ask_metrics("/metrics", headers={"accept": accept})
    assert reply.status == 200
    assert reply.body == f"# {media_type}\n".encode()


@pytest.mark.parametrize(
    ("header", "timeout"),
    [
        ("10", 9.0),
        ("0.5", 0.45),
        ("", None),
        ("0", None),
        ("-1", None),
        ("nan", None),
        ("1e9", None),
    ],
)
def test_what_a_scrape_may_take(header: str, timeout: float | None) -> None:
    """A part of Prometheus's own timeout; whatever is not a number of seconds sets no limit."""
    assert scrape_timeout(header) == (None if timeout is None else pytest.approx(timeout))


def test_the_scrapes_timeout_is_passed_on(ask_metrics: Ask) -> None:
    """So that a slow engine costs its own figures alone."""
    reply = ask_metrics("/metrics", headers={"x-prometheus-scrape-timeout-seconds": "2"})
    assert "timeout=1.8" in reply.headers["content-type"]


def test_who_asks_the_same_at_once_shares_a_page(
    world: World, ask_metrics_together: AskTogether
) -> None:
    """Where it may have to be waited for it is made once.

    Who wants another form, or has less time, gets one of their own.
    """
    packed = {"accept-encoding": "gzip"}
    hurried = {"x-prometheus-scrape-timeout-seconds": "2"}
    world.page = b"container_memory_usage_bytes 1\n" * 100
    replies = ask_metrics_together("/metrics", *[{}] * 50, packed, hurried)
    assert world.pages_made == 3
    assert {reply.body for reply in replies[:50]} == {b"# text/plain\n" + world.page}
    assert replies[50].headers["content-encoding"] == "gzip"
    assert "timeout=1.8" in replies[51].headers["content-type"]


def test_a_page_is_made_again_for_the_next(world: World, ask_metrics_together: AskTogether) -> None:
    """What was made before somebody asked is not what they get."""
    ask_metrics_together("/metrics", {}, {})
    ask_metrics_together("/metrics", {}, {})
    assert world.pages_made == 2


def test_the_page_is_at_the_path_with_a_slash_too(ask_metrics: Ask, ask: Ask) -> None:
    """Some scrape configurations are written so."""
    assert ask_metrics("/metrics/").body == ask("/metrics/").body == b"# text/plain\n"


def made_here(world: World, *seconds: float, wait: bool = False) -> list[bool]:
    """Of pages that took so long, one after the other: which the event loop's thread made."""
    here, found = threading.current_thread(), list[bool]()

    def page(media_type: str, _: float | None) -> Exposition:
        found.append(threading.current_thread() is here)
        return Exposition(b"", media_type)

    clock = accumulate(step for each in seconds for step in (0.0, each))
    pages = Pages(replace(world.service, metrics=page, metrics_wait=wait), lambda: next(clock))

    async def all_of_them() -> None:
        for _ in seconds:
            await pages.page(Scrape())

    asyncio.run(all_of_them())
    return found


def test_a_quick_page_needs_no_thread(world: World) -> None:
    """How long the first takes is not known before."""
    assert made_here(world, 0.001, 0.001, 0.001) == [False, True, True]


def test_a_slow_page_holds_the_loop_up_once(world: World) -> None:
    """The next ones have a thread, until one was quick again."""
    assert made_here(world, 0.001, 1.0, 1.0, 0.001, 0.001) == [False, True, False, False, True]


def test_a_page_that_may_wait_has_a_thread(world: World) -> None:
    """However quick the last one was."""
    assert made_here(world, 0.001, 0.001, wait=True) == [False, False]
