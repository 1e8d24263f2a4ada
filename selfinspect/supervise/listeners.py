"""Listening sockets, made before anyone else can take their ports.

What PID 1 hands each incarnation of the agent: listeners, and a line to each other.
"""

from __future__ import annotations

import _socket
import errno
import os
import stat

from selfinspect.listen import DEFAULT_METRICS, ListenAddress
from selfinspect.supervise.messages import say, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping, Sequence

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
    """Listeners on the addresses asked for, or on the default one where none were.

    A taken default becomes a free port on the same address: another agent may share this
    network namespace. What was asked for and cannot be had is logged and left out.

    Args:
        asked: the addresses asked for, none of them being nowhere; None where none were.
        default: where to listen then.
    """
    if asked is None:
        listeners = [_bind_or_say(default, instead=ListenAddress(default.host, 0))]
    else:
        listeners = [_bind_or_say(address) for address in asked]
    return [listener for listener in listeners if listener is not None]


def usual_metrics(interfaces: str = "/sys/class/net") -> ListenAddress:
    """Where the metrics are served unless somebody says where: not on a host's own addresses.

    A network namespace with a bridge or hardware in it is a host's.

    Args:
        interfaces: the folder in which the kernel tells of each interface.
    """
    ours = [f"{interfaces}/{name}" for _, name in _socket.if_nameindex()]
    marks = [f"{each}/{mark}" for each in ours for mark in ("device", "bridge")]
    in_hosts_network = any(map(os.path.exists, marks))
    return ListenAddress("127.0.0.1", DEFAULT_METRICS.port) if in_hosts_network else DEFAULT_METRICS


def share(listeners: Sequence[_socket.socket], group: int) -> None:
    """Let a group reach those listeners that are files: the command's, where it is not root."""
    for listener in listeners:
        path = bound(listener).path
        if path:
            with suppress(OSError):
                _give(path, group)


def silence(listener: _socket.socket) -> None:
    """Refuse callers at once, yet keep the port, lest another's agent answer in our place."""
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
    try:
        listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        if family == _socket.AF_INET6:
            listener.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 0)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _give(path: str, group: int) -> None:
    """Make a socket a group's: the one we made, not what somebody has put in its place."""
    file = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(file)
        if stat.S_ISSOCK(status.st_mode) and status.st_nlink == 1:
            os.chown(f"/proc/self/fd/{file}", -1, group)
    finally:
        os.close(file)


def _bind_unix(path: str) -> _socket.socket:
    if _is_stale(path):
        os.unlink(path)  # noqa: PTH108 - pathlib would cost PID 1 half a megabyte
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    umask = os.umask(0o117)
    try:
        listener.bind(path)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(umask)
    return listener


def _is_stale(path: str) -> bool:
    """Whether a socket file is left there by someone who listens no more."""
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


VARIABLE = "SELFINSPECT_HANDOVER"

_READY = b"ready"
_LONGEST_WORD = 128 * 1024
_LONGEST_TOKEN = 128


def control_pair() -> tuple[_socket.socket, _socket.socket]:
    """The two ends of the line between PID 1 and an agent; a word on it arrives whole."""
    return _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)


def told(control: _socket.socket) -> dict[str, str]:
    """The variables that a ready agent offers for the command; none where it ended instead.

    Raises:
        BlockingIOError: it has said nothing yet.
        OSError: the line is broken.
    """
    _, *entries = control.recv(_LONGEST_WORD, _socket.MSG_DONTWAIT).split(b"\0")
    pairs = (os.fsdecode(entry).partition("=") for entry in entries)
    return {name: value for name, _, value in pairs}


def named(
    api: Sequence[_socket.socket], metrics: Sequence[_socket.socket], control: _socket.socket
) -> str:
    """The variable's value: the number of each socket, and what it is for."""
    roles = [*(("api", each) for each in api), *(("metrics", each) for each in metrics)]
    return ",".join(f"{role}={each.fileno()}" for role, each in [*roles, ("control", control)])


class Handover:
    """The open sockets that `SELFINSPECT_HANDOVER` names, as the agent has them.

    Attributes:
        api: listeners for everything; the agent binds none of its own.
        metrics: listeners for the metrics alone.
        control: one end of a pair with PID 1, which sends no more: once it reads as ended,
            PID 1 is gone and the agent is to end too.
        token: what PID 1 sent on it first, the token of `--token-file auto`; None where it did not.
    """

    __slots__ = ("api", "control", "metrics", "token")

    def __init__(
        self,
        api: Sequence[socket.socket],
        metrics: Sequence[socket.socket],
        control: socket.socket,
        token: bytes | None = None,
    ) -> None:
        self.api = api
        self.metrics = metrics
        self.control = control
        self.token = token

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Handover | None:
        """What PID 1 handed over, None where the agent was started by itself.

        Raises:
            ValueError: the variable does not read `api=5,metrics=6,control=7`.
            OSError: a number in it is no open socket.
        """
        import socket  # noqa: PLC0415 - 8 ms, and nothing that PID 1 needs

        if VARIABLE not in environ:
            return None
        sockets: dict[str, list[socket.socket]] = {"api": [], "metrics": [], "control": []}
        for item in environ[VARIABLE].split(","):
            role, _, descriptor = item.partition("=")
            if role not in sockets:
                raise ValueError(f"{VARIABLE}: {item!r} is no socket")
            inherited = socket.socket(fileno=int(descriptor))
            inherited.set_inheritable(False)
            sockets[role].append(inherited)
        [control] = sockets["control"]
        token = None
        with suppress(BlockingIOError):
            token = control.recv(_LONGEST_TOKEN, socket.MSG_DONTWAIT) or None
        return cls(sockets["api"], sockets["metrics"], control, token)

    def ready(self, variables: Mapping[str, str]) -> None:
        """Tell PID 1 that the agent is ready, so that a command held back by `--wait` starts.

        Args:
            variables: what `--export-env` adds to the command's environment; left out where it
                is more than PID 1 takes. One that no environment can hold is left out alone.
        """
        entries = (
            os.fsencode(f"{name}={value}")
            for name, value in variables.items()
            if _can_be_said(value)
        )
        word = b"\0".join((_READY, *entries))
        with suppress(OSError):
            self.control.send(word if len(word) <= _LONGEST_WORD else _READY)


def _can_be_said(value: str) -> bool:
    """Whether an environment can hold it: neither NUL nor half a surrogate pair is in it."""
    try:
        return b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False
