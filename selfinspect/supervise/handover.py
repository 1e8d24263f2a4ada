"""What PID 1 hands each incarnation of the agent: listeners, and a line to each other."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VARIABLE = "SELFINSPECT_HANDOVER"


class Handover:
    """Open sockets, named to the agent by their numbers in `SELFINSPECT_HANDOVER`.

    Attributes:
        api: listeners for everything; the agent binds none of its own.
        metrics: listeners for the metrics alone.
        control: one end of a pair with PID 1, which sends nothing: once it reads as ended,
            PID 1 is gone and the agent is to end too.
    """

    __slots__ = ("api", "control", "metrics")

    def __init__(
        self,
        api: Sequence[socket.socket],
        metrics: Sequence[socket.socket],
        control: socket.socket,
    ) -> None:
        self.api = api
        self.metrics = metrics
        self.control = control

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Handover | None:
        """What PID 1 handed over, None where the agent was started by itself.

        Raises:
            ValueError: the variable does not read `api=5,metrics=6,control=7`.
            OSError: a number in it is no open socket.
        """
        if VARIABLE not in environ:
            return None
        sockets: dict[str, list[socket.socket]] = {"api": [], "metrics": [], "control": []}
        for item in environ[VARIABLE].split(","):
            role, _, descriptor = item.partition("=")
            if role not in sockets:
                raise ValueError(f"{VARIABLE}: {item!r} is no socket")
            inherited = socket.socket(fileno=int(descriptor))
            inherited.set_inheritable(False)
            sockets[role].append(inherited)
        [control] = sockets["control"]
        return cls(sockets["api"], sockets["metrics"], control)

    def encode(self) -> str:
        """The variable's value."""
        roles = [("api", each) for each in self.api] + [("metrics", each) for each in self.metrics]
        return ",".join(
            f"{role}={each.fileno()}" for role, each in [*roles, ("control", self.control)]
        )

    def let_inherit(self) -> None:
        """Let the sockets outlive `exec`; for the agent's process, before it becomes the agent."""
        for each in (*self.api, *self.metrics, self.control):
            os.set_inheritable(each.fileno(), True)  # noqa: FBT003

    def ready(self) -> None:
        """Tell PID 1 that the agent is ready, so that a command held back by `--wait` starts."""
        with suppress(OSError):
            self.control.send(b"ready")
