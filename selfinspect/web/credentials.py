"""Who may ask, as the settings have it: the files of tokens and certificates that they name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from selfinspect.web.certificates import Certificates
from selfinspect.web.tokens import Tokens, is_exposed, read_tokens

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

    from selfinspect.settings import Settings


class Credentials(NamedTuple):
    """What opens the API and the metrics, and what TLS listeners show; None where nothing does."""

    tokens: Tokens | None
    metrics_tokens: Tokens | None
    tls: ssl.SSLContext | None


def credentials(settings: Settings, minted: bytes | None, log: FilteringBoundLogger) -> Credentials:
    """The credentials that the settings name.

    Args:
        settings: they name the files.
        minted: the token that PID 1 made, None where it made none.
        log: told of files that cannot be used later on.

    Raises:
        ValueError: a file cannot be used now; the message names the option.
    """
    chosen = settings.token_file
    return Credentials(
        tokens=_minted(minted, log) if chosen == "auto" else _tokens("--token-file", chosen, log),
        metrics_tokens=_tokens("--metrics-token-file", settings.metrics_token_file, log),
        tls=_tls(settings, log),
    )


def _minted(token: bytes | None, log: FilteringBoundLogger) -> Tokens:
    if token is None:
        raise ValueError(
            "--token-file auto: takes a path; only `run` makes a token, for its command"
        )
    return Tokens(lambda: [token], log.error)


def _tokens(option: str, path: Path | None, log: FilteringBoundLogger) -> Tokens | None:
    if path is None:
        return None
    try:
        known = read_tokens(path)
        exposed = is_exposed(path)
    except OSError as error:
        said = f"{option} {path}: {error.strerror or error}: takes a file that holds a token"
        raise ValueError(said) from error
    if not known:
        raise ValueError(f"{option} {path}: it is empty: takes a file that holds a token")
    if exposed:
        log.warning(
            "token.exposed",
            option=option,
            path=str(path),
            hint="every user in this container may read it: chmod o-r",
        )

    def failed(reason: str) -> None:
        log.error(
            "token.missing",
            option=option,
            path=str(path),
            reason=reason,
            hint="nobody is let in until the file holds a token again",
        )

    return Tokens(lambda: read_tokens(path), failed)


def _tls(settings: Settings, log: FilteringBoundLogger) -> ssl.SSLContext | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None

    def changed(reason: str | None) -> None:
        if reason is None:
            log.info("certificate.renewed", path=str(settings.tls_cert))
        else:
            log.error("certificate.failed", reason=reason, hint="the one from before stays in use")

    return Certificates(
        settings.tls_cert, settings.tls_key, settings.tls_client_ca, changed
    ).context
