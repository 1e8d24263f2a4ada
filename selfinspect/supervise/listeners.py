"""Listening sockets: PID 1 makes them before anyone else can take their ports."""

from __future__ import annotations

import _socket
import errno
import os
import stat

from selfinspect.files import Descriptor
from selfinspect.listen import DEFAULT_METRICS, ListenAddress
from selfinspect.supervise.messages import say, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_BACKLOG = 512


def bind(address: ListenAddress) -> _socket.socket:
    """A socket that listens there; `[::]` takes IPv4 too, and is `0.0.0.0` where IPv6 is not.

    Raises:
        OSError: the address is taken, not ours, or not allowed.
    """
    if address.path:
        return _bind_unix(address.path)
    try:
        return _bind_tcp(address.host, address.port)
    except OSError as error:
        if address.host == "::" and error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            return _bind_tcp("0.0.0.0", address.port)  # noqa: S104 - asked for
        raise


def bound(listener: _socket.socket) -> ListenAddress:
    """Where a socket listens, with the port it was given."""
    name = listener.getsockname()
    return ListenAddress(path=name) if isinstance(name, str) else ListenAddress(*name[:2])


def claim(asked: Sequence[ListenAddress] | None, default: ListenAddress) -> list[_socket.socket]:
    """Listeners on the addresses asked for, or on the default one where none was.

    A taken default becomes a free port on the same address: another agent may share this
    network namespace. What was asked for and cannot be had is logged and left out.

    Args:
        asked: the addresses asked for, an empty list for no listener; None for the default.
        default: where to listen then.
    """
    if asked is None:
        listeners = [_bind_or_say(default, instead=ListenAddress(default.host, 0))]
    else:
        listeners = [_bind_or_say(address) for address in asked]
    return [listener for listener in listeners if listener is not None]


def usual_metrics(interfaces: str = "/sys/class/net") -> ListenAddress:
    """Where the metrics are served by default: under host networking on the loopback alone.

    A network namespace with a bridge or hardware in it is a host's.

    Args:
        interfaces: the folder in which the kernel shows each interface.
    """
    ours = [f"{interfaces}/{name}" for _, name in _socket.if_nameindex()]
    marks = [f"{each}/{mark}" for each in ours for mark in ("device", "bridge")]
    in_hosts_network = any(map(os.path.exists, marks))
    return ListenAddress("127.0.0.1", DEFAULT_METRICS.port) if in_hosts_network else DEFAULT_METRICS


def share(listeners: Sequence[_socket.socket], group: int) -> None:
    """Let a group, the command's, connect to those listeners that are files."""
    for listener in listeners:
        path = bound(listener).path
        if path:
            with suppress(OSError):
                _give(path, group)


def silence(listener: _socket.socket) -> None:
    """Refuse callers at once but keep the port, so that no other agent answers in our place."""
    with suppress(OSError):
        listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 0)
        listener.shutdown(_socket.SHUT_RDWR)


def _bind_or_say(
    address: ListenAddress, *, instead: ListenAddress | None = None
) -> _socket.socket | None:
    try:
        return bind(address)
    except OSError as error:
        if instead is None or error.errno != errno.EADDRINUSE:
            say("listen.failed", address=address, error=error.strerror or error)
            return None
    listener = _bind_or_say(instead)
    if listener is not None:
        say("listen.moved", address=address, to=bound(listener))
    return listener


def _bind_tcp(host: str, port: int) -> _socket.socket:
    family = _socket.AF_INET6 if ":" in host else _socket.AF_INET
    # With protocol 0 asyncio does not see TCP here and leaves TCP_NODELAY off.
    listener = _socket.socket(family, _socket.SOCK_STREAM, _socket.IPPROTO_TCP)
    listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    if family == _socket.AF_INET6:
        listener.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 0)
    return _listening(listener, (host, port))


def _give(path: str, group: int) -> None:
    """Make a socket a group's: the one we made, not one that has replaced it."""
    with Descriptor(os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)) as file:
        status = os.fstat(file)
        if stat.S_ISSOCK(status.st_mode) and status.st_nlink == 1:
            os.chown(f"/proc/self/fd/{file}", -1, group)


def _bind_unix(path: str) -> _socket.socket:
    if _is_stale(path):
        os.unlink(path)  # noqa: PTH108 - pathlib would cost PID 1 half a megabyte
    umask = os.umask(0o117)
    try:
        return _listening(_socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM), path)
    finally:
        os.umask(umask)


def _listening(listener: _socket.socket, where: str | tuple[str, int]) -> _socket.socket:
    try:
        listener.bind(where)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _is_stale(path: str) -> bool:
    """Whether the socket file there belongs to nobody who still listens."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return False
    except FileNotFoundError:
        return False
    probe = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        # A listener whose backlog is full would hold a blocking connect up.
        probe.setblocking(False)  # noqa: FBT003
        return probe.connect_ex(path) == errno.ECONNREFUSED
    finally:
        probe.close()
