"""What opens the API and the metrics: bearer tokens from files, and the certificates of TLS.

The settings name the files. All of them are read again when they change.
"""

from __future__ import annotations

import hmac
import stat
from typing import TYPE_CHECKING, NamedTuple

from selfinspect.files import InMemory, read_named

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

    from selfinspect.settings import Settings

_SCHEME = b"bearer "


class Credentials(NamedTuple):
    """None where a listener is open, or speaks no TLS."""

    tokens: Tokens | None
    metrics_tokens: Tokens | None
    tls: ssl.SSLContext | None


def credentials(settings: Settings, minted: bytes | None, log: FilteringBoundLogger) -> Credentials:
    """The credentials that the settings name.

    Args:
        settings: name the files.
        minted: the token that PID 1 made for its command, None where it made none.
        log: gets a line when a file cannot be used any more.

    Raises:
        ValueError: a file cannot be used now; the message names the option.
    """
    chosen = settings.token_file
    return Credentials(
        tokens=_minted(minted) if chosen == "auto" else _tokens("--token-file", chosen, log),
        metrics_tokens=_tokens("--metrics-token-file", settings.metrics_token_file, log),
        tls=_tls(settings, log),
    )


def _minted(token: bytes | None) -> Tokens:
    if token is None:
        raise ValueError(
            "--token-file auto: takes a path; only `run` makes a token, for its command"
        )
    return Tokens(lambda: [token], lambda _: None)


def _tokens(option: str, path: Path | None, log: FilteringBoundLogger) -> Tokens | None:
    if path is None:
        return None
    try:
        found = read_tokens(path)
        exposed = is_exposed(path)
    except OSError as error:
        said = f"{option} {path}: {error.strerror or error}: takes a file that holds a token"
        raise ValueError(said) from error
    if not found:
        raise ValueError(f"{option} {path}: it is empty: takes a file that holds a token")
    if exposed:
        hint = "every user in this container can read it: chmod o-r"
        log.warning("token.exposed", option=option, path=str(path), hint=hint)

    def failed(reason: str) -> None:
        hint = "every request is refused until the file holds a token again"
        log.error("token.missing", option=option, path=str(path), reason=reason, hint=hint)

    return Tokens(lambda: read_tokens(path), failed)


def _tls(settings: Settings, log: FilteringBoundLogger) -> ssl.SSLContext | None:
    cert, key = settings.tls_cert, settings.tls_key
    if cert is None or key is None:
        return None

    def changed(failure: str | None) -> None:
        if failure is None:
            log.info("certificate.renewed", path=str(cert))
        else:
            log.error("certificate.failed", reason=failure, hint="the previous one stays in use")

    return Certificates(cert, key, settings.tls_client_ca, changed).context


class Tokens:
    """The bearer tokens that open some paths, RFC 6750.

    Args:
        read: returns the current tokens; raises OSError.
        on_failure: called with the reason why there are none, once for as long as it lasts.
    """

    def __init__(self, read: Callable[[], list[bytes]], on_failure: Callable[[str], None]) -> None:
        self._read = read
        self._on_failure = on_failure
        self._failure: str | None = None

    def admit(self, authorization: bytes) -> bool:
        """Whether an Authorization header has one of them; never where there are none."""
        given = authorization[len(_SCHEME) :].strip()
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            given = b""
        # Every token is compared, so that the time does not show which one was nearly right.
        matches = [hmac.compare_digest(given, token) for token in self._current()]
        return any(matches)

    def _current(self) -> list[bytes]:
        try:
            tokens = self._read()
            failure = None if tokens else "it is empty"
        except OSError as error:
            tokens, failure = [], error.strerror or str(error)
        if failure is not None and failure != self._failure:
            self._on_failure(failure)
        self._failure = failure
        return tokens


def read_tokens(path: Path) -> list[bytes]:
    """The tokens in a file, one a line, without the white space around them.

    Raises:
        OSError: the file cannot be read, is not a regular one, or is longer than 1 MiB.
    """
    content = read_named(path)
    return [line.strip() for line in content.splitlines() if line.strip()]


def is_exposed(path: Path) -> bool:
    """Whether every user of the system may read a file."""
    return bool(path.stat().st_mode & stat.S_IROTH)


class Certificates:
    """The server's side of TLS, made from files.

    Args:
        cert: the certificate, with the intermediate ones.
        key: its key.
        client_ca: the authorities of client certificates, None where clients need none.
        on_change: called after each change of the files with None, or with the reason why the old
            ones stay in use.

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
        """For the listeners: each handshake uses what the files hold by then."""
        self.context.sni_callback = self._renew

    def _renew(self, connection: ssl.SSLObject, _name: str | None, _context: object) -> None:
        """Called in every handshake, before the certificate is chosen."""
        stamp = self._stamps()
        if stamp != self._stamp:
            self._stamp, failure = stamp, None
            try:
                self._current = self._read()
            except ValueError as error:
                failure = str(error)
            self._on_change(failure)
        connection.context = self._current

    def _stamps(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(path) for path in (self._cert, self._key, self._client_ca) if path]

    def _read(self) -> ssl.SSLContext:
        import ssl  # noqa: PLC0415 - 2 MiB, which few need

        cert, key = _content("--tls-cert", self._cert), _content("--tls-key", self._key)
        client_ca = _content("--tls-client-ca", self._client_ca) if self._client_ca else None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        # A resumed session would rely on an authority that may have been removed since.
        context.num_tickets = 0
        try:
            with InMemory(cert) as cert_file, InMemory(key) as key_file:
                # Without a password OpenSSL would ask the terminal for one.
                context.load_cert_chain(cert_file, key_file, password="")
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                said = f"--tls-key {self._key}: is not the key of {self._cert}"
            else:
                said = (
                    f"--tls-cert {self._cert}, --tls-key {self._key}: takes a certificate and its"
                    f" key, both PEM, the key without a passphrase ({error.reason or error})"
                )
            raise ValueError(said) from error
        if client_ca is not None:
            try:
                with InMemory(client_ca) as file:
                    context.load_verify_locations(file)
            except ssl.SSLError as error:
                said = f"--tls-client-ca {self._client_ca}: takes certificates, PEM"
                raise ValueError(said) from error
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def _content(option: str, path: Path) -> bytes:
    """What a file holds. OpenSSL's own error would not say which file it could not read.

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
