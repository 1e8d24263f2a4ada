"""The page at `/`, in a browser, in front of a real container."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import Screen, Site, Visit, serving, violations, visiting
from tests.engine.conftest import until
from tests.engine.test_proxy import PINNED, proxy

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.engine.conftest import Engine

pytestmark = pytest.mark.engine

# It may be back sooner than a test looks.
WATCH_CONNECTION = """() => {
  globalThis.seen = [];
  const place = document.getElementById("connection");
  const note = () => seen.push(place.textContent);
  new MutationObserver(note).observe(place, { childList: true });
}"""
PICTURE = "() => document.querySelector('#chart-cpu canvas').toDataURL()"
DENYING = (
    PINNED.split("    acl reads")[0]
    + """
    acl little var(txn.path) -m reg ^(/_ping|/version|/events|/containers/[0-9a-f]+/(json|archive))$
    http-request deny unless little
    default_backend engine

backend engine
    server engine "${ENGINE}"
"""
)
"""A proxy that lets identity, inspect and events through, and nothing else."""


def test_it_says_what_the_container_is(visit: Visit, shop: Site) -> None:
    """Name, ID, image, state, port, limit, mount, identity and engine stand on it."""
    app = shop.container
    visit.shows("#states", "Running")
    assert app.id[:12] in visit.text("#brief")
    assert app.engine.image in visit.text("#brief")
    port = app.inspect('{{(index .NetworkSettings.Ports "8080/tcp" 0).HostPort}}')
    assert f"0.0.0.0:{port}" in visit.text("#ports")
    assert app.inspect("{{.NetworkSettings.IPAddress}}") in visit.text("#networks")
    assert "256\u00a0MiB" in visit.text("#limits")
    assert "/scratch" in visit.text("#mounts")
    assert "Proven" in visit.text("#identity")
    visit.page.locator("#identity summary").click()
    visit.shows("#identity", "its writable layer matches ours")
    assert "unix:///var/run/docker.sock" in visit.text("#engine")


def test_the_charts_move(visit: Visit) -> None:
    """What is drawn, and the figures in words beside it, are those of now."""
    visit.until("() => /\\d\\s%/.test(document.querySelector('#chart-cpu .now').textContent)")
    drawn = visit.page.evaluate(PICTURE)
    visit.until(f"(before) => ({PICTURE})() !== before", drawn)
    words = visit.page.locator("#chart-memory .canvas").get_attribute("aria-label")
    assert words is not None
    assert "MiB, on average" in words


def test_a_rename_appears_by_itself(visit: Visit, shop: Site) -> None:
    """In the heading, the tab's title and the timeline."""
    shop.container.engine.docker("rename", shop.container.id, "renamed")
    try:
        visit.shows("#name", "renamed")
        visit.shows("#timeline-list", "Renamed from shop to renamed")
        assert visit.page.title().startswith("renamed: ")
    finally:
        shop.container.engine.docker("rename", shop.container.id, "shop")
    visit.shows("#name", "shop")


def test_a_failing_health_check_appears_by_itself(visit: Visit, shop: Site) -> None:
    """With the check's own words, as text; and goes when it passes again."""
    visit.shows("#states", "Healthy")
    visit.shows("#attention", "Nothing stands out.")
    shop.container.exec("touch", "/tmp/ill")
    try:
        visit.shows("#attention", "The health check fails")
        visit.shows("#attention pre", "<b>no database</b>")
        visit.shows("#health-body", "Failed with code 1")
        visit.shows("#timeline-list", "Health check: unhealthy")
        visit.shows("#announcements", "unhealthy")
    finally:
        shop.container.exec("rm", "/tmp/ill")
    visit.shows("#states", "Healthy")
    visit.shows("#attention", "Nothing stands out.")


def test_it_is_there_again_after_the_agent(
    chromium: Browser, shop: Site, request: pytest.FixtureRequest
) -> None:
    """Killed under the page: it says so, reconnects, and goes on drawing and listening."""
    with visiting(chromium, shop, Screen(), request) as visit:
        visit.shows("#connection", "Live")
        visit.until("() => document.querySelector('#chart-cpu canvas')")
        visit.page.evaluate("document.body.dataset.kept = 'yes'")
        visit.page.evaluate(WATCH_CONNECTION)
        [killed] = agents(shop)
        shop.container.exec("sh", "-c", f"kill -KILL {killed}")
        visit.until("() => seen.some((text) => text.startsWith('Reconnecting since '))")
        visit.until("() => seen.at(-1) === 'Live'")
        visit.until("() => !document.querySelector('#figures.stale')")
        drawn = visit.page.evaluate(PICTURE)
        visit.until(f"(before) => ({PICTURE})() !== before", drawn)
        shop.container.engine.docker("rename", shop.container.id, "back")
        try:
            visit.shows("#name", "back")
        finally:
            shop.container.engine.docker("rename", shop.container.id, "shop")
        visit.shows("#name", "shop")
        assert visit.page.evaluate("document.body.dataset.kept") == "yes"


def test_a_page_that_nobody_sees_holds_one_connection(
    chromium: Browser, shop: Site, request: pytest.FixtureRequest
) -> None:
    """Of the few that a browser opens to one agent: the charts go on, events wait to be seen."""
    see = """(state) => {
      Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    engine = shop.container.engine
    until(lambda: streams(shop) == 0, "no stream of another page")
    with visiting(chromium, shop, Screen(), request) as visit:
        visit.shows("#connection", "Live")
        visit.until("() => document.querySelector('#chart-cpu canvas')")
        until(lambda: streams(shop) == 2, "two streams")
        visit.page.evaluate(see, "hidden")
        until(lambda: streams(shop) == 1, "one stream")
        engine.docker("rename", shop.container.id, "unseen")
        try:
            drawn = visit.page.evaluate(PICTURE)
            visit.until(f"(before) => ({PICTURE})() !== before", drawn)
            assert visit.text("#connection") == "Live"
            visit.page.evaluate(see, "visible")
            visit.shows("#name", "unseen")
            visit.shows("#timeline-list", "Renamed from shop to unseen")
        finally:
            engine.docker("rename", shop.container.id, "shop")
        visit.shows("#name", "shop")


def streams(site: Site) -> int:
    """How many streams the agent has open."""
    metrics = site.container.curl("/metrics")
    [value] = re.findall(r"^selfinspect_subscribers (\S+)", metrics, re.MULTILINE)
    return int(float(value))


def agents(site: Site) -> list[str]:
    """The process IDs of the container's agents."""
    find = "grep -lz ^serve$ /proc/[0-9]*/cmdline | cut -d/ -f3"
    return site.container.exec("sh", "-c", find).split()


def test_data_is_text_and_never_markup(visit: Visit) -> None:
    """A label of tags and a variable of tags read as they are; no element came of them."""
    for summary in visit.page.locator("#names summary").all():
        summary.click()
    visit.shows("#labels", "<script>alert(1)</script>")
    visit.shows("#labels", "<img src=x onerror=alert(2)>")
    visit.shows("#env", "<i>blue</i>")
    assert visit.page.locator("main script, main img, main i, main b").count() == 0


def test_secrets_are_masked(visit: Visit) -> None:
    """A password's variable is named, its value is nowhere."""
    visit.page.locator("#names summary").first.click()
    assert "DB_PASSWORD\n[masked]" in visit.text("#env")
    assert "hunter2-page" not in visit.page.content()


def test_it_works_by_keyboard(visit: Visit) -> None:
    """The first stop leads past the banner; each that follows shows where it is."""
    keys = visit.page.keyboard
    keys.press("Tab")
    assert visit.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    keys.press("Enter")
    visit.until("() => document.activeElement.id === 'content'")
    visit.page.locator("#with-execs").focus()
    keys.press("Space")
    assert visit.page.locator("#with-execs").is_checked()
    visit.page.locator("#names summary").first.focus()
    keys.press("Enter")
    visit.shows("#env", "COLOUR")
    assert visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_execs_are_shown_when_they_are_asked_for(visit: Visit, shop: Site) -> None:
    """Health checks fill the timeline with them; a person may want to see them."""
    shop.container.exec("sh", "-c", ": seldom-seen")
    visit.page.locator("#with-execs").check()
    visit.shows("#timeline-list", "Exec: sh -c : seldom-seen")
    visit.page.locator("#with-execs").uncheck()
    visit.until("() => !document.body.textContent.includes('seldom-seen')")


def test_what_a_proxy_denies_is_said(
    chromium: Browser, shop: Site, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """By its name, with what would let it through; the rest is shown as ever."""
    engine = shop.container.engine
    with (
        proxy(engine, tmp_path, DENYING, shop.container.id) as socket,
        serving(
            engine, "--volume", f"{socket}:/var/run/docker.sock", "--group-add", engine.group
        ) as site,
        visiting(chromium, site, Screen(), request) as visit,
    ):
        # The log, which the page asks for, may be among those that are denied by now.
        visit.shows("#engine .bad", "image, info")
        visit.shows("#engine", "image, info. On a socket proxy of ")
        assert "IMAGES=1" in visit.text("#engine")
        visit.shows("#states", "Running")
        assert violations(visit) == []


def test_without_an_engine_it_says_what_is_missing(
    chromium: Browser, private_engine: Engine, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """And asks for the token first: a wrong one is refused, the right one opens the page."""
    token = tmp_path / "token"
    token.write_text("open-sesame\n")
    token.chmod(0o644)
    tmp_path.chmod(0o755)
    with (
        serving(
            private_engine, "--cgroupns", "host", "--volume", f"{token}:/token:ro",
            agent=("--token-file", "/token"),
        ) as site,
        visiting(chromium, site, Screen(), request) as visit,
    ):  # fmt: skip
        visit.shows("#token", "A token is required")
        assert visit.page.evaluate("document.activeElement.id") == "token-field"
        assert violations(visit) == []
        visit.page.keyboard.type("wrong")
        visit.page.keyboard.press("Enter")
        visit.shows("#token-error", "was not accepted")
        assert not visit.page.locator("#report").is_visible()
        visit.page.locator("#token-field").fill("open-sesame")
        visit.page.keyboard.press("Enter")
        visit.shows("#name", site.container.id[:12])
        visit.shows("#connection", "Live")
        visit.shows("#attention", "No engine answers")
        visit.shows("#attention .advice", "-v /var/run/docker.sock")
        visit.shows("#identity", "Observed")
        visit.until(
            "() => /\\d\\sMiB/.test(document.querySelector('#chart-memory .now').textContent)"
        )
        assert violations(visit) == []
        assert "open-sesame" not in visit.page.content()


def test_the_panels_of_a_real_container(visit: Visit, shop: Site) -> None:
    """What it printed, what runs in it with its memory, and what it changed."""
    app = shop.container
    app.exec("sh", "-c", "echo printed by hand >/proc/1/fd/1; touch /tmp/changed-by-hand")
    until(lambda: "printed by hand" in app.logs(), "the line in the engine's log")
    visit.page.locator("#log-again").click()
    visit.shows("#log-lines", "printed by hand")
    visit.page.locator("#processes > summary").click()
    row = visit.page.locator("#processes .body tbody tr").filter(has_text="while :; do")
    row.filter(has_text="MiB").or_(row.filter(has_text="KiB")).first.wait_for()
    visit.page.locator("#changes > summary").click()
    visit.shows("#changes .body", "/tmp/changed-by-hand")
