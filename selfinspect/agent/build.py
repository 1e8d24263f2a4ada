"""The agent: builds every part from the ones before it, owns the threads and the stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from selfinspect.agent.history import History, Recorder, document
from selfinspect.agent.keeper import Keeper
from selfinspect.agent.observe import inquiry, observe, reach
from selfinspect.agent.past import container_runs, names_of_journal
from selfinspect.agent.readings import Readings
from selfinspect.agent.reporter import Readiness, Reporter
from selfinspect.agent.shortage import Shortage, is_short
from selfinspect.agent.state import UNRESOLVED, Beside, Observation, State
from selfinspect.background import in_background
from selfinspect.errors import NotFoundError, SelfinspectError
from selfinspect.events.intake import Intake
from selfinspect.events.stream import Audience
from selfinspect.events.subscribers import Subscribers, Waiting
from selfinspect.events.translate import memory_max, stopping
from selfinspect.journal.journal import Journal
from selfinspect.kernel.files import text
from selfinspect.kernel.memory import MemoryWatch
from selfinspect.logs import Forward, logger
from selfinspect.masking import Masking
from selfinspect.metrics.collectors import Condition
from selfinspect.metrics.registry import Registry
from selfinspect.model import Actor, Snapshot
from selfinspect.runs.runs import OF_RUNS, previous_run
from selfinspect.supervise.handover import MEMORY_SHORT, MEMORY_UNSUPPORTED
from selfinspect.supervise.listeners import bound
from selfinspect.terminal import in_colour
from selfinspect.web.credentials import credentials
from selfinspect.web.routes import api, metrics_only
from selfinspect.web.server import Served, serve
from selfinspect.web.service import Exposition, Service

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence
    from typing import TextIO

    from selfinspect.model import (
        Event,
        Json,
        MemoryEvents,
        Occurrence,
        Stopping,
    )
    from selfinspect.settings import Settings
    from selfinspect.supervise.handover import MemoryNotice

# Behind NAT, or a published port with the engine's proxy, every client has the same.
_OF_ONE_ADDRESS = 64
"""Connections to the metrics listener from one address, at most."""


class Agent:
    """One agent, serving on listeners that somebody else bound. Made in a running event loop.

    Once it is made, SIGTERM and SIGINT end its `run`, also before that has begun.

    The parts stand in the order in which they need each other: each is handed earlier ones only.
    The keeper comes last and calls nothing but what it was handed.

    Args:
        settings: everything that can be chosen.
        environ: the environment, for what it says of identity and engine.
        stream: where the log goes.
        token: what PID 1 made for `--token-file auto`.
        on_ready: called once, when `/readyz` first answers 200, with the snapshot of then.
        on_memory: called when memory is short, or once where the kernel gives no notice of it.

    Raises:
        ValueError: a file that an option names cannot be used; the message names the option.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        stream: TextIO,
        token: bytes | None = None,
        *,
        on_ready: Callable[[Snapshot], None] = lambda _: None,
        on_memory: Callable[[MemoryNotice], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._failed = False
        self._on_memory = on_memory
        self._state = state = State(
            Observation(Snapshot(UNRESOLVED), Masking(settings.reveal)),
            Beside(stop_timeout=settings.stop_timeout),
        )
        self._log = log = logger(
            stream,
            level=settings.log_level,
            form=settings.log_format,
            mask=state.masked,
            colours=in_colour(stream, environ),
        )
        self._credentials = credentials(settings, token, log)
        self._reporter = Reporter(log)
        self._registry = Registry(self._reporter.collectors_failed)
        self._journal = Journal(settings.journal_max_events, self._reporter.noticed)
        self._history = History(self._reporter.noticed)
        self._recorder: Recorder | None = None
        self._readiness = Readiness(
            settings.target, state, self._journal, log=log, on_ready=on_ready
        )
        self._readings = Readings(settings, state, on_first=self._readiness.sampled)
        self._intake = Intake(
            self._journal, on_events=self._publish, on_check=self._registry.event_arrived
        )
        audience = Audience()
        self._subscribers = Subscribers(audience=audience)
        self._waiting = Waiting(audience=audience)
        state.subscribe(lambda: self._in_loop(self._waiting.changed))
        self._keeper = Keeper(
            state,
            look=partial(
                observe, settings, environ, observe_request=self._registry.engine_answered
            ),
            intake=self._intake,
            audience=audience,
            on_found=self._open_journal,
            on_look=self._take_up,
            on_reopen=self._registry.stream_reopened,
            on_minute=self._readings.update_limits,
            target=None if settings.target in ("self", "netns") else settings.target,
            log=log,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self.stop)

    async def run(
        self, api_listeners: Sequence[socket.socket], metrics_listeners: Sequence[socket.socket]
    ) -> bool:
        """Serve until SIGTERM, SIGINT or `stop`; whether nothing else ended it.

        Args:
            api_listeners: for everything.
            metrics_listeners: for the metrics and the two health paths alone.
        """
        for name in ("asyncio", "selfinspect.web"):
            logging.getLogger(name).addHandler(Forward(self._log))
        self._reporter.listening(api_listeners, metrics_listeners)
        if self._settings.target == "self" and self._readings.folders:
            self._recorder = Recorder(self._loop, self._readings.of_kernel, self._history)
        self._watch_memory()
        self._reporter.passed_over(self._settings.warnings)
        keeping = in_background("keeper", self._keep)
        await serve(self._served(api_listeners, metrics_listeners), self._stopping)
        keeping.join(timeout=1.0)
        self._journal.close()
        self._history.close()
        self._log.info("agent.stopped")
        return not self._failed

    def stop(self) -> None:
        """End `run`: streams end, answers under way are finished. Call from the loop's thread."""
        self._stopping.set()
        self._subscribers.end()
        self._waiting.end()
        if self._recorder is not None:
            self._recorder.stop()
        self._keeper.stop()

    def stopping(self, stop: Stopping | None) -> None:
        """Note that PID 1 announced a stop of the container; None once that is over."""
        self._state.add(lambda beside: replace(beside, stopping=stop))
        if stop is not None:
            self._note(lambda container: stopping(stop, container))

    def _served(
        self, api_listeners: Sequence[socket.socket], metrics_listeners: Sequence[socket.socket]
    ) -> list[Served]:
        """Each application where it is served: with TLS, where that is set up, beyond loopback."""
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
        state = self._state
        return Service(
            snapshot=lambda: state.snapshot,
            update=self._readings.update_limits,
            sample=self._readings.sample,
            inquiry=lambda: inquiry(state.observation),
            processes=self._readings.processes,
            raw_stats=self._readings.raw,
            metrics=self._metrics,
            metrics_wait=self._readings.wait,
            reach=lambda: reach(state.observation),
            checks=self._readiness.checks,
            journal=self._journal,
            runs=lambda: state.runs,
            history=self._history_document,
            on_streaming=self._on_streaming,
            subscribers=self._subscribers,
            waiting=self._waiting,
            hostname=text(f"{self._settings.root}/proc/sys/kernel/hostname").strip(),
            allowed_hosts=self._settings.allow_host,
            disabled=self._settings.disable,
            tokens=self._credentials.tokens,
            metrics_tokens=self._credentials.metrics_tokens,
        )

    def _history_document(self, since: int | None, until: int | None, step: int) -> Json:
        # With the target `netns` it may be this container.
        candidates = self._state.snapshot.identity.candidates
        if any(each.evidence.startswith("--target ") for each in candidates):
            raise NotFoundError(
                "there is no history of the container reported on",
                hint="figures over time come from the kernel's files, which are this container's",
            )
        return document(self._history, self._state.runs, since, until, step)

    def _on_streaming(self, listening: bool) -> None:  # noqa: FBT001
        if self._recorder is not None:
            self._recorder.stream(listening)

    def _metrics(self, media_type: str, timeout: float | None) -> Exposition:
        condition = Condition(self._state.followed, len(self._subscribers), time.time())
        groups, labels = self._readings.collectors(condition, timeout)
        common = {"container_": labels}
        return Exposition(*self._registry.render(groups, common=common, media_type=media_type))

    def _keep(self) -> None:
        """Keep the state current; an agent that cannot do so any more ends."""
        try:
            self._keeper.run()
        except Exception:  # noqa: BLE001
            self._log.exception("agent.failed")
            self._failed = True
            self._in_loop(self.stop)

    def _open_journal(self, found: Observation) -> None:
        """Before a look is shown: whoever sees the identity may write an event of it."""
        if found.snapshot.self is not None and (
            names := names_of_journal(self._settings, found.snapshot)
        ):
            self._journal.open(self._settings.journal, *names)
            self._open_history(names[0])

    def _take_up(self) -> None:
        """After a look: report, and take the first sample."""
        observation = self._state.observation
        if observation.snapshot.self is not None:
            self._update_runs()
        self._reporter.found(observation)
        self._readiness.announce()
        if not self._readings.taken:
            # An engine may take a second; events are not to wait for that.
            in_background("first-sample", self._first_sample)

    def _open_history(self, container: str) -> None:
        """Read the history back, in a thread: the start is not to wait for it."""
        if self._recorder is not None and not self._history.is_open:
            # Without a task to spare it is tried after the next look.
            with suppress(RuntimeError):
                in_background("history", self._history.open, self._settings.journal, container)

    def _first_sample(self) -> None:
        try:
            self._readings.sample()
        except SelfinspectError as error:
            self._log.info("sample.failed", reason=error.detail)

    def _publish(self, events: Sequence[Event]) -> None:
        """Hand on what was journalled: to the runs, the metrics and the subscribers."""
        if any(event.action in OF_RUNS for event in events):
            self._update_runs()
        for event in events:
            self._registry.event_arrived(event)
        self._in_loop(self._subscribers.publish, *events)

    def _update_runs(self) -> None:
        runs = container_runs(self._settings, self._journal, self._state.snapshot)
        self._state.add(lambda beside: replace(beside, runs=runs, previous_run=previous_run(runs)))

    def _watch_memory(self) -> None:
        """Follow the kernel's counts of short memory, where it has them for the target."""
        folders = self._readings.folders if self._settings.target == "self" else {}
        try:
            watch = MemoryWatch(folders)
        except OSError:  # cgroup v1
            self._on_memory(MEMORY_UNSUPPORTED)
            return
        Shortage(watch, self._loop, on_counts=self._on_shortage, on_limit=self._on_limit)

    def _on_shortage(self, counts: MemoryEvents) -> None:
        self._state.add(lambda beside: replace(beside, memory_events=counts))

    def _on_limit(self, count: int) -> None:
        reading = self._readings.sample("kernel")
        memory = reading.memory if reading else None
        if self._recorder is not None:
            self._recorder.take()
        if is_short(memory):
            self._on_memory(MEMORY_SHORT)
        now = time.time_ns()
        self._note(lambda container: memory_max(now, count, memory, container))

    def _note(self, event: Callable[[Actor], Occurrence]) -> None:
        """Journal and publish an event of our own, in a thread: the disk may take its time."""
        own = self._state.snapshot.self
        if own is not None:
            # An ID that is only assumed may be a neighbour's: then the event names nobody.
            occurrence = event(Actor(own.id or "", own.name))
            in_background("note", self._intake.note, occurrence)

    def _in_loop(self, call: Callable[..., None], *arguments: Event) -> None:
        """Call in the event loop's thread; a loop that has ended needs no call."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *arguments)
