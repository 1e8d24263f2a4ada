"""Readings of the container's resources: where they come from, and what metrics they become."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cache, partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from selfinspect.agent.state import UNRESOLVED
from selfinspect.documents import engine_missing
from selfinspect.errors import BadRequestError, EngineUnsupportedError, NotFoundError
from selfinspect.kernel.limits import is_rootless
from selfinspect.kernel.machine import Devices
from selfinspect.kernel.network import is_host, links
from selfinspect.kernel.reader import CgroupReader
from selfinspect.metrics.collectors import Sources, collectors
from selfinspect.metrics.family import DEFAULT_LABELS, container_labels
from selfinspect.model import Sample
from selfinspect.stats.sampler import FsUsage, Sampler, engine_reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from selfinspect.agent.state import Observation, State
    from selfinspect.engine.api.client import Client
    from selfinspect.metrics.collectors import Condition
    from selfinspect.metrics.family import Family, Labels
    from selfinspect.model import (
        Json,
        Limits,
        Specification,
        StatsSource,
    )
    from selfinspect.settings import Settings

_SCRAPE_MAX_AGE = 1.0
_LIMITS_MAX_AGE = 1.0
_LONGEST_COMMAND = 4096
_FIGURES = 6  # the members of a process before its CPU time
_TITLES = ("PID", "PPID", "UID", "S", "RSS", "SWAP", "TIME", "COMMAND")
_OF_THE_NETWORK = ("hostname-file", "hosts-file", "resolv-file")


class Readings:
    """Takes samples when asked to, never by itself.

    Args:
        settings: where figures are to come from, and which labels metrics carry.
        state: has the engine's client and the container's labels.
        on_first: called once there has been a sample.

    Attributes:
        taken: whether there has been a sample.
        wait: whether figures for metrics may have to be waited for: those of an engine, or those of
            a file system that is not the kernel's own.
    """

    def __init__(
        self, settings: Settings, state: State, on_first: Callable[[], None] = lambda: None
    ) -> None:
        self.taken = False
        self._on_first = on_first
        self._settings = settings
        self._state = state
        self._engine_sampler, self._kernel_sampler = Sampler(waits=True), Sampler(waits=False)
        self._kernel = CgroupReader(settings.root)
        self._groupless = self._kernel.without_cgroup()
        of_kernel = settings.target == "self" and settings.stats_source != "engine"
        self.wait = not (of_kernel and self._kernel.folders and self._kernel.is_local)
        self._devices = Devices(str(settings.root).rstrip("/"))
        self._rootless = is_rootless(str(settings.root).rstrip("/"))
        self._in_hosts_network = is_host(links(settings.root))
        self._labels: tuple[Observation | None, Labels] = None, {}
        interval = settings.fs_usage_interval
        self._fs_usage = FsUsage(interval) if interval is not None else None
        self._limits_read_at = -_LIMITS_MAX_AGE

    def sample(
        self,
        source: StatsSource | None = None,
        *,
        max_age: float = 0.0,
        timeout: float | None = None,
    ) -> Sample | None:
        """A reading of the container's resources, None while there is none.

        Args:
            source: where figures are to come from; None for what the settings say.
            max_age: seconds for which the engine's last figures are good enough.
            timeout: seconds to wait for the engine.

        Raises:
            EngineError: only the engine has figures, and it does not return them.
            BadRequestError: the kernel's figures are wanted, and are not this container's.
        """
        observation = self._state.observation
        sampler, read = self._chosen(observation, source)
        reading = sampler.sample(read, max_age=max_age, timeout=timeout)
        if reading is None:
            return None
        if not self.taken:
            self.taken = True
            self._on_first()
        return reading if self._own_network(observation) else replace(reading, network=None)

    def of_kernel(self) -> Sample:
        """A reading of the kernel's files, beside all others: no percentage is measured from it."""
        observation = self._state.observation
        reading = self._reader(observation).read(time.time_ns())
        return reading if self._own_network(observation) else replace(reading, network=None)

    @property
    def folders(self) -> Mapping[str, str]:
        """The container's cgroup by controller of v1, and of v2 by `UNIFIED`."""
        return self._kernel.folders

    def update_limits(self) -> None:
        """Show the kernel's limits as they are by now, where no engine says them.

        An engine reports `docker update`; the kernel's files change without a word. Call from any
        thread.
        """
        observation, now = self._state.observation, time.monotonic()
        snapshot, ours = observation.snapshot, self._ours(observation)
        if ours is None or snapshot.self is None or snapshot.inspect is not None:
            return
        if now - self._limits_read_at < _LIMITS_MAX_AGE:
            return
        self._limits_read_at = now
        limits = ours.limits()
        self._state.change(lambda last: _limited(last, limits))

    def processes(self) -> Json:
        """The container's processes as the kernel has them, in the form of `/v1/top`.

        Sizes are in KiB, the CPU time is in seconds, and a PID is that of our namespace. Secrets
        in command lines are masked; `truncated` counts those that are not whole, and processes
        that are not listed.

        Raises:
            NotFoundError: the kernel's list is not this container's, or not all of it can be seen.
        """
        ours = self._ours(self._state.observation)
        listing = ours.listing() if ours else None
        if listing is None:
            raise NotFoundError(
                "the kernel does not show all processes of this container to the agent",
                hint="source=engine asks the engine",
            )
        masking = self._state.observation.masking
        cut = {
            "commands": sum(process.cut for process in listing.processes),
            "processes": listing.more,
        }
        truncated: dict[str, Json] = {name: number for name, number in cut.items() if number}
        return {
            "titles": list(_TITLES),
            "processes": [
                [
                    *("" if figure is None else str(figure) for figure in process[:_FIGURES]),
                    "" if process.cpu is None else f"{process.cpu:.2f}",
                    " ".join(masking.arguments(process.command))[:_LONGEST_COMMAND],
                ]
                for process in listing.processes
            ],
            **({"truncated": truncated} if truncated else {}),
        }

    def raw(self) -> Json:
        """The engine's stats as they are.

        Raises:
            EngineError: there is no engine, or it does not return them.
        """
        return self._client(self._state.observation).stats()

    def collectors(
        self, condition: Condition, timeout: float | None = None
    ) -> tuple[Mapping[str, Callable[[], Iterable[Family]]], Labels]:
        """What makes up a page of metrics, on a reading taken when first asked for.

        With it the labels on every series about the container, from the same observation: figures
        without labels would be another container's to Prometheus.

        Args:
            condition: how the agent is.
            timeout: seconds to wait for the engine.
        """
        observation = self._state.observation

        @cache
        def taken() -> Sample | Exception | None:
            try:
                return self.sample(max_age=_SCRAPE_MAX_AGE, timeout=timeout)
            except Exception as error:  # noqa: BLE001 - raised again in each group
                return error

        def sample() -> Sample | None:
            reading = taken()
            if isinstance(reading, Exception):
                raise reading
            return reading

        def tasks() -> int | None:
            reading = taken()
            return reading.pids.current if isinstance(reading, Sample) else None

        ours, used, client = self._ours(observation), self._fs_usage, observation.client
        sources = Sources(
            sample,
            specification=partial(self._specification, observation),
            processes=lambda: ours.processes(tasks()) if ours else None,
            filesystem=lambda: ours.filesystem() if ours else None,
            fs_usage=lambda: used.bytes(client) if used and client else None,
            machine=self._kernel.machine if self._settings.metrics_machine else None,
            info=lambda: observation.info,
            started_at=lambda: ours.started_at() if ours else None,
            masked=observation.masking.unrevealed().text if self._settings.reveal else str,
        )
        settled = observation.snapshot.identity is not UNRESOLVED
        groups = collectors(observation.snapshot, sources, replace(condition, settled=settled))
        return groups, self._labels_of(observation)

    def _labels_of(self, observation: Observation) -> Labels:
        own, admitted = observation.snapshot.self, self._settings.metrics_labels
        ours = self._ours(observation)
        if own is None:
            return {}
        cached_for, labels = self._labels
        if cached_for is not observation:
            seen = ours.cgroup_path(own.id) if own.id and ours else None
            labels = container_labels(
                own,
                cgroup_path=seen or observation.cgroup_path,
                masking=observation.masking.unrevealed(),
                admitted=DEFAULT_LABELS if admitted is None else admitted,
            )
            self._labels = observation, labels
        return labels

    def _chosen(
        self, observation: Observation, source: StatsSource | None
    ) -> tuple[Sampler, Callable[[], Sample | None]]:
        choice, ours = source or self._settings.stats_source, self._ours(observation)
        grouped = self._has_cgroup(observation)
        if ours and ((not grouped and source != "engine") or (choice != "engine" and ours.folders)):
            # Without a cgroup these are the network's alone.
            return self._kernel_sampler, lambda: ours.read(time.time_ns())
        if source == "kernel":
            raise BadRequestError(
                "the kernel's files are this container's, not those of the container reported on",
                hint="source=engine asks the engine",
            )
        if choice == "kernel":
            raise engine_missing(observation.snapshot)
        if not grouped:
            raise EngineUnsupportedError(
                "stats: this engine gives its containers no cgroups, so its figures are others'",
                code=HTTPStatus.OK,
                capability="stats",
            )
        read = partial(
            engine_reading, self._client(observation), self._devices, observation.specification
        )
        return self._engine_sampler, read

    def _ours(self, observation: Observation) -> CgroupReader | None:
        """The kernel's files where they are of the container that is reported on."""
        return self._reader(observation) if self._settings.target == "self" else None

    def _reader(self, observation: Observation) -> CgroupReader:
        """The kernel's files; where the engine gives us no cgroup, not what is taken for it."""
        return self._groupless if observation.has_cgroup is False else self._kernel

    def _has_cgroup(self, observation: Observation) -> bool:
        """Whether the container has one: figures of the engine are others' where it has none."""
        if observation.has_cgroup is not None:
            return observation.has_cgroup
        ours = self._ours(observation)
        return not self._rootless or ours is None or bool(ours.folders)

    def _client(self, observation: Observation) -> Client:
        if observation.client is None:
            raise engine_missing(observation.snapshot)
        return observation.client

    def _own_network(self, observation: Observation) -> bool:
        """Whether the network is the container's alone, as far as we can see."""
        if observation.snapshot.inspect is not None:
            return observation.own_network
        identity = observation.snapshot.identity
        # The files that a network brings with it name the container that it belongs to.
        in_anothers = identity.id is not None and any(
            candidate.source in _OF_THE_NETWORK and candidate.id != identity.id
            for candidate in identity.candidates
        )
        return not (self._in_hosts_network or in_anothers)

    def _specification(self, observation: Observation) -> Specification | None:
        ours = self._ours(observation)
        if observation.specification is not None or ours is None:
            return observation.specification
        return ours.specification()


def _limited(last: Observation, limits: Limits | None) -> Observation:
    """The same with these limits, unless an engine has its say by now."""
    snapshot = last.snapshot
    if snapshot.self is None or snapshot.inspect is not None or snapshot.self.limits == limits:
        return last
    return replace(last, snapshot=replace(snapshot, self=replace(snapshot.self, limits=limits)))
