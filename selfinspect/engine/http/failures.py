"""Why a request got no whole answer, and what mends it: the one place where errors become ours.

Hints are commands for the engine's host, with the path, the group or the label that was seen.
"""

from __future__ import annotations

import os
import re
import socket
from http.client import BadStatusLine, UnknownProtocol
from shlex import quote
from typing import TYPE_CHECKING

from selfinspect.endpoint import is_address
from selfinspect.engine.http import tls
from selfinspect.engine.http.socket_file import File, Us, denied, refused
from selfinspect.errors import EngineUnreachableError
from selfinspect.kernel.files import text as kernel_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selfinspect.endpoint import Endpoint
    from selfinspect.engine.http.tls import Tls, Why
    from selfinspect.errors import Outcome

MAX_SOCKET_PATH = 107
_DAC_OVERRIDE = 1 << 1
"""CAP_DAC_OVERRIDE of linux/capability.h: file modes do not apply to us."""


def unreachable(
    error: BaseException, endpoint: Endpoint, certificates: Tls | None, timeout: float
) -> EngineUnreachableError:
    """Our error for one of the libraries', raised before the headers of an answer came."""
    causes = tuple(_causes(error))
    if certificates is not None and (why := tls.explain(causes, endpoint, certificates)):
        return because(endpoint, why)
    if any(isinstance(one, TimeoutError) for one in causes):
        return unanswered(endpoint, timeout)
    cause = next((one for one in causes if isinstance(one, OSError) and one.errno), None)
    if len(os.fsencode(endpoint.path)) > MAX_SOCKET_PATH:
        return failed(endpoint, f"a socket's path has at most {MAX_SOCKET_PATH} bytes")
    if cause is None:
        return _unspoken(causes, endpoint)
    return _of_tcp(cause, endpoint, certificates) if endpoint.host else _of_unix(cause, endpoint)


def failed(
    endpoint: Endpoint,
    what: str,
    *,
    outcome: Outcome = "no engine",
    hint: str | None = None,
    quotes: bool = False,
) -> EngineUnreachableError:
    """The error of an endpoint that does not answer as an engine does.

    Args:
        endpoint: the endpoint.
        what: what it did.
        outcome: the same in a word or two.
        hint: what a person can do about it.
        quotes: whether `what` has words of whoever answered.
    """
    return EngineUnreachableError(
        f"{endpoint}: {what}", endpoint=str(endpoint), outcome=outcome, hint=hint, quotes=quotes
    )


def because(endpoint: Endpoint, why: Why) -> EngineUnreachableError:
    """The error of an endpoint that cannot be used for a reason that was found out."""
    return failed(endpoint, why.detail, outcome=why.outcome, hint=why.hint)


def unanswered(endpoint: Endpoint, seconds: float) -> EngineUnreachableError:
    """The error of an endpoint that did not answer in time; a firewall on its host may be why."""
    host, hint = endpoint.host, None
    if host:
        to = f"-d {host} " if is_address(host) else ""  # the host may have another name for itself
        hint = (
            f"a firewall may drop it; on the engine's host: ip{'6' if ':' in host else ''}tables"
            f" -I INPUT {to}-p tcp --dport {endpoint.port} -j ACCEPT"
        )
    return failed(endpoint, f"no answer within {seconds:g} s", outcome="timeout", hint=hint)


def timed_out(error: BaseException) -> bool:
    """Whether a deadline is what an error comes from."""
    return any(isinstance(one, TimeoutError) for one in _causes(error))


def said(error: BaseException) -> str:
    """An error's own words: urllib3 repeats what it wraps beside them."""
    return str(error.args[0] if error.args else error)


def _unspoken(causes: Sequence[BaseException], endpoint: Endpoint) -> EngineUnreachableError:
    """The error of an answer that was begun."""
    if any(isinstance(one, ConnectionError) for one in causes):
        return failed(endpoint, "it closed the connection without an answer")
    if any(isinstance(one, BadStatusLine | UnknownProtocol) for one in causes):
        return failed(endpoint, "what answers there does not speak HTTP")
    return failed(endpoint, said(causes[-1]), quotes=True)


def _of_tcp(cause: OSError, endpoint: Endpoint, certificates: Tls | None) -> EngineUnreachableError:
    if isinstance(cause, socket.gaierror):
        return failed(
            endpoint,
            f"the name {endpoint.host} does not resolve",
            outcome="unknown name",
            hint="give the address, or add the name to the container:"
            f" --add-host {endpoint.host}:host-gateway",
        )
    if isinstance(cause, ConnectionRefusedError):
        return failed(
            endpoint,
            "the connection was refused",
            outcome="refused",
            hint="let the engine listen there with TLS (see deploy/tls):"
            f" dockerd -H {quote(str(endpoint))} --tlsverify …",
        )
    if isinstance(cause, ConnectionResetError | BrokenPipeError) and certificates is not None:
        return because(endpoint, tls.client_refused(certificates))
    return failed(endpoint, cause.strerror or str(cause))


def _of_unix(cause: OSError, endpoint: Endpoint) -> EngineUnreachableError:
    path = endpoint.path
    if isinstance(cause, FileNotFoundError):
        return failed(
            endpoint,
            "the socket does not exist",
            outcome="missing",
            hint=f"mount the engine's socket: -v {quote(f'{path}:{path}')}",
        )
    if isinstance(cause, PermissionError):
        return because(endpoint, denied(file_at(path), us()))
    if isinstance(cause, ConnectionRefusedError):
        return because(endpoint, refused(file_at(path)))
    return failed(endpoint, cause.strerror or str(cause))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """What requests and urllib3 wrapped, from the outside in: in causes, reasons and arguments."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, getattr(one, "reason", None), *one.args, one.__context__]


def file_at(path: str) -> File:
    """The file, its status None where we may not look."""
    try:
        return File(path, os.stat(path))  # noqa: PTH116 - a path may hold bytes that are no text
    except (OSError, ValueError):
        return File(path, None)


def us() -> Us:
    """This process, as the kernel reports it."""
    capabilities = re.search(
        r"^CapEff:\s*([0-9a-f]+)", kernel_text("/proc/self/status"), re.MULTILINE
    )
    whole = kernel_text("/proc/self/gid_map").split() == ["0", "0", "4294967295"]
    overflow = kernel_text("/proc/sys/kernel/overflowgid").strip()
    return Us(
        uid=os.geteuid(),
        groups=frozenset((os.getegid(), *os.getgroups())),
        overrides=bool(capabilities and int(capabilities[1], 16) & _DAC_OVERRIDE),
        unmapped=int(overflow) if overflow.isdecimal() and not whole else None,
        label=kernel_text("/proc/self/attr/current").strip("\0\n "),
        kernel=os.uname().release,
    )
