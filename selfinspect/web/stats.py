"""`/v1/stats`: one normalised reading of the container's resources."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from starlette.routing import Route

from selfinspect.documents import refused
from selfinspect.errors import EngineUnreachableError
from selfinspect.web.answers import json_answer
from selfinspect.web.threads import in_thread

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from selfinspect.model import Json, Sample
    from selfinspect.web.service import Service


def routes(service: Service) -> list[Route]:
    """The one route; reading may take the engine a second, so a thread does it."""

    async def stats(request: Request) -> Response:  # noqa: ARG001
        snapshot = service.snapshot()
        if snapshot.self is None:
            raise refused(snapshot)
        sample = await in_thread(service.sample)
        if sample is None:
            raise EngineUnreachableError(
                "there are no figures now", hint="a container that does not run has none"
            )
        return json_answer(sample_document(sample))

    return [Route("/v1/stats", stats)]


def sample_document(sample: Sample) -> Json:
    """A sample as `/v1/stats` shows it, without what only the metrics carry."""
    document = asdict(sample)
    del document["detail"]
    return document
