"""TLS: what its files have to be, who is let in, and what a change of them does."""

from __future__ import annotations

import os
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest

from selfinspect.web.credentials import Certificates
from tests.support.certificates import Authority, Pair, client, handshake

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs the server's certificate."""
    return Authority(tmp_path_factory.mktemp("ours") / "ca")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs the clients'."""
    return Authority(tmp_path_factory.mktemp("theirs") / "ca")


@pytest.fixture
def shown(ours: Authority, tmp_path: Path) -> Pair:
    """The server's files."""
    made = ours.signs("server")
    pair = Pair(tmp_path / "cert.pem", tmp_path / "key.pem")
    put(made, pair)
    return pair


def put(pair: Pair, place: Pair) -> None:
    """Copy one pair over the other."""
    place.cert.write_bytes(pair.cert.read_bytes())
    place.key.write_bytes(pair.key.read_bytes())


def test_it_shows_its_certificate(shown: Pair, ours: Authority) -> None:
    """To whoever trusts its authority, by a name or by an address."""
    made = Certificates(shown.cert, shown.key, None, print)
    assert handshake(made.context, client(ours)) == "server"
    assert handshake(made.context, client(ours), "localhost") == "server"


def test_an_old_protocol_is_refused(shown: Pair, ours: Authority) -> None:
    """TLS 1.2 is the least."""
    assert Certificates(shown.cert, shown.key, None, print).context.minimum_version == (
        ssl.TLSVersion.TLSv1_2
    )
    old = client(ours)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    assert handshake(Certificates(shown.cert, shown.key, None, print).context, old) == "server"


def test_a_client_needs_a_certificate_where_an_authority_is_named(
    shown: Pair, ours: Authority, theirs: Authority
) -> None:
    """Of that authority; none, or another's, and the handshake fails."""
    made = Certificates(shown.cert, shown.key, theirs.cert, print)
    good = theirs.signs("scraper", "extendedKeyUsage=clientAuth")
    strange = ours.signs("stranger", "extendedKeyUsage=clientAuth")
    assert handshake(made.context, client(ours, good)) == "server"
    for refused in (client(ours), client(ours, strange)):
        with pytest.raises(ssl.SSLError):
            handshake(made.context, refused)


def test_a_renewed_certificate_is_shown_at_once(shown: Pair, ours: Authority) -> None:
    """In the first handshake after the change, and it is reported once."""
    reported: list[str | None] = []
    made = Certificates(shown.cert, shown.key, None, reported.append)
    put(ours.signs("renewed"), shown)
    assert [handshake(made.context, client(ours)) for _ in range(2)] == ["renewed"] * 2
    assert reported == [None]


def test_a_renewed_authority_of_clients_counts_at_once(
    shown: Pair, ours: Authority, theirs: Authority, tmp_path: Path
) -> None:
    """Who was let in before is not any more, and the other way round."""
    trusted = tmp_path / "clients.pem"
    trusted.write_bytes(ours.cert.read_bytes())
    made = Certificates(shown.cert, shown.key, trusted, print)
    new = client(ours, theirs.signs("new", "extendedKeyUsage=clientAuth"))
    old = client(ours, ours.signs("old", "extendedKeyUsage=clientAuth"))
    assert handshake(made.context, old) == "server"
    trusted.write_bytes(theirs.cert.read_bytes())
    assert handshake(made.context, new) == "server"
    for refused in (old, client(ours)):
        with pytest.raises(ssl.SSLError):
            handshake(made.context, refused)


def test_half_a_change_keeps_the_old_ones(shown: Pair, ours: Authority) -> None:
    """Said once for each change; when the other half comes, the new one is shown."""
    reported: list[str | None] = []
    made = Certificates(shown.cert, shown.key, None, reported.append)
    new = ours.signs("renewed")
    shown.cert.write_bytes(new.cert.read_bytes())
    assert [handshake(made.context, client(ours)) for _ in range(2)] == ["server"] * 2
    assert [reason is not None and "--tls-key" in reason for reason in reported] == [True]
    put(new, shown)
    assert handshake(made.context, client(ours)) == "renewed"
    shown.cert.unlink()
    assert handshake(made.context, client(ours)) == "renewed"
    assert reported[1] is None
    assert "No such file" in str(reported[2])


def test_files_that_cannot_be_used_are_named(shown: Pair, ours: Authority, tmp_path: Path) -> None:
    """The option, the path, and what is wrong with it, at the start."""
    other, nonsense, none = ours.signs("other"), tmp_path / "nonsense", tmp_path / "none"
    nonsense.write_text("nonsense")
    pipe, endless = tmp_path / "pipe", tmp_path / "endless"
    os.mkfifo(pipe)
    endless.symlink_to("/dev/zero")
    for cert, key, authority, said in [
        (none, shown.key, None, f"--tls-cert {none}: No such file or directory"),
        (shown.cert, none, None, f"--tls-key {none}: No such file or directory"),
        (shown.cert, shown.key, none, f"--tls-client-ca {none}: No such file or directory"),
        (shown.cert, tmp_path, None, f"--tls-key {tmp_path}: Is a directory"),
        (shown.cert, other.key, None, f"--tls-key {other.key}: is not the key of"),
        (nonsense, shown.key, None, "takes a certificate and its key"),
        (shown.cert, nonsense, None, "takes a certificate and its key"),
        (shown.cert, shown.key, nonsense, f"--tls-client-ca {nonsense}: takes certificates"),
        (pipe, shown.key, None, f"--tls-cert {pipe}: it is not a regular file"),
        (shown.cert, pipe, None, f"--tls-key {pipe}: it is not a regular file"),
        (shown.cert, shown.key, pipe, f"--tls-client-ca {pipe}: it is not a regular file"),
        (endless, shown.key, None, f"--tls-cert {endless}: it is not a regular file"),
    ]:
        with pytest.raises(ValueError, match="--tls-") as raised:
            Certificates(cert, key, authority, print)
        assert said in str(raised.value)


@pytest.mark.parametrize("option", ["cert", "key"])
def test_a_pipe_in_a_files_place_holds_no_handshake_up(
    shown: Pair, ours: Authority, option: str
) -> None:
    """The one from before stays in use, and the reason is said."""
    reported: list[str | None] = []
    made = Certificates(shown.cert, shown.key, None, reported.append)
    path = {"cert": shown.cert, "key": shown.key}[option]
    path.unlink()
    os.mkfifo(path)
    assert handshake(made.context, client(ours)) == "server"
    assert reported == [f"--tls-{option} {path}: it is not a regular file"]


def test_links_are_followed(shown: Pair, ours: Authority, tmp_path: Path) -> None:
    """Kubernetes mounts a secret's files so."""
    for path in (shown.cert, shown.key):
        path.rename(tmp_path / f"..{path.name}")
        path.symlink_to(f"..{path.name}")
    made = Certificates(shown.cert, shown.key, None, print)
    assert handshake(made.context, client(ours)) == "server"


def test_a_key_with_a_passphrase_is_refused_unasked(shown: Pair, tmp_path: Path) -> None:
    """There is nobody at a terminal to type it."""
    locked = tmp_path / "locked"
    subprocess.run(
        ["openssl", "ec", "-in", shown.key, "-aes256", "-passout", "pass:x", "-out", locked],
        check=True, capture_output=True,
    )  # fmt: skip
    with pytest.raises(ValueError, match="without a passphrase"):
        Certificates(shown.cert, locked, None, print)
