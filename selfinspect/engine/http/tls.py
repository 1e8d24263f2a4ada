"""Certificates for an engine that listens with TLS: which there are, and why one was refused.

`ssl` is loaded where it is used: where an engine has a socket, nothing needs its 2 MiB.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, NamedTuple

from selfinspect.endpoint import TLS_PORT, is_address
from selfinspect.files import InMemory, read_named
from selfinspect.frozen import dataclass

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Mapping

    from selfinspect.endpoint import Endpoint
    from selfinspect.errors import Outcome

_DER = b"\x30"
"""The first byte of every certificate and key in DER: an ASN.1 sequence."""

_PATIENCE = 3.0
_SHOWN = 4

_EXPIRED = frozenset({9, 10})
_WRONG_NAME = frozenset({62, 64})
"""X509_V_ERR_CERT_NOT_YET_VALID, _HAS_EXPIRED; _HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH."""

_CLIENT_REFUSED = (
    "CERTIFICATE_REQUIRED",
    "ALERT_BAD_CERTIFICATE",
    "ALERT_UNKNOWN_CA",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_UNSUPPORTED_CERTIFICATE",
    "ALERT_HANDSHAKE_FAILURE",
    "ALERT_DECRYPT_ERROR",
)


@dataclass(frozen=True, slots=True)
class Tls:
    """What TLS with an engine takes.

    Attributes:
        folder: has `ca.pem`, the authority to trust, and our own `cert.pem` with `key.pem`.
        server_name: the name in the engine's certificate, None for its address.
        named: whether the folder was named, and is not the usual one.
        switch: the value of `DOCKER_TLS_VERIFY`, None where it is not set.
    """

    folder: Path
    server_name: str | None = None
    named: bool = False
    switch: str | None = None

    @property
    def at_hand(self) -> bool:
        """Whether there is an authority to trust; where we may not look, if it was named."""
        try:
            return (self.folder / "ca.pem").is_file()
        except OSError:  # no permission to look: HOME may still be root's
            return self.named

    def context(self) -> ssl.SSLContext:
        """A context that trusts the folder's authority alone.

        Raises:
            OSError: a file is missing, may not be read or is not a certificate.
        """
        import ssl  # noqa: PLC0415

        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.set_alpn_protocols(["http/1.1"])
        with InMemory(read_named(self.folder / "ca.pem")) as authorities:
            made.load_verify_locations(authorities)
        if (self.folder / "cert.pem").exists():
            cert, key = (read_named(self.folder / name) for name in ("cert.pem", "key.pem"))
            with InMemory(cert) as cert_file, InMemory(key) as key_file:
                # An empty passphrase: OpenSSL would ask the terminal for one.
                made.load_cert_chain(cert_file, key_file, password="")
        return made


class Why(NamedTuple):
    """Why an endpoint cannot be used: in a word or two, in a sentence, and what mends it."""

    outcome: Outcome
    detail: str
    hint: str


def certificates(environ: Mapping[str, str], server_name: str | None = None) -> Tls:
    """The folder that Docker's own client takes: `DOCKER_CERT_PATH`, else `~/.docker`."""
    folder, switch = environ.get("DOCKER_CERT_PATH"), environ.get("DOCKER_TLS_VERIFY") or None
    if folder:
        return Tls(Path(folder), server_name, named=True, switch=switch)
    return Tls(Path(environ.get("HOME", "/")) / ".docker", server_name, switch=switch)


def explain(causes: Iterable[BaseException], endpoint: Endpoint, tls: Tls) -> Why | None:
    """What a failed handshake means; None where none is among the causes."""
    import ssl  # noqa: PLC0415

    error = next((one for one in causes if isinstance(one, ssl.SSLError)), None)
    if error is None:
        return None
    if isinstance(error, ssl.SSLCertVerificationError):
        return _not_trusted(error, endpoint, tls)
    reason = error.reason or str(error)
    hung_up = isinstance(error, ssl.SSLEOFError) and not (tls.folder / "cert.pem").exists()
    if hung_up or any(alert in reason for alert in _CLIENT_REFUSED):
        return client_refused(tls, reason)
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"):
        return Why(
            "no TLS",
            "what listens there does not speak TLS",
            f"start the engine with --tlsverify, {_or_off(tls)}",
        )
    return Why("TLS failed", f"TLS failed: {reason}", "see the log of the engine")


def _or_off(tls: Tls) -> str:
    """How TLS is switched off, which a `0` in its variable does not."""
    if tls.switch in ("0", "false", "no", "off"):
        return f"or unset DOCKER_TLS_VERIFY: anything in it, {tls.switch} too, switches TLS on"
    return "or unset DOCKER_TLS_VERIFY"


def unusable(error: OSError, tls: Tls) -> Why:
    """Which of the folder's files cannot be used, why, and the command that mends it."""
    folder = tls.folder
    for name in ("ca.pem", "cert.pem", "key.pem"):
        path = folder / name
        try:
            content = read_named(path)
        except FileNotFoundError:
            if name == "cert.pem":
                break  # an engine may ask for none
            quoted = quote(str(folder))
            mount = f"mount ca.pem, cert.pem and key.pem: docker run -v DIR/client:{quoted}:ro"
            off = f"; {_or_off(tls)}" if tls.switch else ""
            return _not_usable(f"{path} is missing", f"{mount} -e DOCKER_CERT_PATH={quoted} …{off}")
        except OSError as failed:
            hint = f"put a PEM file at {path}"
            if isinstance(failed, PermissionError):
                command = f"chmod a+r {quote(str(path))}"
                hint = f"let uid {os.geteuid()} read it, as DOCKER_CERT_PATH's: {command}"
            return _not_usable(f"{path}: {failed.strerror}", hint)
        if content.startswith(_DER):
            kind = "pkey" if name == "key.pem" else "x509"
            command = f"openssl {kind} -inform der -in {quote(str(path))} {_into(path)}"
            return _not_usable(f"{path} is DER, and PEM is required", command)
        if name == "key.pem" and b"ENCRYPTED" in content:
            detail = f"{path} has a passphrase, which cannot be entered here"
            return _not_usable(detail, f"openssl pkey -in {quote(str(path))} {_into(path)}")
    if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
        return _not_usable(
            f"{folder / 'key.pem'} is not the key of {folder / 'cert.pem'}",
            "put both of one pair there:"
            f" openssl x509 -in {quote(str(folder / 'cert.pem'))} -noout -pubkey"
            f" and openssl pkey -in {quote(str(folder / 'key.pem'))} -pubout print the same then",
        )
    return _not_usable(
        f"the certificates in {folder} cannot be used: {error}",
        "mount ca.pem, cert.pem and key.pem, readable by the agent, and name their folder with"
        " DOCKER_CERT_PATH",
    )


def _into(path: Path) -> str:
    """The rest of a command that puts a file in its own place: OpenSSL empties it beforehand."""
    new, old = quote(f"{path}.new"), quote(str(path))
    return f"-out {new} && mv {new} {old}"


def _not_usable(detail: str, hint: str) -> Why:
    return Why("no certificates", f"TLS cannot be used: {detail}", hint)


def client_refused(tls: Tls, reason: str = "") -> Why:
    """The engine requires a client certificate, and accepts none of ours.

    Args:
        tls: what was shown to it.
        reason: the alert that it sent, as OpenSSL names it.
    """
    ours = tls.folder / "cert.pem"
    if not ours.exists():
        return Why(
            "no client certificate",
            "the engine requires a client certificate, and there is none",
            f"put cert.pem and key.pem, signed by the engine's CA, into {tls.folder}",
        )
    if "CERTIFICATE_EXPIRED" in reason:
        return Why(
            "client certificate expired",
            f"the client certificate {ours} has expired",
            f"make a new one with the engine's CA, and replace {ours} and key.pem by it",
        )
    foreign = ", as it was signed by another CA" if "UNKNOWN_CA" in reason else ""
    return Why(
        "client certificate refused",
        f"the engine does not accept the client certificate {ours}{foreign}",
        f"replace {ours} and key.pem by ones that the CA of the engine's --tlscacert signed,"
        " for client authentication, and that have not expired:"
        f" openssl x509 -in {quote(str(ours))} -noout -issuer -enddate -purpose",
    )


def _names(endpoint: Endpoint, tls: Tls) -> tuple[str, ...]:
    """The names in the certificate of an engine that our authority vouches for; none if unseen."""
    try:
        context = tls.context()
        context.check_hostname = False
        address = (endpoint.host, endpoint.port or TLS_PORT)
        with (
            socket.create_connection(address, _PATIENCE) as plain,
            context.wrap_socket(plain) as shaken,
        ):
            bears = (shaken.getpeercert() or {}).get("subjectAltName", ())
    except OSError:
        return ()
    return tuple(str(each[1]) for each in bears if each[0] in ("DNS", "IP Address"))


def _not_trusted(error: ssl.SSLCertVerificationError, endpoint: Endpoint, tls: Tls) -> Why:
    if error.verify_code in _EXPIRED:
        when = "has expired" if error.verify_code != min(_EXPIRED) else "is not valid yet"
        return Why(
            "certificate expired",
            f"the engine's certificate {when}",
            "make the engine a new certificate, or set this machine's clock right",
        )
    if error.verify_code in _WRONG_NAME:
        name = tls.server_name or endpoint.host
        kind = "IP" if is_address(name) else "DNS"
        bears = _names(endpoint, tls)
        given = (
            f": --engine-server-name {quote(bears[0])}" if bears else " with --engine-server-name"
        )
        return Why(
            "wrong name",
            f"the engine's certificate is not for {name}"
            + (f", it is for {', '.join(bears[:_SHOWN])}" if bears else ""),
            f"make it a certificate with subjectAltName={kind}:{name},"
            f" or give the name that it has{given}",
        )
    return Why(
        "wrong CA",
        f"the engine's certificate is not signed by {tls.folder / 'ca.pem'}"
        f" ({error.verify_message})",
        f"mount the ca.pem of the engine's own CA as {tls.folder / 'ca.pem'}",
    )
