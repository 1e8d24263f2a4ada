"""Addresses of a host's name, found within a bound: the system's resolver has none of its own."""

from __future__ import annotations

import ipaddress
import socket
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime


def is_address(host: str) -> bool:
    """Whether it is a literal IP address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def addresses(host: str, seconds: float) -> tuple[str, ...]:
    """The IP addresses of a host, each once; a literal address is its own.

    Raises:
        OSError: the name is not known, or not in time (TimeoutError).
    """
    if is_address(host):
        return (str(ipaddress.ip_address(host)),)
    found: Future[tuple[str, ...]] = Future()
    threading.Thread(target=_resolve, args=(host, found), name="resolver", daemon=True).start()
    try:
        return found.result(seconds)
    except NotInTime as error:
        raise TimeoutError(f"no address of {host} within {seconds:.1f} s") from error


def is_public(host: str, seconds: float) -> bool:
    """Whether a name leads out of private networks, as resolvers let any name do that want to.

    False for a literal address, and for a name without an address.
    """
    try:
        found = addresses(host, seconds)
    except OSError:
        return False
    return host not in found and any(not ipaddress.ip_address(one).is_private for one in found)


def _resolve(host: str, found: Future[tuple[str, ...]]) -> None:
    try:
        rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        found.set_exception(error if isinstance(error, OSError) else OSError(str(error)))
    else:
        found.set_result(tuple(dict.fromkeys(str(row[4][0]) for row in rows)))
