"""The kernel's word that our network is another now: that its routes are not what they were."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

from selfinspect.engine.routes import ipv6_routes, routes

if TYPE_CHECKING:
    from collections.abc import Callable

_LINK, _IPV4_ADDRESS, _IPV4_ROUTE, _IPV6_ROUTE = 0x1, 0x10, 0x40, 0x400
"""RTMGRP_… of linux/rtnetlink.h: the groups whose messages are listened to."""

_MESSAGE = 65_536


class NetworkChanges:
    """Calls back once, at the first change, for as long as its context lasts.

    It waits in the kernel and costs nothing meanwhile. Where the kernel does not tell (a sandbox
    without netlink), it never calls.

    Args:
        on_change: called from a thread of its own.
        proc: the folder of our own network's tables.
    """

    def __init__(self, on_change: Callable[[], None], proc: Path = Path("/proc/net")) -> None:
        self._on_change = on_change
        self._proc = proc
        self._ended, self._ending = socket.socketpair()
        self._thread = threading.Thread(target=self._watch, name="network", daemon=True)

    def __enter__(self) -> Self:
        self._listening = _listening()
        self._first = self._table()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()
        self._thread.join()
        self._ended.close()
        if self._listening is not None:
            self._listening.close()

    def _watch(self) -> None:
        told = [self._listening] if self._listening is not None else []
        while self._ended not in (ready := select.select([self._ended, *told], [], [])[0]):
            with contextlib.suppress(OSError):  # more messages than the kernel keeps: some are lost
                ready[0].recv(_MESSAGE)
            if self._table() != self._first:
                self._on_change()
                return

    def _table(self) -> tuple[object, ...]:
        return (
            *routes(_text(self._proc / "route")),
            *ipv6_routes(_text(self._proc / "ipv6_route")),
        )


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _listening() -> socket.socket | None:
    with contextlib.suppress(OSError), contextlib.ExitStack() as unless_bound:
        made = unless_bound.enter_context(
            socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        )
        made.bind((0, _LINK | _IPV4_ADDRESS | _IPV4_ROUTE | _IPV6_ROUTE))
        unless_bound.pop_all()
        return made
    return None
