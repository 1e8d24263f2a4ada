"""What completes a path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.cli.show import paths
from selfinspect.documents import drill, segments

if TYPE_CHECKING:
    from selfinspect.model import Json

DOCUMENT: Json = {
    "name": "web",
    "ports": {"8080": {"tcp": 49153}, "53": {"udp": None}},
    "port_bindings": {"8080/tcp": []},
    "mounts": [{"type": "bind"}, {"type": "tmpfs"}],
    "labels": {"a b": "1", "grün": "2", "100%": "3"},
}


@pytest.mark.parametrize(
    ("incomplete", "completed"),
    [
        ("", ["name", "ports", "port_bindings", "mounts", "labels"]),
        ("po", ["ports", "port_bindings"]),
        ("na", ["name"]),
        ("ports", ["ports", "ports/8080", "ports/53"]),
        ("ports/", ["ports/8080", "ports/53"]),
        ("ports/8", ["ports/8080", "ports/8080/tcp"]),
        ("ports/8080/t", ["ports/8080/tcp"]),
        ("port_", ["port_bindings", "port_bindings/8080%2Ftcp"]),
        ("mounts/", ["mounts/0", "mounts/1"]),
        ("nope", []),
        ("nope/", []),
        ("name/", []),
        ("/na", ["/name"]),
    ],
)
def test_members_complete_a_path(incomplete: str, completed: list[str]) -> None:
    """Those that begin so; of one that alone is left, its own as well."""
    assert paths(DOCUMENT, incomplete) == completed


def test_what_completes_leads_there() -> None:
    """A name is written as a path takes it, whatever stands in it."""
    found = [drill(DOCUMENT, segments(f"/{path}".encode(), "")) for path in paths(DOCUMENT, "lab")]
    assert found[1:] == ["1", "2", "3"]
