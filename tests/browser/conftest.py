"""Debian's Chromium at the page of an agent in a real container."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import time
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import pytest
from playwright.sync_api import sync_playwright

from selfinspect.times import rfc3339
from tests.contract.conftest import here, inspect, serve  # noqa: F401 - fixtures for the states
from tests.engine.conftest import until
from tests.support.tcp_front import TcpFront

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Locator, Page

    from tests.engine.conftest import Container, Engine

PATIENCE_MS = 60_000
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
TALLEST, TALLEST_ON_A_PHONE = 4000, 4500
Scheme = Literal["light", "dark"]
LOOKS: dict[int, tuple[Scheme, ...]] = {
    375: ("light", "dark"), 768: (), 1280: ("dark", "light"), 2560: ("light", "dark"),
}  # fmt: skip
"""Widths, and the schemes in which axe looks there: in the first by all its rules.

In the second only by those of colours: a scheme changes nothing else, as a test of page.css shows.
"""
FITS = """([width, most]) => {
  const { scrollWidth, scrollHeight } = document.documentElement;
  return scrollWidth <= width && scrollHeight <= most;
}"""
COLOURS = ("color-contrast", "link-in-text-block")
"""What axe has of its category `cat.color`, but for the rule of level AAA."""
# No sandbox in a sandbox: the tests are root. The rest keeps the browser from calling home.
_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--disable-lcd-text",
)  # fmt: skip
_BUSY = "while :; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 0.3; done"


def pytest_addoption(parser: pytest.Parser) -> None:
    """For who works on the page."""
    parser.addoption(
        "--pictures", metavar="FOLDER", help="leave a picture of each page that a test looked at"
    )


@dataclass
class Visit:
    """A page in the browser, and all that it asked for and complained of.

    Attributes:
        page: the page.
        origin: where it came from.
        name: of the test that looks at it.
        folder: where pictures of it are left; None for none.
        requests: the address of each request it made.
        complaints: the errors in its console.
        refusals: how often Chromium reported an error answer on the console.
    """

    page: Page
    origin: str
    name: str
    folder: str | None
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        """What stands in an element."""
        return self.page.locator(selector).inner_text()

    def shows(self, selector: str, text: str) -> Locator:
        """Wait until an element has a text in it."""
        place = self.page.locator(selector).filter(has_text=text).first
        place.wait_for(timeout=PATIENCE_MS)
        return place

    def until(self, condition: str, argument: object = None) -> None:
        """Wait until a function of the page's own is true."""
        # A timer instead of animation frames, which a busy machine may withhold.
        self.page.wait_for_function(condition, arg=argument, timeout=PATIENCE_MS, polling=100)

    def picture(self, kind: str = "") -> None:
        """Leave a picture of the whole page, where pictures are asked for."""
        if self.folder is not None:
            path = f"{self.folder}/{self.name}{kind}.png"
            self.page.screenshot(path=path, full_page=True)

    def heard(self, message: ConsoleMessage) -> None:
        """The page said something in the console."""
        if message.type not in ("error", "warning"):
            return
        failed = message.text.startswith("Failed to load resource")
        (self.refusals if failed else self.complaints).append(
            f"{message.text} {message.location.get('url')}"
        )


def violations(visit: Visit, *rules: str) -> list[str]:
    """All that axe-core finds wrong, of any impact: by these rules, else by all."""
    visit.page.evaluate(f"() => {{ globalThis.axe ?? (() => {{ {AXE}; }})(); }}")
    only: dict[str, object] = {"runOnly": rules} if rules else {}
    found = visit.page.evaluate("(only) => axe.run({ resultTypes: ['violations'], ...only })", only)
    assert found["passes"]
    return [
        f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found["violations"]
    ]


def readable(visit: Visit, *, tallest: int = TALLEST, on_a_phone: int = TALLEST_ON_A_PHONE) -> None:
    """Nobody is kept from it: it fits four widths, and axe finds nothing by day and by night."""
    visit.page.emulate_media(reduced_motion="reduce")  # no colour between two
    for width, schemes in LOOKS.items():
        most = tallest if width >= 1000 else on_a_phone
        visit.page.set_viewport_size({"width": width, "height": 900})
        # Also the height: what a phone folds is folded a moment after the width is that of one.
        visit.until(FITS, [width, most])
        for scheme, rules in zip(schemes, ((), COLOURS), strict=False):
            visit.page.emulate_media(color_scheme=scheme)
            visit.picture(f"-{width}-{scheme}")
            assert violations(visit, *rules) == [], (width, scheme)


def ago(seconds: float, now: int | None = None) -> str:
    """A time so many seconds back from now, or from another moment in nanoseconds."""
    return rfc3339((time.time_ns() if now is None else now) - round(seconds * 10**9))


def run(
    number: int,
    started: float,
    finished: float | None = None,
    *,
    now: int | None = None,
    **members: Any,
) -> Any:
    """A run that began and ended so many seconds ago."""
    over = {"exit_code": 0, "signal": None, "oom_killed": False, "cause": "exit"}
    open_ = dict.fromkeys(over) | {"cause": None}
    return {
        "number": number,
        "started_at": ago(started, now),
        "finished_at": None if finished is None else ago(finished, now),
        **(open_ if finished is None else over),
        "sources": ["events"],
        "evidence": [],
        "expected": False,
        **members,
    }


OOM = {"exit_code": 137, "signal": "SIGKILL", "oom_killed": True, "cause": "oom"}


class Place(Protocol):
    """Where a page is."""

    @property
    def url(self) -> str:
        """Its address."""
        ...


@dataclass
class Site:
    """An agent's API at an address that a browser can reach."""

    container: Container
    url: str


@dataclass
class Screen:
    """What the page is looked at with."""

    width: int = 1280
    height: int = 900
    scheme: Scheme = "light"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for a module's tests; each visit has a profile of its own.

    Not for the whole session: as long as it is there, its event loop counts as running.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=_FLAGS, timeout=60_000
        )
        yield browser
        browser.close()


def accepts(path: Path) -> bool:
    """Whether somebody listens on a Unix socket: its file is there a moment earlier."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


@contextlib.contextmanager
def serving(engine: Engine, *options: object, agent: tuple[str, ...] = ()) -> Iterator[Site]:
    """A container whose API listens on a socket in a shared folder, with a port before it.

    `options` are docker's, `agent` are those of the agent in it.
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        listen = ("--listen", "unix:///api/socket", "--listen", "127.0.0.1:10310")
        command = ("run", *listen, *agent, "--", "sh", "-c", _BUSY)
        app = engine.start_plain("--volume", f"{folder}:/api", *options, command=command)
        engine.started.remove(app.id)
        try:
            with TcpFront(Path(folder) / "socket") as front:
                until(lambda: accepts(Path(folder) / "socket"), "the agent's socket")
                yield Site(app, f"http://127.0.0.1:{front.port}/")
        finally:
            engine.docker("rm", "--force", "--volumes", app.id)


@pytest.fixture(scope="module")
def shop(private_engine: Engine) -> Iterator[Site]:
    """The container most tests share: with limits, a port, a health check, secrets and markup."""
    engine = private_engine
    with serving(
        engine,
        "--volume", f"{engine.socket}:/var/run/docker.sock", "--group-add", engine.group,
        "--name", "shop", "--memory", "256m", "--cpus", "1.5", "--publish", "8080",
        "--tmpfs", "/scratch", "--env", "DB_PASSWORD=hunter2-page", "--env", "COLOUR=<i>blue</i>",
        "--label", "<script>alert(1)</script>=<img src=x onerror=alert(2)>",
        "--health-cmd", "test ! -e /tmp/ill || { echo '<b>no database</b>'; exit 1; }",
        "--health-interval", "1s", "--health-retries", "1",
    ) as site:  # fmt: skip
        site.container.ready()
        yield site


@pytest.fixture
def screen() -> Screen:
    """A desk's; a test may ask for another by parametrizing it."""
    return Screen()


@pytest.fixture
def visit(
    chromium: Browser, shop: Site, screen: Screen, request: pytest.FixtureRequest
) -> Iterator[Visit]:
    """The shared container's page, live; in the end nothing is amiss with it."""
    with visiting(chromium, shop, screen, request) as visit:
        visit.shows("#connection", "Live")
        visit.shows("#name", "shop")
        yield visit
        assert visit.refusals == []


@contextlib.contextmanager
def visiting(
    chromium: Browser,
    site: Place,
    screen: Screen,
    request: pytest.FixtureRequest,
    before: Callable[[Page], None] = lambda _: None,
) -> Iterator[Visit]:
    """A page that was just opened; in the end nothing is amiss in its console and its requests.

    `before` gets it while it is still empty.
    """
    context = chromium.new_context(
        viewport={"width": screen.width, "height": screen.height}, color_scheme=screen.scheme
    )
    context.set_default_timeout(PATIENCE_MS)
    # What a test waits for is to come by an event, not by the page's slow look at everything.
    context.add_init_script("globalThis.setInterval = () => 0")
    page = context.new_page()
    name = request.node.name.removeprefix("test_").replace(os.sep, "-")
    visit = Visit(page, site.url, name, request.config.getoption("--pictures", default=None))
    page.on("console", visit.heard)
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("dialog", lambda dialog: visit.complaints.append(dialog.message))
    page.on("request", lambda request: visit.requests.append(request.url))
    before(page)
    page.goto(site.url)
    try:
        yield visit
        assert visit.complaints == []
        assert [url for url in visit.requests if not url.startswith(site.url)] == []
    finally:
        visit.picture()
        context.close()
