"""What stands at each path of a document: its body, its media type and its ETag."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from selfinspect.web.drill import as_json, as_text, drill

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from selfinspect.model import Json

_DIGEST_BYTES = 16


class Representation(NamedTuple):
    """One form of a member; `etag` is quoted, and the same for the same body at any time."""

    body: bytes
    media_type: str
    etag: str


class Document:
    """One state of a document, and what was drilled out of it, each made once.

    Args:
        content: the whole.
        passing: members of the whole that say when it was read. Their change alone does not
            count as one of the whole; at their own paths it does.
    """

    def __init__(self, content: Json, passing: Collection[str] = ()) -> None:
        self._content = content
        self._passing = passing
        self._made: dict[tuple[tuple[str, ...], bool], Representation] = {}
        self._state: str | None = None

    def at(self, path: Sequence[str], *, json: bool) -> Representation:
        """The member at a path: an object or array as JSON, a scalar as text.

        Args:
            path: names and indices, from the top down.
            json: whether JSON is wanted for a scalar, too.

        Raises:
            NotFoundError: there is no such member; its detail lists those there.
        """
        key = (tuple(path), json)
        made = self._made.get(key)
        if made is None:
            member = drill(self._content, path)
            made = self._made[key] = _represent(member, json=json)
        return made

    def state(self, path: Sequence[str], *, json: bool) -> str:
        """What differs once the member at a path has changed.

        Raises:
            NotFoundError: there is no such member.
        """
        if path or not self._passing or not isinstance(self._content, dict):
            return self.at(path, json=json).etag
        if self._state is None:
            lasting = {
                name: member for name, member in self._content.items() if name not in self._passing
            }
            self._state = _etag(as_json(lasting))
        return self._state


def _represent(member: Json, *, json: bool) -> Representation:
    if json or isinstance(member, dict | list):
        body, media_type = as_json(member), "application/json"
    else:
        body, media_type = as_text(member), "text/plain"
    return Representation(body, media_type, _etag(body))


def _etag(body: bytes) -> str:
    """A strong entity tag, RFC 9110, section 8.8.3."""
    return f'"{hashlib.blake2b(body, digest_size=_DIGEST_BYTES).hexdigest()}"'
