"""The certificate of TLS listeners, read anew when its files change."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from selfinspect.files import InMemory, read_named

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Certificates:
    """A server's side of TLS, and the files that it is made of.

    Args:
        cert: the certificate, with those between it and its authority.
        key: its key.
        client_ca: the authorities of clients, None where these need no certificate.
        on_change: told of each change of the files: None, or why the old ones stay in use.

    Raises:
        ValueError: the files cannot be used; the message names the option.
    """

    def __init__(
        self,
        cert: Path,
        key: Path,
        client_ca: Path | None,
        on_change: Callable[[str | None], None],
    ) -> None:
        self._cert = cert
        self._key = key
        self._client_ca = client_ca
        self._on_change = on_change
        self._stamp = self._stamps()
        self._current = self._read()
        self.context = self._current
        """For the listeners: each handshake takes what the files hold by then."""
        self.context.sni_callback = self._renew

    def _renew(self, connection: ssl.SSLObject, _name: str | None, _context: object) -> None:
        """Called in every handshake, before the certificate is chosen."""
        stamp = self._stamps()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._current = self._read()
            except ValueError as error:
                self._on_change(str(error))
            else:
                self._on_change(None)
        connection.context = self._current

    def _stamps(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(path) for path in (self._cert, self._key, self._client_ca) if path]

    def _read(self) -> ssl.SSLContext:
        cert, key = _content("--tls-cert", self._cert), _content("--tls-key", self._key)
        client_ca = None
        if self._client_ca is not None:
            client_ca = _content("--tls-client-ca", self._client_ca)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        # A resumed session would go by an authority that may be gone.
        context.num_tickets = 0
        try:
            with InMemory(cert) as cert_file, InMemory(key) as key_file:
                # Without a word for it OpenSSL would ask the terminal for a passphrase.
                context.load_cert_chain(cert_file, key_file, password="")
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise ValueError(
                    f"--tls-key {self._key}: is not the key of {self._cert}"
                ) from error
            raise ValueError(
                f"--tls-cert {self._cert}, --tls-key {self._key}: takes a certificate and its key,"
                f" both PEM, the key without a passphrase ({error.reason or error})"
            ) from error
        if client_ca is not None:
            try:
                with InMemory(client_ca) as file:
                    context.load_verify_locations(file)
            except ssl.SSLError as error:
                raise ValueError(
                    f"--tls-client-ca {self._client_ca}: takes certificates, PEM"
                ) from error
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def _content(option: str, path: Path) -> bytes:
    """What a file holds; OpenSSL would not tell which one it is that cannot be read.

    Raises:
        ValueError: it cannot be read, is not a regular file, or is longer than 1 MiB.
    """
    try:
        return read_named(path)
    except OSError as error:
        raise ValueError(f"{option} {path}: {error.strerror or error}") from error


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file does; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
