"""The agent: builds every part, owns the threads and the stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from typing import TYPE_CHECKING

from selfinspect.errors import SelfinspectError
from selfinspect.events.journal import Journal
from selfinspect.events.subscribers import Subscribers
from selfinspect.keeper import Keeper
from selfinspect.logs import Forward, logger
from selfinspect.masking import Masking
from selfinspect.metrics.collectors import Condition
from selfinspect.metrics.registry import Registry
from selfinspect.model import Snapshot
from selfinspect.observe import NOT_KNOWN_YET, Observation, observe, reach
from selfinspect.readings import Readings
from selfinspect.supervise.listeners import bound
from selfinspect.web.app import api, metrics_only
from selfinspect.web.server import serve
from selfinspect.web.service import Check, Exposition, Service

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence
    from typing import TextIO

    from selfinspect.engine.client import Client
    from selfinspect.events.translate import Occurrence
    from selfinspect.model import Event, Sample, StatsSource
    from selfinspect.settings import Settings


class Agent:
    """One agent, serving on listeners that somebody else bound.

    Args:
        settings: everything that can be chosen.
        environ: the environment, for what tells of identity and engine.
        stream: where the log goes.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str], stream: TextIO) -> None:
        self._settings = settings
        self._log = logger(
            stream,
            level=settings.log_level,
            form=settings.log_format,
            mask=lambda text: self._keeper.observation.masking.text(text),  # noqa: PLW0108
        )
        self._registry = Registry()
        self._journal = Journal(settings.journal_max_events)
        self._subscribers = Subscribers()
        self._readings = Readings(settings, lambda: self._keeper.observation)
        self._announced = False
        self._failed = False
        self._client: Client | None = None
        self._on_ready: Callable[[], None] = lambda: None
        self._told: tuple[object, ...] = ()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._keeper = Keeper(
            Observation(Snapshot(NOT_KNOWN_YET), Masking(settings.reveal)),
            look=lambda: observe(settings, environ, observe_request=self._registry.engine_answered),
            on_event=self._on_event,
            on_look=self._on_look,
            log=self._log,
        )

    async def run(
        self,
        api_listeners: Sequence[socket.socket],
        metrics_listeners: Sequence[socket.socket],
        *,
        on_ready: Callable[[], None],
    ) -> bool:
        """Serve until SIGTERM, SIGINT or `stop`; whether that was all that ended it.

        Args:
            api_listeners: for everything.
            metrics_listeners: for the metrics and the two health paths alone.
            on_ready: called once, when `/readyz` first answers 200.
        """
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self.stop)
        logging.getLogger("uvicorn").addHandler(Forward(self._log))
        self._on_ready = on_ready
        self._log.info(
            "agent.listening",
            api=_addresses(api_listeners),
            metrics=_addresses(metrics_listeners),
        )
        keeping = threading.Thread(target=self._keep, name="keeper", daemon=True)
        keeping.start()
        service = self._service()
        await serve(
            [(api(service), api_listeners), (metrics_only(service), metrics_listeners)],
            self._stopping,
        )
        keeping.join(timeout=1.0)
        self._log.info("agent.stopped")
        return not self._failed

    def stop(self) -> None:
        """End `run`: streams end, answers under way are finished. Call from the loop's thread."""
        self._stopping.set()
        self._subscribers.end()
        self._keeper.stop()

    def checks(self) -> tuple[Check, ...]:
        """What readiness depends on."""
        identity = self._keeper.observation.snapshot.identity
        taken = self._readings.taken
        stands = f"{identity.level} by {identity.method}"
        return (
            Check(
                "identity", identity.id is not None, stands if identity.id else str(identity.reason)
            ),
            Check("sample", taken, "taken" if taken else "none taken yet"),
        )

    def _service(self) -> Service:
        return Service(
            snapshot=lambda: self._keeper.observation.snapshot,
            sample=self._sample,
            raw_stats=self._readings.raw,
            metrics=self._metrics,
            reach=lambda: reach(self._keeper.observation),
            checks=self.checks,
            journal=self._journal,
            subscribers=self._subscribers,
            allowed_hosts=self._settings.allow_host,
        )

    def _sample(self, source: StatsSource | None = None) -> Sample | None:
        reading = self._readings.sample(source)
        self._announce()
        return reading

    def _metrics(self, accept: str, timeout: float | None) -> Exposition:
        condition = Condition(self._keeper.following, len(self._subscribers), time.time())
        groups = self._readings.collectors(condition, timeout)
        labels = {"container_": self._readings.labels()}
        page = Exposition(*self._registry.render(groups, common=labels, accept=accept))
        self._announce()
        return page

    def _keep(self) -> None:
        """The keeper's thread. Its failure is ours: an agent that keeps nothing ends."""
        try:
            self._keeper.run()
        except Exception:  # noqa: BLE001
            self._log.exception("agent.failed")
            self._failed = True
            self._in_loop(self.stop)

    def _on_look(self) -> None:
        """Log what changed, and take the first sample: readiness waits for it."""
        observation = self._keeper.observation
        snapshot = observation.snapshot
        if observation.client is not self._client:
            if self._client is not None:
                self._registry.stream_reopened()
            self._client = observation.client
        identity = snapshot.identity
        told = (identity.id, identity.level, snapshot.failure)
        if told != self._told:
            self._told = told
            if snapshot.failure is not None:
                say = self._log.warning if snapshot.tried else self._log.info
                say(
                    "engine.lost" if snapshot.engine else "engine.missing",
                    reason=snapshot.failure.detail,
                    hint=snapshot.failure.hint,
                )
            if identity.id is None:
                self._log.warning("identity.refused", reason=identity.reason)
            elif snapshot.failure is None or snapshot.engine is None:
                self._log.info(
                    f"identity.{identity.level}", container=identity.id, method=identity.method
                )
        self._announce()
        if not self._readings.taken:
            # An engine may take a second; events are not to wait for that.
            threading.Thread(target=self._first_sample, name="first-sample", daemon=True).start()

    def _first_sample(self) -> None:
        try:
            self._sample()
        except SelfinspectError as error:
            self._log.info("sample.failed", reason=error.detail)

    def _announce(self) -> None:
        """Say once that the agent is ready, when it is."""
        if not self._announced and all(check.ok for check in self.checks()):
            self._announced = True
            self._log.info("agent.ready")
            self._on_ready()

    def _on_event(self, occurrence: Occurrence) -> None:
        event = self._journal.append(occurrence)
        if event is None:
            return
        self._registry.event_arrived(event)
        self._in_loop(self._subscribers.publish, event)

    def _in_loop(self, call: Callable[..., None], *arguments: Event) -> None:
        """Call in the event loop's thread; a loop that has ended needs no call."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *arguments)


def _addresses(listeners: Sequence[socket.socket]) -> str:
    """Where they listen, as the options write it."""
    return ",".join(str(bound(listener)) for listener in listeners)
