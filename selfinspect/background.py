"""Calls in threads of their own, which end with the process, whatever they wait for."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


def in_background(name: str, call: Callable[..., object], *arguments: object) -> threading.Thread:
    """Make a call in a daemon thread: a slow engine or disk does not hold up the process's end.

    Raises:
        RuntimeError: no thread can be started: the container has as many tasks as it may have.
    """
    thread = threading.Thread(target=call, args=arguments, name=name, daemon=True)
    thread.start()
    return thread


def future_of(name: str, call: Callable[[], Result]) -> Future[Result]:
    """The result of such a call, or its error; a call that is cancelled in time is not made.

    Raises:
        RuntimeError: no thread can be started.
    """
    future: Future[Result] = Future()

    def work() -> None:
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                future.set_exception(error)

    in_background(name, work)
    return future


async def in_thread(call: Callable[[], Result], *, or_here: bool = False) -> Result:
    """The result of a blocking call, made in a thread of its own.

    Unlike one of `asyncio.to_thread` it ends with the agent.

    Args:
        call: may block.
        or_here: where no thread can be started, because the container has as many tasks as it may
            have, make the call anyway and block the event loop.

    Raises:
        RuntimeError: no thread can be started.
    """
    import asyncio  # noqa: PLC0415 - most programs that make such calls have no event loop

    try:
        future = future_of("request", call)
    except RuntimeError:
        if not or_here:
            raise
        return call()
    return await asyncio.wrap_future(future)
