"""The command of a container's own health check."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.inspect.describe import command_line, health_check

if TYPE_CHECKING:
    from selfinspect.model import Json


@pytest.mark.parametrize(
    ("test", "shell", "command"),
    [
        (["CMD", "curl", "-f", "http://x/"], None, "curl -f http://x/"),
        (["CMD", "true"], None, "true"),
        (["CMD-SHELL", "test ! -e /tmp/sick"], None, "/bin/sh -c test ! -e /tmp/sick"),
        (["CMD-SHELL", "true "], ["/bin/bash", "-ec"], "/bin/bash -ec true"),
        (["NONE"], None, None),
        (["CMD"], None, None),
        ([], None, None),
        (None, None, None),
    ],
)
def test_the_command_is_as_its_execs_events_have_it(
    test: Json, shell: Json, command: str | None
) -> None:
    """Its words side by side; a shell's before a line of its own."""
    config: dict[str, Json] = {"Healthcheck": {"Test": test}, "Shell": shell}
    assert command_line({"Config": config}) == command
    assert command_line(health_check({"Config": {**config, "Env": ["A=b"]}})) == command


@pytest.mark.parametrize("inspect", [None, {}, {"Config": None}, {"Config": {"Healthcheck": None}}])
def test_without_a_check_there_is_none(inspect: Json) -> None:
    """Nor where inspect says nothing."""
    assert command_line(inspect) is None
