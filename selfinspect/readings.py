"""Readings of the container's resources: whence they come, and what metrics they make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.errors import EngineUnreachableError, SelfinspectError
from selfinspect.kernel.devices import Devices
from selfinspect.kernel.reader import CgroupReader
from selfinspect.masking import Masking
from selfinspect.metrics.collectors import collectors
from selfinspect.metrics.families import DEFAULT_LABELS, container_labels
from selfinspect.stats.sampler import Sampler
from selfinspect.stats.sources import EngineSource, KernelSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from selfinspect.metrics.collectors import Condition
    from selfinspect.metrics.families import Family, Labels
    from selfinspect.model import Sample
    from selfinspect.observe import Observation
    from selfinspect.settings import Settings
    from selfinspect.stats.sampler import SampleSource


class Readings:
    """Takes samples when asked to, never by itself.

    Args:
        settings: where figures are to come from, and which labels metrics carry.
        observation: what is known of the container now.

    Attributes:
        taken: whether there has been a sample.
    """

    def __init__(self, settings: Settings, observation: Callable[[], Observation]) -> None:
        self.taken = False
        self._settings = settings
        self._observation = observation
        self._sampler = Sampler()
        self._cgroup = CgroupReader(settings.root)
        self._devices = Devices(str(settings.root).rstrip("/"))

    def sample(self) -> Sample | None:
        """A reading of the container's resources, None while there is none.

        Raises:
            EngineError: only the engine could say, and does not.
        """
        reading = self._sampler.sample(self._source())
        self.taken = self.taken or reading is not None
        return reading

    def collectors(self, condition: Condition) -> Mapping[str, Callable[[], Iterable[Family]]]:
        """What makes up a page of metrics, on a reading taken now."""
        return collectors(self._observation().snapshot, self._taken_once(), condition)

    def labels(self) -> Labels:
        """The labels on every series about the container."""
        observation = self._observation()
        own = observation.snapshot.self
        if own is None:
            return {}
        admitted = self._settings.metrics_labels
        return container_labels(
            own,
            cgroup_path=observation.cgroup_path,
            masking=Masking(secrets=observation.masking.secrets),
            admitted=DEFAULT_LABELS if admitted is None else admitted,
        )

    def _source(self) -> SampleSource:
        observation = self._observation()
        choice = self._settings.stats_source
        if choice != "engine" and self._cgroup.folders and self._settings.target == "self":
            return KernelSource(self._cgroup, own_network=observation.own_network)
        if choice == "kernel" or observation.client is None:
            failure = observation.snapshot.failure
            raise EngineUnreachableError(
                failure.detail if failure else "the engine has not been asked yet",
                hint=failure.hint if failure else None,
            )
        return EngineSource(observation.client, self._devices)

    def _taken_once(self) -> Callable[[], Sample | None]:
        """A reading taken now, or the reason why there is none, again and again."""
        try:
            reading = self.sample()
        except SelfinspectError as error:
            failed = error

            def fails() -> Sample | None:
                raise failed

            return fails
        return lambda: reading
