"""Certificates for tests: authorities, and what they sign."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class Pair:
    """The files of a certificate and its key."""

    cert: Path
    key: Path


class Authority:
    """A CA in a folder of its own, which signs certificates for others.

    Attributes:
        cert: the file of its certificate.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.cert = folder / "ca.pem"
        self._folder = folder
        _openssl(
            *("req", "-x509", *_NEW_KEY, "-keyout", folder / "ca.key", "-out", self.cert),
            *("-subj", "/CN=authority", "-days", "9"),
        )

    def signs(self, name: str, extension: str = "subjectAltName=IP:127.0.0.1") -> Pair:
        """A certificate and its key for somebody of that name."""
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request, extensions = self._folder / "request", self._folder / "extensions"
        extensions.write_text(extension)
        _openssl(
            "req", "-new", *_NEW_KEY, "-keyout", pair.key, "-out", request, "-subj", f"/CN={name}"
        )
        _openssl(
            *("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self._folder / "ca.key"),
            *("-CAcreateserial", "-days", "9", "-extfile", extensions, "-out", pair.cert),
        )
        return pair


def client(trusted: Authority, pair: Pair | None = None) -> ssl.SSLContext:
    """A client that trusts an authority, with a certificate or without."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(trusted.cert)
    context.check_hostname = False
    if pair is not None:
        context.load_cert_chain(pair.cert, pair.key)
    return context


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str | None = None) -> str:
    """The name in the certificate that the server shows; raises what either side raises."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asker = client.wrap_bio(to_client, to_server, server_hostname=name)
    answerer = server.wrap_bio(to_server, to_client, server_side=True)
    waiting: list[Callable[[], object]] = [
        asker.do_handshake,
        answerer.do_handshake,
        lambda: answerer.read(1),
    ]
    asker_done = False
    for _ in range(10):
        for step in list(waiting):
            try:
                step()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(step)
            if step == asker.do_handshake:
                asker_done = True
                asker.write(b"x")
    assert asker_done
    assert not waiting
    shown = asker.getpeercert()
    assert shown
    subject = dict(entry for (entry,) in shown["subject"])  # type: ignore[misc, str-unpack]
    return str(subject["commonName"])


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
