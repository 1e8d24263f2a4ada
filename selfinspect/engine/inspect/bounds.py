"""How much of an inspect document is kept: what an agent can hold, whatever an engine says. Pure.

What is left out is counted by the member of our own document in which it is missing; of what has
no member there, by its place in the engine's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.model import Json

ENTRIES: Final = 4096
"""Entries of an array or an object that are kept."""

LONGEST_TEXT: Final = 131_072
"""Characters of a text that is kept: Linux hands a program none longer, MAX_ARG_STRLEN."""

_NODES = 131_072
_CHARACTERS = 4 * 2**20
"""Of arrays, objects and scalars, and of all texts, as many are kept of a whole document."""

_MEMBERS = {
    ("Config", "Env"): "env",
    ("Config", "Labels"): "labels",
    ("Config", "ExposedPorts"): "ports",
    ("NetworkSettings", "Ports"): "ports",
    ("NetworkSettings", "Networks"): "networks",
    ("HostConfig", "Tmpfs"): "mounts",
    ("State", "Health"): "health",
    ("Mounts",): "mounts",
    ("Args",): "command",
}


def bounded(document: Json) -> tuple[Json, Mapping[str, int]]:
    """As much of a document as is kept, and how many entries and texts are not, by member."""
    keeping = _Keeping()
    kept = keeping.kept(document, ())
    return kept, keeping.truncated()


class _Keeping:
    """What there is room for still."""

    def __init__(self) -> None:
        self._nodes, self._characters = _NODES, _CHARACTERS
        self._left_out: dict[tuple[str, ...], int] = {}

    def kept(self, node: Json, place: tuple[str, ...]) -> Json:
        self._nodes -= 1
        if isinstance(node, str):
            return self._text(node, place)
        if isinstance(node, list):
            entries: list[Json] = []
            for entry in node[:ENTRIES]:
                if self._is_full():
                    break
                entries.append(self.kept(entry, place))
            self._leave_out(place, len(node) - len(entries))
            return entries
        if isinstance(node, dict):
            members: dict[str, Json] = {}
            for name, member in node.items():
                if len(members) == ENTRIES or self._is_full():
                    break
                members[self._text(name, place)] = self.kept(member, (*place, name)[:2])
            self._leave_out(place, len(node) - len(members))
            return members
        return node

    def truncated(self) -> Mapping[str, int]:
        """How many are left out; the same port may be missing in two places."""
        counts: dict[str, int] = {}
        for place, count in self._left_out.items():
            member = _MEMBERS.get(place) or _MEMBERS.get(place[:1]) or ".".join(place)
            together = max if member == "ports" else int.__add__
            counts[member] = together(counts.get(member, 0), count)
        return counts

    def _is_full(self) -> bool:
        return self._nodes <= 0 or self._characters <= 0

    def _text(self, text: str, place: tuple[str, ...]) -> str:
        if len(text) > min(LONGEST_TEXT, self._characters):
            self._leave_out(place, 1)
            return f"[cut: {len(text)} characters]"
        self._characters -= len(text)
        return text

    def _leave_out(self, place: tuple[str, ...], count: int) -> None:
        if count:
            self._left_out[place] = self._left_out.get(place, 0) + count
