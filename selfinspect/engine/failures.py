"""Why a request got no whole answer, and what mends it: the one place where errors become ours."""

from __future__ import annotations

import os
import socket
import ssl
from http.client import BadStatusLine, UnknownProtocol
from typing import TYPE_CHECKING

from selfinspect.engine import admission, tls
from selfinspect.engine.names import is_address
from selfinspect.errors import EngineUnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selfinspect.endpoint import Endpoint
    from selfinspect.engine.tls import Tls
    from selfinspect.errors import Outcome

MAX_SOCKET_PATH = 107


def unreachable(
    error: BaseException, endpoint: Endpoint, certificates: Tls | None, timeout: float
) -> EngineUnreachableError:
    """The error of ours for one of the libraries', of a request that has no headers yet."""
    causes = tuple(_causes(error))
    refused = next((one for one in causes if isinstance(one, ssl.SSLError)), None)
    if refused is not None and certificates is not None:
        why = tls.explain(refused, endpoint, certificates)
        return failed(endpoint, why.detail, outcome=why.outcome, hint=why.hint)
    if any(isinstance(one, TimeoutError) for one in causes):
        return unanswered(endpoint, timeout)
    cause = next((one for one in causes if isinstance(one, OSError) and one.errno), None)
    if len(os.fsencode(endpoint.path)) > MAX_SOCKET_PATH:
        return failed(endpoint, f"a socket's path has at most {MAX_SOCKET_PATH} bytes")
    if cause is None:
        return failed(endpoint, _unspoken(causes))
    return _of_tcp(cause, endpoint, certificates) if endpoint.host else _of_unix(cause, endpoint)


def failed(
    endpoint: Endpoint, what: str, *, outcome: Outcome = "no engine", hint: str | None = None
) -> EngineUnreachableError:
    """The error of an endpoint that does not do as engines do."""
    return EngineUnreachableError(
        f"{endpoint}: {what}", endpoint=str(endpoint), outcome=outcome, hint=hint
    )


def unanswered(endpoint: Endpoint, seconds: float) -> EngineUnreachableError:
    """The error of an endpoint that says nothing for so long; what drops it is on its host."""
    host, hint = endpoint.host, None
    if host:
        to = f"-d {host} " if is_address(host) else ""  # the host may know itself by another name
        hint = (
            f"a firewall may drop it; on the engine's host: ip{'6' if ':' in host else ''}tables"
            f" -I INPUT {to}-p tcp --dport {endpoint.port} -j ACCEPT"
        )
    return failed(endpoint, f"no answer within {seconds:g} s", outcome="timeout", hint=hint)


def timed_out(error: BaseException) -> bool:
    """Whether a deadline is what an error comes from."""
    return any(isinstance(one, TimeoutError) for one in _causes(error))


def said(error: BaseException) -> str:
    """What an error says, without what it wraps: urllib3 repeats that beside its own words."""
    return str(error.args[0] if error.args else error)


def _unspoken(causes: Sequence[BaseException]) -> str:
    """What went wrong with an answer that somebody began."""
    if any(isinstance(one, ConnectionError) for one in causes):
        return "it hung up without an answer"
    if any(isinstance(one, BadStatusLine | UnknownProtocol) for one in causes):
        return "what answers there speaks no HTTP"
    return said(causes[-1])


def _of_tcp(cause: OSError, endpoint: Endpoint, certificates: Tls | None) -> EngineUnreachableError:
    if isinstance(cause, socket.gaierror):
        return failed(
            endpoint,
            f"the name {endpoint.host} is not known",
            outcome="unknown name",
            hint="give the address, or let the container know the name:"
            f" --add-host {endpoint.host}:host-gateway",
        )
    if isinstance(cause, ConnectionRefusedError):
        return failed(
            endpoint,
            "the connection was refused",
            outcome="refused",
            hint=f"let the engine listen there: dockerd -H {endpoint} "
            + ("--tlsverify …" if certificates else "(best with TLS: see deploy/tls)"),
        )
    if isinstance(cause, ConnectionResetError | BrokenPipeError) and certificates is not None:
        why = tls.client_refused(certificates)
        return failed(endpoint, why.detail, outcome=why.outcome, hint=why.hint)
    return failed(endpoint, cause.strerror or str(cause))


def _of_unix(cause: OSError, endpoint: Endpoint) -> EngineUnreachableError:
    path = endpoint.path
    if isinstance(cause, FileNotFoundError):
        return failed(
            endpoint,
            "there is no such socket",
            outcome="missing",
            hint=f"mount the engine's socket: -v {path}:{path}",
        )
    if isinstance(cause, PermissionError):
        why = admission.denied(admission.file_at(path), admission.us())
    elif isinstance(cause, ConnectionRefusedError):
        why = admission.refused(admission.file_at(path))
    else:
        return failed(endpoint, cause.strerror or str(cause))
    return failed(endpoint, why.detail, outcome=why.outcome, hint=why.hint)


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
