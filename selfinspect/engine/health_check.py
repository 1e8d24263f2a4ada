"""A container's own health check, as its execs' events tell the command. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.engine.access import mapping, texts

if TYPE_CHECKING:
    from selfinspect.model import Json

_SHELL = ("/bin/sh", "-c")


def command_line(inspect: Json) -> str | None:
    """The command that the engine runs for each check, None where there is none.

    Its words stand side by side, as in the event; see daemon/health.go of moby.
    """
    kind, *words = texts(inspect, "Config", "Healthcheck", "Test") or ("NONE",)
    if kind == "CMD-SHELL":
        words = [*(texts(inspect, "Config", "Shell") or _SHELL), *words]
    return " ".join(words).strip() if words and kind in ("CMD", "CMD-SHELL") else None


def health_check(inspect: Json) -> Json:
    """As much of an inspect document as `command_line` looks at."""
    config = mapping(inspect, "Config")
    return {"Config": {name: config.get(name) for name in ("Healthcheck", "Shell")}}
