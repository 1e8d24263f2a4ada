"""How much of an inspect document is kept, and what is said of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.inspect.bounds import ENTRIES, LONGEST_TEXT, bounded
from selfinspect.jsonread import mapping, sequence
from tests.support.canned_engine import recorded

if TYPE_CHECKING:
    from selfinspect.model import Json

MANY = ENTRIES + 904
NAMES = [f"n{number}" for number in range(MANY)]


def test_what_containers_have_is_kept_whole() -> None:
    """Nothing is counted."""
    document = recorded("inspect")
    assert bounded(document) == (document, {})


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ({"Config": {"Env": NAMES}}, "env"),
        ({"Config": {"Labels": dict.fromkeys(NAMES, "x")}}, "labels"),
        ({"Mounts": [{"Source": name} for name in NAMES]}, "mounts"),
        (
            {"NetworkSettings": {"Networks": {name: {"IPAddress": name} for name in NAMES}}},
            "networks",
        ),
        (
            {
                "NetworkSettings": {"Ports": dict.fromkeys(NAMES)},
                "Config": {"ExposedPorts": dict.fromkeys(NAMES)},
            },
            "ports",
        ),
        ({"Args": NAMES}, "command"),
        ({"HostConfig": {"Binds": NAMES}}, "HostConfig.Binds"),
        ({"Odd": {"deep": {"down": NAMES}}}, "Odd.deep"),
    ],
)
def test_the_first_entries_are_kept_and_the_rest_counted(document: Json, name: str) -> None:
    """As many of each as any container has, by the member of our own document."""
    kept, truncated = bounded(document)
    assert truncated == {name: 904}
    assert _entries(kept) == ENTRIES * (2 if name == "ports" else 1)


def test_too_long_a_text_is_left_out() -> None:
    """A mark stands in its place: half of it might be half of a secret."""
    kept, truncated = bounded({"Config": {"Labels": {"a": "x" * (LONGEST_TEXT + 1), "b": "y"}}})
    assert kept == {"Config": {"Labels": {"a": f"[cut: {LONGEST_TEXT + 1} characters]", "b": "y"}}}
    assert truncated == {"labels": 1}


def test_all_of_it_together_is_bounded() -> None:
    """However it is nested, and however long its texts are."""
    wide: Json = {name: [{} for _ in range(1000)] for name in NAMES[:1000]}
    kept, truncated = bounded({"Odd": wide})
    assert _nodes(kept) <= 131_073
    assert truncated
    kept, truncated = bounded({"Config": {"Env": ["x" * 100_000 for _ in range(100)]}})
    assert sum(map(len, map(str, sequence(kept, "Config", "Env")))) <= 4 * 2**20 + 100 * 40
    assert truncated["env"] >= 50


def _entries(document: Json) -> int:
    found = [
        *sequence(document, "Config", "Env"),
        *sequence(document, "Mounts"),
        *sequence(document, "Args"),
        *sequence(document, "HostConfig", "Binds"),
        *sequence(document, "Odd", "deep", "down"),
        *mapping(document, "Config", "Labels"),
        *mapping(document, "Config", "ExposedPorts"),
        *mapping(document, "NetworkSettings", "Ports"),
        *mapping(document, "NetworkSettings", "Networks"),
    ]
    return len(found)


def _nodes(document: Json) -> int:
    if isinstance(document, dict):
        return 1 + sum(map(_nodes, document.values()))
    return 1 + sum(map(_nodes, document)) if isinstance(document, list) else 1
