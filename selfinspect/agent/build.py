"""The agent: builds every part, owns the threads and the stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.agent.keeper import Keeper
from selfinspect.agent.observe import (
    GONE,
    NOT_KNOWN_YET,
    Beside,
    Observation,
    inquiry,
    observe,
    reach,
)
from selfinspect.agent.past import Past, names_of_journal, tells_of_runs
from selfinspect.agent.readings import Readings
from selfinspect.agent.reporter import Reporter
from selfinspect.agent.shortage import MemoryWatch, Shortage, is_short
from selfinspect.errors import SelfinspectError
from selfinspect.events.intake import Intake
from selfinspect.events.subscribers import Subscribers
from selfinspect.events.translate import memory_max, stopping
from selfinspect.journal.journal import Journal
from selfinspect.kernel.files import text
from selfinspect.logs import Forward, logger
from selfinspect.masking import Masking
from selfinspect.metrics.collectors import Condition
from selfinspect.metrics.registry import Registry
from selfinspect.model import Actor, Snapshot
from selfinspect.supervise.handover import MEMORY_SHORT, MEMORY_UNSUPPORTED
from selfinspect.supervise.listeners import bound
from selfinspect.terminal import in_colour
from selfinspect.web.app import Check, Exposition, Service, api, metrics_only
from selfinspect.web.credentials import credentials
from selfinspect.web.server import Served, serve
from selfinspect.web.waiting import Waiting

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence
    from typing import TextIO

    from selfinspect.model import Event, MemoryEvents, Occurrence, Sample, StatsSource, Stopping
    from selfinspect.settings import Settings
    from selfinspect.supervise.handover import MemoryNotice

# Behind NAT, or a published port with the engine's proxy, every client has the same.
_OF_ONE_ADDRESS = 64
"""Connections to the metrics listener from one address, at most."""


class Agent:
    """One agent, serving on listeners that somebody else bound.

    Args:
        settings: everything that can be chosen.
        environ: the environment, for what tells of identity and engine.
        stream: where the log goes.
        token: what PID 1 made for `--token-file auto`.

    Raises:
        ValueError: a file that an option names cannot be used; the message names the option.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        stream: TextIO,
        token: bytes | None = None,
    ) -> None:
        self._settings = settings
        self._log = logger(
            stream,
            level=settings.log_level,
            form=settings.log_format,
            mask=lambda text: self._keeper.observation.masking.text(text),  # noqa: PLW0108
            colours=in_colour(stream, environ),
        )
        self._reporter = Reporter(self._log)
        self._registry = Registry(self._reporter.collectors_failed)
        self._journal = Journal(settings.journal_max_events, self._reporter.noticed)
        self._past = Past(settings, self._journal)
        self._subscribers = Subscribers(on_begin=self._hurry)
        self._waiting = Waiting(on_begin=self._hurry)
        self._readings = Readings(settings, lambda: self._keeper.observation)
        self._announced = False
        self._failed = False
        self._followed = False
        self._on_ready: Callable[[Snapshot], None] = lambda _: None
        self._on_memory: Callable[[MemoryNotice], None] = lambda _: None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._keeper = Keeper(
            Observation(Snapshot(NOT_KNOWN_YET), Masking(settings.reveal)),
            look=lambda: observe(settings, environ, observe_request=self._registry.engine_answered),
            intake=Intake(
                self._journal, on_events=self._on_events, on_check=self._registry.event_arrived
            ),
            on_look=self._on_look,
            on_follow=self._on_follow,
            on_change=lambda: self._in_loop(self._waiting.changed),
            listening=lambda: len(self._subscribers) + len(self._waiting) > 0,
            target=None if settings.target in ("self", "netns") else settings.target,
            log=self._log,
            beside=Beside(stop_timeout=settings.stop_timeout),
        )
        self._credentials = credentials(settings, token, self._log)

    async def run(
        self,
        api_listeners: Sequence[socket.socket],
        metrics_listeners: Sequence[socket.socket],
        *,
        on_ready: Callable[[Snapshot], None],
        on_memory: Callable[[MemoryNotice], None] = lambda _: None,
    ) -> bool:
        """Serve until SIGTERM, SIGINT or `stop`; whether that was all that ended it.

        Args:
            api_listeners: for everything.
            metrics_listeners: for the metrics and the two health paths alone.
            on_ready: called once, when `/readyz` first answers 200, with what is known then.
            on_memory: called when memory is short, or once where the kernel gives no notice of it.
        """
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self.stop)
        for name in ("asyncio", "uvicorn"):
            logging.getLogger(name).addHandler(Forward(self._log))
        self._on_ready = on_ready
        self._on_memory = on_memory
        self._reporter.listening(api_listeners, metrics_listeners)
        self._watch_memory(self._loop)
        self._reporter.passed_over(self._settings.warnings)
        keeping = threading.Thread(target=self._keep, name="keeper", daemon=True)
        keeping.start()
        await serve(self._served(api_listeners, metrics_listeners), self._stopping)
        keeping.join(timeout=1.0)
        self._journal.close()
        self._log.info("agent.stopped")
        return not self._failed

    def stop(self) -> None:
        """End `run`: streams end, answers under way are finished. Call from the loop's thread."""
        self._stopping.set()
        self._subscribers.end()
        self._waiting.end()
        self._keeper.stop()

    def stopping(self, stop: Stopping | None) -> None:
        """Take PID 1's word that the container is asked to stop; None once that is over."""
        self._keeper.add(lambda beside: replace(beside, stopping=stop))
        if stop is not None:
            self._note(lambda container: stopping(stop, container))

    def checks(self) -> tuple[Check, ...]:
        """What readiness depends on."""
        snapshot, target = self._keeper.observation.snapshot, self._settings.target
        identity = snapshot.identity
        taken, keeps = self._readings.taken, self._journal.answers
        is_gone = snapshot.self is not None and snapshot.self.state == GONE
        gone = f"{target} was removed: the next container of that name is awaited"
        stands = f"{identity.level} by {identity.method}"
        return (
            Check(
                "identity", identity.id is not None, stands if identity.id else str(identity.reason)
            ),
            Check("sample", taken, "taken" if taken else "none taken yet"),
            Check("journal", keeps, "answers" if keeps else "its disk or its file hangs"),
            *([Check("target", ok=False, detail=gone)] if is_gone else []),
        )

    def _served(
        self, api_listeners: Sequence[socket.socket], metrics_listeners: Sequence[socket.socket]
    ) -> list[Served]:
        """Everything where it is served: in the clear only inside, where TLS is wanted."""
        service, tls = self._service(), self._credentials.tls
        everything = api(service)
        inside = [each for each in api_listeners if bound(each).is_loopback]
        beyond = [each for each in api_listeners if each not in inside]
        if tls is not None and not inside:
            self._reporter.only_tls()
        return [
            Served(everything, inside),
            Served(everything, beyond, tls),
            Served(metrics_only(service), metrics_listeners, tls, _OF_ONE_ADDRESS),
        ]

    def _service(self) -> Service:
        return Service(
            snapshot=lambda: self._keeper.observation.snapshot,
            sample=self._sample,
            inquiry=lambda: inquiry(self._keeper.observation),
            raw_stats=self._readings.raw,
            metrics=self._metrics,
            reach=lambda: reach(self._keeper.observation),
            checks=self.checks,
            journal=self._journal,
            runs=lambda: self._past.runs,
            subscribers=self._subscribers,
            waiting=self._waiting,
            hostname=text(f"{self._settings.root}/proc/sys/kernel/hostname").strip(),
            allowed_hosts=self._settings.allow_host,
            disabled=self._settings.disable,
            tokens=self._credentials.tokens,
            metrics_tokens=self._credentials.metrics_tokens,
        )

    def _sample(self, source: StatsSource | None = None) -> Sample | None:
        reading = self._readings.sample(source)
        self._announce()
        return reading

    def _metrics(self, media_type: str, timeout: float | None) -> Exposition:
        condition = Condition(self._keeper.following, len(self._subscribers), time.time())
        groups, labels = self._readings.collectors(condition, timeout)
        common = {"container_": labels}
        page = Exposition(*self._registry.render(groups, common=common, media_type=media_type))
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

    def _watch_memory(self, loop: asyncio.AbstractEventLoop) -> None:
        """Follow the kernel's word on short memory, where it gives any and it is the target's."""
        folders = self._readings.folders if self._settings.target == "self" else {}
        try:
            watch = MemoryWatch(folders)
        except OSError:  # cgroup v1
            self._on_memory(MEMORY_UNSUPPORTED)
            return
        Shortage(watch, loop, on_counts=self._on_shortage, on_limit=self._on_limit)

    def _on_shortage(self, counts: MemoryEvents) -> None:
        self._keeper.add(lambda beside: replace(beside, memory_events=counts))

    def _on_limit(self, count: int) -> None:
        reading = self._readings.sample("kernel")
        memory = reading.memory if reading else None
        if is_short(memory):
            self._on_memory(MEMORY_SHORT)
        now = time.time_ns()
        self._note(lambda container: memory_max(now, count, memory, container))

    def _note(self, event: Callable[[Actor], Occurrence]) -> None:
        """Journal and publish an event of our own, in a thread: the disk may take its time."""
        own = self._keeper.observation.snapshot.self
        if own is not None:
            # An ID that is only assumed may be a neighbour's: then the event names nobody.
            occurrence = event(Actor(own.id or "", own.name))
            threading.Thread(
                target=lambda: self._on_events(self._journal.append(occurrence)),
                name="note",
                daemon=True,
            ).start()

    def _on_look(self) -> None:
        """Tell what changed, and take the first sample: readiness waits for it."""
        observation = self._keeper.observation
        if observation.snapshot.self is not None:
            if names := names_of_journal(self._settings, observation.snapshot):
                self._journal.open(self._settings.journal, *names)
            self._look_back()
        self._reporter.found(observation)
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
            self._on_ready(self._keeper.observation.snapshot)

    def _on_events(self, events: Sequence[Event]) -> None:
        if any(map(tells_of_runs, events)):
            self._look_back()
        for event in events:
            self._registry.event_arrived(event)
        self._in_loop(self._subscribers.publish, *events)

    def _on_follow(self) -> None:
        if self._followed:
            self._registry.stream_reopened()
        self._followed = True

    def _hurry(self) -> None:
        """Somebody began to listen: where events are asked for, that is done more often."""
        self._keeper.hurry()

    def _look_back(self) -> None:
        """Put the runs together anew, and tell of the last one that is over."""
        self._past.update(self._keeper.observation.snapshot)
        run = self._past.previous_run
        self._keeper.add(lambda beside: replace(beside, previous_run=run))

    def _in_loop(self, call: Callable[..., None], *arguments: Event) -> None:
        """Call in the event loop's thread; a loop that has ended needs no call."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *arguments)
