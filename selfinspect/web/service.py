"""What the routes need of the agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from selfinspect.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from selfinspect.engine.api.client import Inquiry
    from selfinspect.events.subscribers import Subscribers, Waiting
    from selfinspect.journal.journal import Journal
    from selfinspect.model import Json, Reach, Run, Sample, Snapshot, StatsSource
    from selfinspect.web.credentials import Tokens


@dataclass(frozen=True, slots=True)
class ReadinessCheck:
    """One thing that readiness depends on."""

    name: str
    ok: bool
    detail: str


class Exposition(NamedTuple):
    """A whole page of metrics and the format it is in."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Service:
    """What the routes need of the agent, and nothing more of it.

    `sample` and `raw_stats` may wait for the engine, so they are called in a thread, and so is
    `history`, which is long, and `metrics` where it may wait or was slow.

    Attributes:
        snapshot: the current snapshot.
        update: makes it current where no event does; asks no engine.
        sample: a sample from this source, None for the one that the settings choose. It is None
            where there are no figures now; raises EngineError where only an engine has them.
        inquiry: the engine, to ask for what is not in the snapshot; raises IdentityError or
            EngineError where it cannot be asked.
        processes: the container's processes as the kernel has them; raises NotFoundError where
            not all can be seen.
        raw_stats: the engine's own stats; raises EngineError.
        metrics: a page of metrics in a media type, `text/plain` or OpenMetrics', within so many
            seconds; None for no limit.
        metrics_wait: whether such a page may wait for the engine, or for a file server.
        reach: what the engine lets us do; None where no engine ever answered.
        checks: what readiness depends on, as of now.
        journal: the journal of events.
        runs: the container's runs, newest first.
        history: the figures over time, between two times in nanoseconds since the Unix epoch, a
            sample for so many seconds; raises NotFoundError where none are taken.
        on_streaming: called when the first stream of samples begins and when the last one ends.
        subscribers: the open streams of events and samples.
        waiting: the requests that wait for a change.
        hostname: the kernel's hostname, empty where it has none.
        allowed_hosts: globs over further host names that are served.
        disabled: globs over paths that are not served.
        tokens: open the API; None where it is open.
        metrics_tokens: open `/metrics`; None where it is open.
    """

    snapshot: Callable[[], Snapshot]
    update: Callable[[], None]
    sample: Callable[[StatsSource | None], Sample | None]
    inquiry: Callable[[], Inquiry]
    processes: Callable[[], Json]
    raw_stats: Callable[[], Json]
    metrics: Callable[[str, float | None], Exposition]
    metrics_wait: bool
    reach: Callable[[], Reach | None]
    checks: Callable[[], tuple[ReadinessCheck, ...]]
    journal: Journal
    runs: Callable[[], tuple[Run, ...]]
    history: Callable[[int | None, int | None, int], Json]
    on_streaming: Callable[[bool], None]
    subscribers: Subscribers
    waiting: Waiting
    hostname: str = ""
    allowed_hosts: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    tokens: Tokens | None = None
    metrics_tokens: Tokens | None = None
