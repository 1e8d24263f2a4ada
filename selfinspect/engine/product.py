"""Which engine answers, and which proxy before it: by headers, else by what `/version` says. Pure.

A proxy may replace `Server` (nginx) or put its own before the engine's (Caddy).
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.engine.access import sequence, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.model import Engine, Json

_SERVERS = re.compile(r"([A-Za-z][\w.-]*)(?:/([^\s,;()]+))?(?:\s*\([^)]*\))?")
"""A name, its version and a comment, as RFC 9110 writes `Server`."""

_COMPONENTS = {"Engine": "Docker", "Podman Engine": "Podman"}
_OF_DOCKER = ("Docker", "balena-engine", "balenaEngine")
_ENGINES = (*_OF_DOCKER, "Libpod", "Podman")


def product(headers: Mapping[str, str]) -> tuple[str, str | None]:
    """The engine's name and version by the headers of `/_ping`.

    Where they name none it is called Docker, whose API it speaks, without a version.
    """
    if libpod := headers.get("Libpod-Api-Version"):
        return "Podman", libpod
    servers = ((found[1], found[2]) for found in _SERVERS.finditer(headers.get("Server", "")))
    return next((each for each in servers if each[0] in _OF_DOCKER), ("Docker", None))


def proxy(headers: Mapping[str, str]) -> str | None:
    """The name that a proxy wrote into `Server`, None where only an engine's stands there."""
    names = (found[1] for found in _SERVERS.finditer(headers.get("Server", "")))
    return next((name for name in names if name not in _ENGINES), None)


def named(engine: Engine, release: Json) -> Engine:
    """The engine with the name and version of its `/version`, where the headers had none.

    Args:
        engine: as it was greeted.
        release: what `/version` answered, None where it did not.
    """
    if engine.version is not None or release is None:
        return engine
    if engine.product != _OF_DOCKER[0]:
        return replace(engine, version=text(release, "Version"))
    for component in sequence(release, "Components"):
        name = _COMPONENTS.get(text(component, "Name") or "")
        if name is not None:
            version = text(component, "Version") or text(release, "Version")
            return replace(engine, product=name, version=version)
    platform = (text(release, "Platform", "Name") or "").lower()
    name = "Podman" if "podman" in platform else engine.product
    return replace(engine, product=name, version=text(release, "Version"))
