"""The applications without a server: a service of canned knowledge, asked in process."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

import pytest

from selfinspect import times
from selfinspect.errors import EngineUnreachableError
from selfinspect.events.subscribers import Subscribers, Waiting
from selfinspect.journal.journal import Journal
from selfinspect.model import (
    Actor,
    Engine,
    Identity,
    IdentitySummary,
    Network,
    Occurrence,
    Reach,
    Sample,
    Self,
    Snapshot,
)
from selfinspect.web.routes import api, metrics_only
from selfinspect.web.service import Exposition, ReadinessCheck, Service

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.types import ASGIApp, Message, Scope

    from selfinspect.engine.api.client import Inquiry
    from selfinspect.model import Json, Run, StatsSource
    from selfinspect.web.credentials import Tokens

ID = "a1b2c3d4" * 8
SELF = Self(
    id=ID,
    short_id=ID[:12],
    name="app",
    hostname="a1b2c3d4a1b2",
    inspected_at="2026-11-21T09:00:00.000000000Z",
    command=("serve", "--all"),
    labels={"a/b": "slashed", "naïve": "ünïcode", "": "empty"},
    ports={"8080": {"tcp": 49153}, "9090": {"tcp": None}},
    networks={"front": Network("172.18.0.2", None, None, None, ("web", "www"))},
    identity=IdentitySummary("proven", "layer"),
)
SNAPSHOT = Snapshot(
    identity=Identity(ID, "proven", "layer", "app"),
    self=SELF,
    inspect={"Id": ID, "State": {"Running": True, "Pid": 42}, "Mounts": [{"Type": "bind"}]},
    engine=Engine("unix:///var/run/docker.sock", "Docker", "28.5.2", "1.51"),
)
SAMPLE = Sample("2026-11-21T09:00:00.000000000Z", "engine")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it went out."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        """The body, read as JSON."""
        document: Json = json.loads(self.body)
        return document

    @property
    def problem(self) -> dict[str, Json]:
        """The problem in the body."""
        assert self.headers["content-type"] == "application/problem+json"
        document = self.json
        assert isinstance(document, dict)
        assert document["status"] == self.status
        return document


class MistakeError(Exception):
    """One of our own, which the application hands on to the server's log."""


@dataclass
class World:
    """What the service knows, for a test to change, and a client of both applications."""

    snapshot: Snapshot = SNAPSHOT
    reach: Reach | None = None
    inquiry: Inquiry | None = None
    sample: Sample | Exception | None = SAMPLE
    ready: bool = True
    page: bytes = b""
    asked: list[StatsSource | None] = field(default_factory=list)
    pages_made: int = 0
    allowed_hosts: tuple[str, ...] = ()
    runs: tuple[Run, ...] = ()
    history: list[tuple[int | None, int | None, int]] = field(default_factory=list)
    streaming: list[bool] = field(default_factory=list)
    journal: Journal = field(default_factory=lambda: Journal(1000))
    subscribers: Subscribers = field(default_factory=Subscribers)
    waiting: Waiting = field(default_factory=Waiting)
    hostname: str = ""
    disabled: tuple[str, ...] = ()
    tokens: Tokens | None = None
    metrics_tokens: Tokens | None = None

    def fails(self) -> None:
        """Let the next sample be a mistake of our own."""
        self.sample = MistakeError("a secret")

    @property
    def service(self) -> Service:
        """The service as the routes get it."""
        return Service(
            snapshot=lambda: self.snapshot,
            update=lambda: None,
            sample=self._sample,
            inquiry=self._inquiry,
            processes=lambda: {"titles": ["PID"], "processes": [["1"]]},
            raw_stats=self._raw,
            metrics=self._metrics,
            metrics_wait=True,
            reach=lambda: self.reach,
            checks=lambda: (ReadinessCheck("identity", self.ready, "by a test"),),
            journal=self.journal,
            runs=lambda: self.runs,
            history=self._history,
            on_streaming=self.streaming.append,
            subscribers=self.subscribers,
            waiting=self.waiting,
            hostname=self.hostname,
            allowed_hosts=self.allowed_hosts,
            disabled=self.disabled,
            tokens=self.tokens,
            metrics_tokens=self.metrics_tokens,
        )

    def happens(self, action: str, *, type_: str = "container", second: int = 0) -> None:
        """Append an event, so many seconds after the epoch."""
        self.journal.append(
            Occurrence(
                nanoseconds=second * 10**9,
                time=times.rfc3339(second * 10**9),
                type=type_,
                action=action,
                actor=Actor(ID, "app"),
                attributes={},
                source="live",
                key=(second, type_, action, ID, ""),
            )
        )

    def _inquiry(self) -> Inquiry:
        if self.inquiry is None:
            raise EngineUnreachableError("there is no engine in this world")
        return self.inquiry

    def _history(self, since: int | None, until: int | None, step: int) -> Json:
        self.history.append((since, until, step))
        return {"step_seconds": step}

    def _raw(self) -> Json:
        return {"cpu_stats": None}

    def _metrics(self, media_type: str, timeout: float | None) -> Exposition:
        self.pages_made += 1
        return Exposition(
            f"# {media_type}\n".encode() + self.page, f"text/plain; version=1; timeout={timeout}"
        )

    def _sample(self, source: StatsSource | None) -> Sample | None:
        self.asked.append(source)
        if isinstance(self.sample, Exception):
            raise self.sample
        return self.sample


class Ask(Protocol):
    """Asks the application."""

    def __call__(
        self,
        target: str | bytes,
        *,
        method: str = ...,
        headers: Mapping[str, str] = ...,
        host: str = ...,
    ) -> Reply:
        """The answer to a request for a target: a path and what follows a question mark."""
        ...


class AskTogether(Protocol):
    """Asks the application several times at once."""

    def __call__(self, target: str, *headers: Mapping[str, str]) -> list[Reply]:
        """The answers to requests for a target with these headers."""
        ...


class AskUntil(Protocol):
    """Asks the application for what has to wait."""

    def __call__(
        self, target: str, *changes: Callable[[], None], headers: Mapping[str, str] = ...
    ) -> Reply:
        """The answer that comes with the last of these changes, made while the request waits."""
        ...


@pytest.fixture
def world() -> World:
    """A proven container called `app`, with an engine that answers."""
    return World()


@pytest.fixture
def ask(world: World) -> Ask:
    """A client of the API."""
    return _client(lambda: api(world.service))


@pytest.fixture
def ask_until(world: World) -> AskUntil:
    """A client of the API that waits."""

    async def held(scope: Scope, changes: Sequence[Callable[[], None]]) -> Reply:
        answer = asyncio.ensure_future(_answer(api(world.service), scope))
        for change in changes:
            # Nothing else runs in this loop: after some turns it waits, or never will.
            for _ in range(20):
                await asyncio.sleep(0)
            assert not answer.done(), answer.result()
            change()
            world.waiting.changed()
        return await answer

    def ask(
        target: str, *changes: Callable[[], None], headers: Mapping[str, str] | None = None
    ) -> Reply:
        stated = {"host": "127.0.0.1:10310", **(headers or {})}
        return asyncio.run(held(_scope(target.encode(), "GET", stated), changes))

    return ask


@pytest.fixture
def ask_metrics(world: World) -> Ask:
    """A client of the metrics listener."""
    return _client(lambda: metrics_only(world.service))


@pytest.fixture
def ask_metrics_together(world: World) -> AskTogether:
    """Clients of the metrics listener, who all ask before the first has its answer."""
    app = metrics_only(world.service)

    async def answers(scopes: Sequence[Scope]) -> list[Reply]:
        return await asyncio.gather(*(_answer(app, scope) for scope in scopes))

    def ask(target: str, *headers: Mapping[str, str]) -> list[Reply]:
        scopes = [_scope(target.encode(), "GET", {"host": "app:10311", **each}) for each in headers]
        return asyncio.run(answers(scopes))

    return ask


def _client(app: Callable[[], ASGIApp]) -> Ask:
    def ask(
        target: str | bytes,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        host: str = "127.0.0.1:10310",
    ) -> Reply:
        raw = target if isinstance(target, bytes) else target.encode()
        scope = _scope(raw, method, {"host": host, **(headers or {})})
        return asyncio.run(_answer(app(), scope))

    return ask


def _scope(target: bytes, method: str, headers: Mapping[str, str]) -> Scope:
    raw_path, _, query = target.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw_path.decode("ascii")),
        "raw_path": raw_path,
        "root_path": "",
        "query_string": query,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }


async def _answer(app: ASGIApp, scope: Scope) -> Reply:
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    with suppress(MistakeError):
        await app(scope, receive, send)
    start, *rest = sent
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return Reply(start["status"], headers, b"".join(part.get("body", b"") for part in rest))
