"""How soon the page is there, in Chromium over loopback; run with `-m benchmark -s`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.benchmarks.figures import OURS, Row, table
from tests.browser.conftest import PATIENCE_MS, chromium
from tests.conftest import engine
from tests.contract.conftest import here, inspect, serve, web

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.contract.conftest import Serve

__all__ = ["chromium", "engine", "here", "inspect", "serve", "web"]

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]

ROUNDS = 15
WATCH = """
globalThis.drawn = null;
const look = () => {
  const there = document.getElementById("connection")?.textContent === "Live"
    && document.querySelectorAll("#charts canvas").length === 4
    && document.querySelector("#timeline-list .event")
    && /\\d/.test(document.querySelector("#chart-memory .now").textContent);
  if (there) drawn = performance.now();
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


def test_first_paint_and_everything_drawn(
    chromium: Browser, serve: Serve, here: tuple[str, ...]
) -> None:
    """Milliseconds from the navigation's start; they are to be 150 and 600 at most."""
    agent = serve("--listen=127.0.0.1:0", *here, listen=False).ready()
    agent.logged("engine.followed")
    paints, drawn = [], []
    for _ in range(ROUNDS):
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        context.add_init_script(WATCH)
        page = context.new_page()
        page.goto(f"http://{agent.api.address}/")
        page.wait_for_function("() => drawn", timeout=PATIENCE_MS)
        drawn.append(page.evaluate("drawn"))
        paints.append(page.evaluate("performance.getEntriesByType('paint')[0].startTime"))
        context.close()
    rows = [
        Row("first paint of the page", OURS, "ms", tuple(paints)),
        Row("everything drawn", OURS, "ms", tuple(drawn)),
    ]
    print("\n", *table(rows), sep="\n")
