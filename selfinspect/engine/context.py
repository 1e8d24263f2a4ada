"""The engine of Docker's current context, from files that nobody in the container can have written.

`DOCKER_CONTEXT`, else `currentContext` of `~/.docker/config.json`, names it; its endpoint stands
in `~/.docker/contexts/meta/<SHA-256 of the name>/meta.json`.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from selfinspect.engine.access import parsed, text
from selfinspect.files import read_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.model import Json

_MOST = 64 * 2**10
"""Bytes that are read of a file; a longer one is passed over."""

_NONE = "default"
"""The context that is none: the usual places."""


def context_host(environ: Mapping[str, str]) -> str | None:
    """The endpoint of the current context as it is written there, None where there is none.

    Args:
        environ: read for `DOCKER_CONTEXT` and `HOME`.
    """
    folder = Path(environ.get("HOME") or "/") / ".docker"
    config = folder / "config.json"
    name = environ.get("DOCKER_CONTEXT") or text(_document(config), "currentContext")
    if not name or name == _NONE:
        return None
    digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()
    meta = _document(folder / "contexts/meta" / digest / "meta.json")
    return text(meta, "Endpoints", "docker", "Host")


def _document(path: Path) -> Json:
    """A file's JSON, None where it is missing, too long, no JSON or within reach of the app."""
    try:
        path = path.resolve()
        return parsed(read_named(path, _MOST)) if _is_out_of_reach(path) else None
    except (OSError, ValueError, RuntimeError):
        return None


def _is_out_of_reach(path: Path) -> bool:
    """Whether the app, whoever it runs as, can change neither the file nor what leads to it.

    On a file system that is read-only; else where everything is root's and we are not root:
    as root the app may be, too.
    """
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return True
    return os.geteuid() != 0 and all(_is_roots(each) for each in (path, *path.parents))


def _is_roots(path: Path) -> bool:
    """Whether root alone can replace it; in a sticky folder nobody renames what is root's."""
    status = path.stat()
    others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return status.st_uid == 0 and (not others or bool(status.st_mode & stat.S_ISVTX))
