"""Which of the events held a reader asks for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from selfinspect import times

if TYPE_CHECKING:
    from selfinspect.events.journal import Page
    from selfinspect.model import Event


@dataclass(frozen=True, slots=True)
class Query:
    """What an event has to match; None matches every one.

    Attributes:
        since: the earliest time, nanoseconds since the Unix epoch.
        until: the latest.
        type: what the event is about, `container` for one.
        action: what happened.
    """

    since: int | None = None
    until: int | None = None
    type: str | None = None
    action: str | None = None

    def admits(self, event: Event) -> bool:
        """Whether an event matches."""
        if self.type not in (None, event.type) or self.action not in (None, event.action):
            return False
        if self.since is None and self.until is None:
            return True
        time = times.nanoseconds(event.time)
        return (self.since is None or self.since <= time) and (
            self.until is None or time <= self.until
        )


def select(page: Page, query: Query, limit: int) -> Page:
    """The first events of a page that match, and the cursor to look for more from.

    That is the last one's where there are as many as the limit; else there is no more on this
    page, and whoever goes on need not look at it again.
    """
    events = tuple(islice(filter(query.admits, page.events), limit))
    return page._replace(
        events=events, next=events[-1].cursor if len(events) == limit else page.next
    )
