"""TCP and TLS: the same rules as a Unix socket's, and each refusal has its own error."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import struct
import subprocess
import sys
from dataclasses import dataclass
from shlex import quote
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.api.connection import connect
from selfinspect.engine.http.pools import _TlsConnection as TlsConnection
from selfinspect.engine.http.tls import Tls, client_refused
from selfinspect.engine.http.transport import Transport
from selfinspect.errors import EngineUnreachableError
from tests.support.cancelling import cancel_while_it_waits
from tests.support.canned_engine import Answer, CannedEngine
from tests.support.tcp_front import TcpFront

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENT = 60.0
BRIEF = 0.3


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@dataclass(frozen=True)
class Authority:
    """A CA in a folder, which signs certificates for others."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        _openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", self.folder / "ca.key", "-out", self.folder / "ca.pem",
            "-subj", "/CN=authority", "-days", "9",
        )  # fmt: skip

    def signs(self, name: str, extension: str, *, days: int = 9) -> Path:
        """A folder with what Docker calls `ca.pem`, `cert.pem` and `key.pem`."""
        made = self.folder / name
        made.mkdir()
        (made / "extension").write_text(extension)
        _openssl(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", made / "key.pem", "-out", made / "request", "-subj", f"/CN={name}",
        )  # fmt: skip
        _openssl(
            "x509", "-req", "-in", made / "request", "-CA", self.folder / "ca.pem",
            "-CAkey", self.folder / "ca.key", "-set_serial", days + 99, "-days", days,
            "-extfile", made / "extension", "-out", made / "cert.pem",
        )  # fmt: skip
        (made / "ca.pem").write_bytes((self.folder / "ca.pem").read_bytes())
        return made


@dataclass(frozen=True)
class Certificates:
    """Everybody's, made once."""

    server: Path
    expired: Path
    elsewhere: Path
    client: Path
    stranger: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """One authority's certificates, and a client of another's."""
    folder = tmp_path_factory.mktemp("tls")
    ours, theirs = Authority(folder / "ours"), Authority(folder / "theirs")
    here, client = "subjectAltName=IP:127.0.0.1", "extendedKeyUsage=clientAuth"
    return Certificates(
        ours.signs("server", here),
        ours.signs("expired", here, days=0),
        ours.signs("elsewhere", "subjectAltName=DNS:engine.example"),
        ours.signs("client", client),
        theirs.signs("stranger", client),
    )


def _listening(shown: Path, *, minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2) -> ssl.SSLContext:
    """What dockerd does with --tlsverify."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown / "cert.pem", shown / "key.pem")
    context.load_verify_locations(shown / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = minimum
    return context


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The canned engine's socket."""
    return tmp_path / "engine.sock"


@pytest.fixture
def secured(engine: CannedEngine, path: Path, made: Certificates) -> Iterator[TcpFront]:
    """The canned engine behind TLS."""
    del engine
    with TcpFront(path, context=_listening(made.server)) as front:
        yield front


def _refused(front: TcpFront, tls: Tls | None) -> EngineUnreachableError:
    with pytest.raises(EngineUnreachableError) as caught:
        connect(f"tcp://127.0.0.1:{front.port}", tls=tls, timeout=PATIENT)
    return caught.value


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_tcp_is_spoken(engine: CannedEngine, path: Path, host: str) -> None:
    """By address of either family, and by name."""
    with TcpFront(path, host="::1" if host == "::1" else "127.0.0.1") as front:
        shown = f"[{host}]" if ":" in host else host
        made = connect(f"tcp://{shown}:{front.port}")
        assert (made.transport.local, made.transport.encrypted) == (False, False)
        made.transport.close()
    assert engine.requests == ["GET /_ping"]
    assert engine.headers[0]["Host"].endswith(f":{front.port}")


def test_tls_is_spoken(secured: TcpFront, made: Certificates) -> None:
    """Whom the authority vouches for is let in, and so are we."""
    connection = connect(f"tcp://127.0.0.1:{secured.port}", tls=Tls(made.client))
    assert connection.engine.version == "20.10.24"
    assert connection.transport.encrypted
    connection.transport.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_missing_client_certificate_is_reported(
    engine: CannedEngine, path: Path, made: Certificates, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    """The engine asks who we are: in TLS 1.3 it says so only after the handshake."""
    del engine
    (tmp_path / "ca.pem").write_bytes((made.client / "ca.pem").read_bytes())
    with TcpFront(path, context=_listening(made.server, minimum=version)) as front:
        error = _refused(front, Tls(tmp_path))
    assert error.outcome == "no client certificate"
    assert error.hint == f"put cert.pem and key.pem, signed by the engine's CA, into {tmp_path}"


def test_a_strangers_client_certificate_is_reported(
    secured: TcpFront, made: Certificates, tmp_path: Path
) -> None:
    """The engine's authority did not sign it."""
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_bytes((made.stranger / name).read_bytes())
    (tmp_path / "ca.pem").write_bytes((made.client / "ca.pem").read_bytes())
    error = _refused(secured, Tls(tmp_path))
    assert error.outcome == "client certificate refused"
    assert "signed, for client" in (error.hint or "")


def test_a_wrong_authority_is_reported(secured: TcpFront, made: Certificates) -> None:
    """Whom another authority vouches for is not spoken to."""
    error = _refused(secured, Tls(made.stranger))
    assert error.outcome == "wrong CA"
    assert str(made.stranger / "ca.pem") in (error.hint or "")


def test_an_expired_certificate_is_reported(
    engine: CannedEngine, path: Path, made: Certificates
) -> None:
    """The hint is to make a new one, or to mend the clock."""
    del engine
    with TcpFront(path, context=_listening(made.expired)) as front:
        error = _refused(front, Tls(made.client))
    assert error.outcome == "certificate expired"
    assert "has expired" in error.detail


def test_a_wrong_name_is_reported_and_can_be_given(
    engine: CannedEngine, path: Path, made: Certificates
) -> None:
    """The hint is the missing name as openssl writes it, and the option that does without."""
    del engine
    with TcpFront(path, context=_listening(made.elsewhere)) as front:
        error = _refused(front, Tls(made.client))
        assert error.outcome == "wrong name"
        assert "subjectAltName=IP:127.0.0.1" in (error.hint or "")
        assert "--engine-server-name" in (error.hint or "")
        error = _refused(front, Tls(made.client, "other.example"))
        assert "subjectAltName=DNS:other.example" in (error.hint or "")
        for name in ("engine.example", "engine.example."):
            tls = Tls(made.client, name)
            connect(f"tcp://127.0.0.1:{front.port}", tls=tls).transport.close()


def test_an_engine_that_resets_the_handshake_is_reported(
    made: Certificates, tmp_path: Path
) -> None:
    """Some do so with a client they do not know, and urllib3 takes it for an early answer."""
    (tmp_path / "ca.pem").write_bytes((made.client / "ca.pem").read_bytes())

    def reset() -> None:
        peer = listener.accept()[0]
        peer.recv(1)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENT)
        thread = Thread(target=reset)
        thread.start()
        place = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        transport = Transport(place, tls=Tls(tmp_path), timeout=PATIENT)
        with pytest.raises(EngineUnreachableError) as caught:
            transport.answer("ping", "/_ping")
        thread.join()
    assert caught.value.outcome == "no client certificate"


def test_an_engine_in_the_clear_is_not_taken_for_tls(
    engine: CannedEngine, path: Path, made: Certificates
) -> None:
    """Where TLS is asked for, nothing else is spoken."""
    with TcpFront(path) as front:
        assert _refused(front, Tls(made.client)).outcome == "no TLS"
    assert all("_ping" not in request for request in engine.requests)


def test_tls_is_asked_for_where_the_engine_wants_it(engine: CannedEngine, path: Path) -> None:
    """What an engine says in the clear on its TLS port becomes the variable to set."""
    engine.answers["/_ping"] = Answer(
        raw=b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
    )
    with TcpFront(path) as front:
        error = _refused(front, None)
    assert error.outcome == "TLS wanted"
    assert "DOCKER_TLS_VERIFY=1" in (error.hint or "")


def test_certificates_that_cannot_be_used_are_reported(tmp_path: Path) -> None:
    """TLS wanted, and no authority at hand."""
    with pytest.raises(EngineUnreachableError) as caught:
        connect("tcp://127.0.0.1:1", tls=Tls(tmp_path))
    assert caught.value.outcome == "no certificates"
    assert "DOCKER_CERT_PATH" in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["ca.pem", "cert.pem", "key.pem"])
def test_a_pipe_in_a_files_place_is_not_waited_for(
    made: Certificates, tmp_path: Path, name: str
) -> None:
    """CMD's user may have made one in the home folder that both share."""
    folder = tmp_path / "docker"
    shutil.copytree(made.client, folder)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(OSError, match="not a regular file"):
        Tls(folder, named=True).context()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ["ca.pem", "cert.pem", "key.pem"])
def test_a_pipe_in_a_files_place_is_reported(secured: TcpFront, own: Path, name: str) -> None:
    """Saying what is wrong with the folder does not wait for the pipe, either."""
    (own / name).unlink()
    os.mkfifo(own / name)
    error = _unusable(secured, own)
    assert f"{own / name}: it is not a regular file" in error.detail
    assert error.hint == f"put a PEM file at {own / name}"


def test_a_key_with_a_passphrase_is_reported(made: Certificates, tmp_path: Path) -> None:
    """Nobody is there to be asked for it."""
    for name in ("ca.pem", "cert.pem"):
        (tmp_path / name).write_bytes((made.client / name).read_bytes())
    _openssl(
        "ec", "-aes128", "-passout", "pass:secret", "-in", made.client / "key.pem",
        "-out", tmp_path / "key.pem",
    )  # fmt: skip
    with pytest.raises(EngineUnreachableError, match="cannot be used"):
        connect("tcp://127.0.0.1:1", tls=Tls(tmp_path))


@pytest.fixture
def own(made: Certificates, tmp_path: Path) -> Path:
    """A copy of the client's folder, to be spoilt and mended."""
    folder = tmp_path / "certs"
    folder.mkdir()
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (folder / name).write_bytes((made.client / name).read_bytes())
    return folder


def _unusable(front: TcpFront, folder: Path, **options: str) -> EngineUnreachableError:
    error = _refused(front, Tls(folder, named=True, **options))
    assert error.outcome == "no certificates"
    return error


def _well(front: TcpFront, folder: Path) -> None:
    connect(f"tcp://127.0.0.1:{front.port}", tls=Tls(folder)).transport.close()


@pytest.mark.parametrize("name", ["ca.pem", "cert.pem", "key.pem"])
def test_der_for_pem_is_mended_by_the_command_given(
    secured: TcpFront, own: Path, name: str
) -> None:
    """Pasted into a shell in that folder it makes the file usable."""
    kind = "ec" if name == "key.pem" else "x509"
    _openssl(kind, "-in", own / name, "-outform", "der", "-out", own / "der")
    (own / "der").rename(own / name)
    error = _unusable(secured, own)
    assert f"{own / name} is DER" in error.detail
    subprocess.run(["sh", "-c", error.hint or ""], cwd=own, check=True, capture_output=True)
    _well(secured, own)


def test_a_passphrase_is_taken_off_by_the_command_given(secured: TcpFront, own: Path) -> None:
    """OpenSSL asks for it, once."""
    _openssl("ec", "-aes128", "-passout", "pass:secret", "-in", own / "key.pem",
             "-out", own / "locked")  # fmt: skip
    (own / "locked").rename(own / "key.pem")
    error = _unusable(secured, own)
    assert f"{own / 'key.pem'} has a passphrase" in error.detail
    command = (error.hint or "").replace("openssl pkey", "openssl pkey -passin pass:secret")
    subprocess.run(["sh", "-c", command], cwd=own, check=True, capture_output=True)
    _well(secured, own)


def test_a_foreign_key_is_reported(secured: TcpFront, own: Path, made: Certificates) -> None:
    """Both files are named."""
    (own / "key.pem").write_bytes((made.stranger / "key.pem").read_bytes())
    error = _unusable(secured, own)
    assert f"{own / 'key.pem'} is not the key of {own / 'cert.pem'}" in error.detail


@pytest.mark.parametrize("name", ["ca.pem", "key.pem"])
def test_a_missing_file_is_reported(secured: TcpFront, own: Path, name: str) -> None:
    """By its path, with the mount that brings it."""
    (own / name).unlink()
    error = _unusable(secured, own)
    assert f"{own / name} is missing" in error.detail
    assert f"docker run -v DIR/client:{own}:ro -e DOCKER_CERT_PATH={own}" in (error.hint or "")


@pytest.mark.parametrize("switch", ["0", "false"])
def test_what_looks_like_off_switches_tls_on(
    engine: CannedEngine, path: Path, own: Path, switch: str
) -> None:
    """As in Docker's own client: the hint says to unset it, and then it works."""
    del engine
    with TcpFront(path) as front:
        error = _refused(front, Tls(own, switch=switch))
        assert f"unset DOCKER_TLS_VERIFY: anything in it, {switch} too" in (error.hint or "")
        (own / "ca.pem").unlink()
        error = _unusable(front, own, switch=switch)
        assert f"unset DOCKER_TLS_VERIFY: anything in it, {switch} too" in (error.hint or "")
        connect(f"tcp://127.0.0.1:{front.port}").transport.close()


def test_a_wrong_name_is_reported_with_the_names_there_are(
    engine: CannedEngine, path: Path, made: Certificates
) -> None:
    """The option that the hint gives is the one that mends it."""
    del engine
    with TcpFront(path, context=_listening(made.elsewhere)) as front:
        error = _refused(front, Tls(made.client))
        assert error.detail.endswith("is not for 127.0.0.1, it is for engine.example")
        given = (error.hint or "").split("--engine-server-name ")[1]
        connect(f"tcp://127.0.0.1:{front.port}", tls=Tls(made.client, given)).transport.close()


@pytest.mark.parametrize(
    ("reason", "outcome", "says"),
    [
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "client certificate expired", "has expired"),
        ("TLSV1_ALERT_UNKNOWN_CA", "client certificate refused", "signed by another CA"),
        ("SSLV3_ALERT_BAD_CERTIFICATE", "client certificate refused", "does not accept"),
    ],
)
def test_a_client_certificate_is_refused_for_a_reason(
    own: Path, reason: str, outcome: str, says: str
) -> None:
    """The engine's alert says which, where its library has more than one."""
    refusal = client_refused(Tls(own), reason)
    assert (refusal.outcome, says in refusal.detail) == (outcome, True)
    assert str(own / "cert.pem") in refusal.hint


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_where_nobody_listens_the_command_is_reported(host: str) -> None:
    """As it can be typed."""
    with pytest.raises(EngineUnreachableError) as caught:
        connect(f"tcp://{host}:1", timeout=PATIENT)
    assert f"dockerd -H {quote(f'tcp://{host}:1')} " in (caught.value.hint or "")


def test_public_authorities_are_not_trusted(made: Certificates) -> None:
    """Nobody but the folder's own authority."""
    subjects = [one["subject"] for one in Tls(made.client).context().get_ca_certs()]
    assert subjects == [((("commonName", "authority"),),)]


def test_a_stream_over_tls_can_be_cancelled(
    engine: CannedEngine, secured: TcpFront, made: Certificates
) -> None:
    """`cancel` from another thread ends a read that waits within TLS."""
    transport = Transport(f"tcp://127.0.0.1:{secured.port}", tls=Tls(made.client), timeout=PATIENT)
    with transport.stream("events", "/events") as stream:
        cancel_while_it_waits(stream, engine)
    transport.close()


def test_a_peer_that_never_shakes_hands_times_out(made: Certificates) -> None:
    """An accepted connection is no TLS."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(EngineUnreachableError) as caught:
            connect(f"tcp://127.0.0.1:{port}", tls=Tls(made.client), timeout=BRIEF)
    assert caught.value.outcome == "timeout"
    assert f"iptables -I INPUT -d 127.0.0.1 -p tcp --dport {port}" in (caught.value.hint or "")


def test_a_name_that_nobody_knows_is_reported() -> None:
    """The hint is the option that makes a container know it."""
    with pytest.raises(EngineUnreachableError) as caught:
        connect("tcp://engine.invalid:2375", timeout=10.0)
    assert caught.value.outcome in ("unknown name", "timeout")


@pytest.mark.parametrize(("port", "named"), [(443, b"engine.example"), (80, b"engine.example:80")])
def test_a_proxy_sees_the_host_as_tls_has_it(port: int, named: bytes) -> None:
    """It may compare the Host header, which names every port but the usual one: RFC 9110, 7.2."""
    connection = TlsConnection("engine.example", port, encrypted=lambda _: NotImplemented)
    connection.putrequest("GET", "/info")
    assert b"Host: " + named in vars(connection)["_buffer"]


ASKED_LATE = """
import sys
from pathlib import Path
from selfinspect.agent import _lightly
with _lightly(tls=False):
    from selfinspect.agent.process import run
assert "ssl" not in sys.modules
from selfinspect.engine.api.connection import connect
from selfinspect.engine.http.tls import Tls
connection = connect(sys.argv[1], tls=Tls(Path(sys.argv[2])), timeout=60)
print(connection.transport.encrypted)
connection.transport.close()
"""


def test_an_agent_that_was_loaded_without_tls_speaks_it(secured: TcpFront, own: Path) -> None:
    """`ssl` is loaded once an engine with TLS is asked; the libraries have not seen it."""
    command = [sys.executable, "-c", ASKED_LATE, f"tcp://127.0.0.1:{secured.port}", str(own)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True\n", "")
