"""The outside of a command line, handed in so that a test can hand in its own."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

import click

from selfinspect.terminal import guarded, print_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from selfinspect.errors import SelfinspectError


@dataclass(frozen=True, slots=True)
class Streams:
    """Where answers and messages go, and the environment that is read."""

    out: TextIO
    err: TextIO
    environ: Mapping[str, str]

    def say(self, error: SelfinspectError) -> None:
        """One line on what went wrong, one on what to do about it."""
        self.complain(error.detail)
        if error.hint:
            print_line(self.err, f"selfinspect: hint: {error.hint}")

    def complain(self, text: str) -> None:
        """One line on what went wrong."""
        print_line(self.err, f"selfinspect: error: {text}")


streams_of = click.make_pass_decorator(Streams)


def of_this_process() -> Streams:
    """This process's own: one that was closed leads nowhere, what it cannot encode is escaped.

    One that leads to a terminal takes text alone.
    """
    for name in ("stdout", "stderr"):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:
            stream = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it stays
            setattr(sys, name, stream)
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    return Streams(guarded(sys.stdout), guarded(sys.stderr), os.environ)
