"""Certificates for an engine that listens with TLS: which there are, and why one was refused."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from selfinspect.engine.names import is_address
from selfinspect.files import InMemory, read_named

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        folder: holds `ca.pem`, whom to trust, and `cert.pem` with `key.pem`, who we are.
        server_name: the name the engine's certificate bears, None for its address.
        named: whether the folder is one that somebody named, not the usual one.
    """

    folder: Path
    server_name: str | None = None
    named: bool = False

    @property
    def at_hand(self) -> bool:
        """Whether there is anybody to trust; where that can't be seen, if somebody says so."""
        try:
            return (self.folder / "ca.pem").is_file()
        except OSError:  # a folder of somebody else's: HOME may still be root's
            return self.named

    def context(self) -> ssl.SSLContext:
        """Trusts the folder's authority and nobody else.

        Raises:
            OSError: a file is missing, may not be read or is no certificate.
        """
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with InMemory(read_named(self.folder / "ca.pem")) as authorities:
            made.load_verify_locations(authorities)
        if (self.folder / "cert.pem").exists():
            cert, key = (read_named(self.folder / name) for name in ("cert.pem", "key.pem"))
            with InMemory(cert) as cert_file, InMemory(key) as key_file:
                # An empty passphrase: OpenSSL would ask the terminal for one.
                made.load_cert_chain(cert_file, key_file, password="")
        return made


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why TLS did not come about: in two words, in a sentence, and what mends it."""

    outcome: str
    detail: str
    hint: str


def certificates(environ: Mapping[str, str], server_name: str | None = None) -> Tls:
    """The folder that Docker's own client takes: `DOCKER_CERT_PATH`, else `~/.docker`."""
    folder = environ.get("DOCKER_CERT_PATH")
    if folder:
        return Tls(Path(folder), server_name, named=True)
    return Tls(Path(environ.get("HOME", "/")) / ".docker", server_name)


def explain(error: ssl.SSLError, host: str, tls: Tls) -> Refusal:
    """What a failed handshake means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _not_trusted(error, host, tls)
    reason = error.reason or str(error)
    hung_up = isinstance(error, ssl.SSLEOFError) and not (tls.folder / "cert.pem").exists()
    if hung_up or any(alert in reason for alert in _CLIENT_REFUSED):
        return client_refused(tls)
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"):
        return Refusal(
            "no TLS",
            "who listens there speaks no TLS",
            "start the engine with --tlsverify, or unset DOCKER_TLS_VERIFY",
        )
    return Refusal("TLS failed", f"TLS failed: {reason}", "see the engine's own log")


def client_refused(tls: Tls) -> Refusal:
    """The engine wants a client certificate and takes none of ours."""
    ours = tls.folder / "cert.pem"
    if not ours.exists():
        return Refusal(
            "no client certificate",
            "the engine asks for a client certificate, and there is none",
            f"put cert.pem and key.pem, signed by the engine's CA, into {tls.folder}",
        )
    return Refusal(
        "client certificate refused",
        f"the engine does not accept the client certificate {ours}",
        f"replace {ours} and key.pem by ones that the CA of the engine's --tlscacert signed,"
        " for client authentication, and that have not expired",
    )


def _not_trusted(error: ssl.SSLCertVerificationError, host: str, tls: Tls) -> Refusal:
    if error.verify_code in _EXPIRED:
        when = "has expired" if error.verify_code != min(_EXPIRED) else "is not valid yet"
        return Refusal(
            "certificate expired",
            f"the engine's certificate {when}",
            "make the engine a new certificate, or set this machine's clock right",
        )
    if error.verify_code in _WRONG_NAME:
        name = tls.server_name or host
        kind = "IP" if is_address(name) else "DNS"
        return Refusal(
            "wrong name",
            f"the engine's certificate is not for {name}",
            f"make it a certificate with subjectAltName={kind}:{name},"
            " or give the name that it bears with --engine-server-name",
        )
    return Refusal(
        "wrong CA",
        f"the engine's certificate is not signed by {tls.folder / 'ca.pem'}"
        f" ({error.verify_message})",
        f"mount the ca.pem of the engine's own CA as {tls.folder / 'ca.pem'}",
    )
