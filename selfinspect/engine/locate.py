"""Where an engine may listen, in the order in which the places are tried."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def endpoints(setting: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The endpoints to try, first to last, each once.

    Args:
        setting: `auto`, `off` or one endpoint.
        environ: read for `DOCKER_HOST` and `XDG_RUNTIME_DIR`.
    """
    if setting == "off":
        return ()
    if setting != "auto":
        return (setting,)
    host, runtime = environ.get("DOCKER_HOST"), environ.get("XDG_RUNTIME_DIR")
    usual = (
        *((host,) if host else ()),
        "unix:///var/run/docker.sock",
        "unix:///run/docker.sock",
        *((f"unix://{runtime}/docker.sock",) if runtime else ()),
        "unix:///run/podman/podman.sock",
    )
    places: dict[str, str] = {}
    for endpoint in usual:
        places.setdefault(_place(endpoint), endpoint)
    return tuple(places.values())


def _place(endpoint: str) -> str:
    """What two names of one socket have in common: `/var/run` is most often a link to `/run`."""
    path = endpoint.removeprefix("unix://")
    return endpoint if path == endpoint else str(Path(path).resolve())
