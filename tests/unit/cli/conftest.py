"""The command line in process, with streams of its own."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest

from selfinspect.cli import main
from selfinspect.cli.streams import Streams
from tests.support.container_root import container_root

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ID = "a1b2c3d4" * 8


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


class Call(Protocol):
    """Runs a command line."""

    def __call__(self, *words: str, environ: Mapping[str, str] = ...) -> Outcome:
        """The outcome of `selfinspect` followed by these words."""
        ...


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """The command line where no agent runs, with no environment but the one a test gives it."""

    def run(*words: str, environ: Mapping[str, str] | None = None) -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        code = main(words, Streams(out, err, environ or {}, f"{tmp_path}/run/uri"))
        return Outcome(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def here(tmp_path: Path) -> tuple[str, ...]:
    """Options for a container that its cgroup names, and no engine."""
    root = container_root(tmp_path / "here", container=ID, hostname="box")
    return ("--engine", "off", "--root", str(root))


@pytest.fixture
def assumed(tmp_path: Path) -> tuple[str, ...]:
    """Options for a container that only files name which containers can share, and no engine."""
    root = container_root(tmp_path / "assumed", hostname=ID[:12])
    hosts = f"/var/lib/docker/containers/{ID}/hosts /etc/hosts"
    (root / "proc/self/mountinfo").write_text(f"715 705 8:3 {hosts} rw - ext4 /dev/sda3 rw\n")
    return ("--engine", "off", "--root", str(root))


@pytest.fixture
def nowhere(tmp_path: Path) -> tuple[str, ...]:
    """Options for a place where nothing names a container, and no engine."""
    return ("--engine", "off", "--root", str(container_root(tmp_path / "nowhere")))
