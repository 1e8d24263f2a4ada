"""The certificates of `deploy/tls`: what they say, and that a real engine takes them."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import ROOT, sh, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = pytest.mark.engine

SCRIPT = ROOT / "deploy" / "tls" / "certificates.sh"
LOCAL_ENGINE = ROOT / "deploy" / "local-engine.sh"


def files(folder: Path) -> Mapping[str, bytes]:
    """Every file below a folder, and what is in it."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder with certificates for the loopback address."""
    sh(SCRIPT, tmp_path / "tls", "127.0.0.1", "fd00::1", "host.docker.internal")
    return tmp_path / "tls"


def test_the_servers_certificate_names_every_gateway(made: Path) -> None:
    """Addresses as addresses, names as names: clients compare them by kind."""
    shown = sh(
        "openssl", "x509", "-in", made / "server/cert.pem", "-noout", "-ext", "subjectAltName"
    )
    names = shown.splitlines()[1].strip()
    assert names == "IP Address:127.0.0.1, IP Address:FD00:0:0:0:0:0:0:1, DNS:host.docker.internal"


def test_each_certificate_has_one_purpose(made: Path) -> None:
    """The client's is no server's, nor the other way round."""
    for name, purpose, other in (
        ("server", "sslserver", "sslclient"),
        ("client", "sslclient", "sslserver"),
    ):
        verify = ("openssl", "verify", "-CAfile", made / "ca/cert.pem", "-purpose")
        assert sh(*verify, purpose, made / name / "cert.pem").endswith("OK")
        assert "OK" not in sh(*verify, other, made / name / "cert.pem", check=False)


def test_nobody_else_can_read_them(made: Path) -> None:
    """Keys above all."""
    assert {path.stat().st_mode & 0o077 for path in made.rglob("*")} == {0}


def test_a_second_run_changes_nothing(made: Path) -> None:
    """Other gateways change the server's certificate alone; the authority never changes."""
    first = files(made)
    sh(SCRIPT, made, "127.0.0.1", "fd00::1", "host.docker.internal")
    assert files(made) == first
    sh(SCRIPT, made, "10.0.0.1")
    second = files(made)
    changed = {name for name, content in second.items() if content != first[name]}
    assert changed == {"server/cert.pem", "server/extensions"}


def test_an_authority_without_its_key_is_not_replaced(made: Path) -> None:
    """What it signed is in use; it is for a person to decide."""
    (made / "ca/key.pem").unlink()
    first = files(made)
    done = subprocess.run([SCRIPT, made], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "without its key" in done.stderr
    assert files(made) == first


@pytest.fixture
def daemon(tmp_path: Path, made: Path) -> Iterator[Path]:
    """The folder of an engine with the script's daemon.json, on its loopback address."""
    settings = json.loads((made / "server/daemon.json").read_text())
    assert settings["tlsverify"] is True
    home = tmp_path / "engine"
    sh(
        LOCAL_ENGINE, "up", "--dir", home, "--",
        "--config-file", made / "server/daemon.json", "--host", "tcp://127.0.0.1:2376",
        "--bridge", "none",
    )  # fmt: skip
    yield home
    sh(LOCAL_ENGINE, "down", "--dir", home)


def test_an_engine_takes_the_client_and_nobody_else(daemon: Path, made: Path) -> None:
    """With the client's certificate it answers; with none, or a stranger's, it refuses."""
    pid = (daemon / "docker.pid").read_text()
    nobody, stranger = made.parent / "nobody", made.parent / "stranger"
    nobody.mkdir()
    sh(SCRIPT, stranger)

    def version(certificates: Path, *options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                *("nsenter", "--net", "--target", pid, "env", f"DOCKER_CERT_PATH={certificates}"),
                *("docker", "--host", "tcp://127.0.0.1:2376", *map(str, options)),
                *("version", "--format", "{{.Server.Version}}"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )

    verified = ("--tlsverify", "--tlscacert", made / "ca/cert.pem")
    until(lambda: version(made / "client", *verified).returncode == 0, "an answer")
    assert version(made / "client", "--tlsverify").returncode == 0
    for certificates in (nobody, stranger / "client"):
        refused = version(certificates, *verified)
        assert refused.returncode != 0
        # With TLS 1.3 the refusal may overtake the request, as an alert or as a reset.
        whys = ("bad certificate", "certificate required", "connection reset by peer")
        assert any(why in refused.stderr for why in whys)
    assert "HTTPS server" in version(nobody).stderr
