"""The container as an OpenTelemetry resource: the entry point `selfinspect` of its SDK.

`OTEL_EXPERIMENTAL_RESOURCE_DETECTORS=selfinspect` has the SDK load it; nothing else does, so that
nobody without the SDK needs it.
"""

from __future__ import annotations

from opentelemetry.sdk.resources import Resource, ResourceDetector

from selfinspect.client import me
from selfinspect.errors import NotAvailable
from selfinspect.exports.otel import attributes, lists

_TIMEOUT = 1.0


class Detector(ResourceDetector):
    """Asks this container's agent, for at most a second."""

    def detect(self) -> Resource:
        """What the agent answers; an empty resource where there is no agent or no answer."""
        try:
            own = me(timeout=_TIMEOUT)
        except NotAvailable:
            return Resource.get_empty()
        return Resource({**attributes(own), **lists(own)})
