"""What an engine tells of a container beyond the snapshot: asked for when it is wanted, masked."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from selfinspect.engine.inspect import listings
from selfinspect.engine.inspect.listings import arguments, processes
from selfinspect.engine.inspect.log import Log
from selfinspect.errors import EngineAnswerError, EngineUnreachableError
from selfinspect.jsonread import boolean, text

if TYPE_CHECKING:
    from selfinspect.engine.api.client import Client
    from selfinspect.engine.inspect.log import LogQuery
    from selfinspect.masking import Masking
    from selfinspect.model import Json


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One container's engine. Each question may wait for it, and raises EngineError.

    Attributes:
        client: who asks.
        masking: what is hidden of the answers.
        inspect: what is known of the container.
    """

    client: Client
    masking: Masking
    inspect: Json

    def top(self, args: str | None = None) -> Json:
        """The container's processes.

        Args:
            args: of `ps`, to choose the columns; None for the engine's own.

        Raises:
            BadRequestError: they do more than that.
        """
        if args is not None:
            arguments(args)
        try:
            return processes(self.client.top(args), self.masking)
        except EngineAnswerError as error:
            if error.code != HTTPStatus.CONFLICT:
                raise
            raise EngineUnreachableError(
                "there are no processes now", hint="a container that does not run has none"
            ) from error

    def changes(self) -> Json:
        """What differs in the container's file system from its image's."""
        return listings.changes(self.client.changes(), self.masking)

    def image(self) -> Json:
        """The container's image; its history is null where that alone is refused."""
        identifier = text(self.inspect, "Image") or ""
        inspect = self.client.image(identifier)
        try:
            history = self.client.history(identifier)
        except EngineAnswerError:
            history = None
        reference = text(self.inspect, "Config", "Image")
        return listings.image(inspect, history, reference=reference, masking=self.masking)

    def log(self, query: LogQuery) -> Log:
        """The container's own log, open."""
        stream = self.client.logs(query.parameters())
        terminal = boolean(self.inspect, "Config", "Tty") is True
        return Log(stream, query, self.masking, terminal=terminal)
