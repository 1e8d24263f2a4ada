"""Where a sample comes from: the engine's stats or the kernel's files."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from selfinspect.stats.engine_sample import engine_sample
from selfinspect.stats.sample import with_limits
from selfinspect.times import rfc3339

if TYPE_CHECKING:
    from selfinspect.engine.client import Client
    from selfinspect.kernel.devices import Devices
    from selfinspect.kernel.reader import CgroupReader
    from selfinspect.model import Sample, Specification


@dataclass(frozen=True, slots=True)
class EngineSource:
    """One frame of the engine's stats a reading; up to a second on engines before 25.

    `configured` is what binds the container, None where that is not known.
    """

    client: Client
    devices: Devices
    configured: Specification | None = None
    waits: ClassVar[bool] = True

    def read(self) -> Sample | None:
        """A sample, None while the container does not run.

        Raises:
            EngineError: the engine gave no answer, or refused.
        """
        sample = engine_sample(self.client.stats(), rfc3339(time.time_ns()), self.devices)
        return with_limits(sample, self.configured) if sample and self.configured else sample


@dataclass(frozen=True, slots=True)
class KernelSource:
    """The container's own cgroup files, well under a millisecond a reading."""

    reader: CgroupReader
    waits: ClassVar[bool] = False

    def read(self) -> Sample | None:
        """A sample of the container that this process is in."""
        return self.reader.read(time.time_ns())
