"""Calls that may wait for the engine, beside the event loop."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_Result = TypeVar("_Result")


async def in_thread(call: Callable[[], _Result], *, or_here: bool = False) -> _Result:
    """The result of a call, made in a thread of its own.

    A daemon thread, unlike those of `asyncio.to_thread`: an engine that takes its time does
    not hold up the agent's stop.

    Args:
        call: what may wait.
        or_here: make the call all the same, and let the event loop wait for it, where there can
            be no thread: the container has as many tasks as it may have.

    Raises:
        RuntimeError: there can be no thread.
    """
    future: Future[_Result] = Future()

    def work() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - raised again where it is awaited
            future.set_exception(error)
        else:
            future.set_result(result)

    try:
        beside(work)
    except RuntimeError:
        if not or_here:
            raise
        work()
    return await asyncio.wrap_future(future)


def beside(call: Callable[[], None]) -> None:
    """Make a call in a daemon thread of its own, and do not wait for it."""
    threading.Thread(target=call, name="request", daemon=True).start()
