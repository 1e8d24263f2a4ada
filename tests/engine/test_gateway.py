from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import member, sequence, text
from tests.engine.conftest import ROOT, Container, Engine, sh, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.model import Json

pytestmark = [pytest.mark.engine, pytest.mark.slow]

SCRIPT = ROOT / "deploy" / "local-engine.sh"
GATEWAY = "172.17.0.1"
"""What docker0 has in an engine's fresh network namespace."""


@contextmanager
def _up(name: str, image: Engine | None, *options: object) -> Iterator[Engine]:
    """An engine of its own that listens elsewhere too, with the agent's image."""
    home = Path(os.environ.get("XDG_STATE_HOME", "/var/lib")) / name
    engine = Engine(home, "selfinspect:test")
    sh(SCRIPT, "down", "--dir", home)
    sh(SCRIPT, "up", "--dir", home, "--", *options)
    try:
        if image is not None:
            save = f"docker --host {image.url} save {image.image}"
            sh("bash", "-c", f"set -o pipefail; {save} | docker --host {engine.url} load")
        yield engine
        engine.docker("container", "prune", "--force")
        engine.docker("image", "prune", "--force")
    finally:
        sh(SCRIPT, "down", "--dir", home)


@pytest.fixture(scope="module")
def plain_engine(private_engine: Engine) -> Iterator[Engine]:
    """Listens on TCP in the clear."""
    with _up("selfinspect-tcp", private_engine, "--host", "tcp://0.0.0.0:2375") as engine:
        yield engine


@pytest.fixture
def plain(plain_engine: Engine) -> Iterator[Engine]:
    """The same; the containers a test starts end with it."""
    yield plain_engine
    plain_engine.remove_started()


def _certificates(folder: Path, *gateways: str, **environ: str) -> Path:
    subprocess.run(
        [ROOT / "deploy" / "tls" / "certificates.sh", folder, *gateways],
        env=os.environ | environ,
        check=True,
        capture_output=True,
    )
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)  # the agent reads them as another user
    return folder


def _tlsverify(folder: Path) -> tuple[object, ...]:
    server = folder / "server"
    return (
        "--host", "tcp://0.0.0.0:2376", "--tlsverify", "--tlscacert", server / "ca.pem",
        "--tlscert", server / "cert.pem", "--tlskey", server / "key.pem",
    )  # fmt: skip


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, what the engine shows and what the agent shows, for docker0's address."""
    return _certificates(tmp_path_factory.mktemp("tls"), GATEWAY)


@pytest.fixture(scope="module")
def tls_engine(private_engine: Engine, certificates: Path) -> Iterator[Engine]:
    """Listens with TLS and lets in whom its authority vouches for."""
    with _up("selfinspect-tls", private_engine, *_tlsverify(certificates)) as engine:
        yield engine


@pytest.fixture
def secured(tls_engine: Engine) -> Iterator[Engine]:
    """The same; the containers a test starts end with it."""
    yield tls_engine
    tls_engine.remove_started()


@contextmanager
def _network(engine: Engine, name: str, *options: str) -> Iterator[str]:
    engine.docker("network", "create", *options, name)
    try:
        gateways = "{{range .IPAM.Config}}{{.Gateway}} {{end}}"
        found = engine.docker("network", "inspect", "--format", gateways, name).split()
        yield next(one for one in found if "." in one)
    finally:
        engine.remove_started()
        engine.docker("network", "rm", name)


def _endpoint(app: Container) -> str | None:
    return text(app.json("/v1/identity"), "engine", "endpoint")


def _proven(app: Container, endpoint: str) -> None:
    app.ready()
    until(lambda: app.curl("/v1/self/identity/level") == "proven", "the proof")
    assert _endpoint(app) == endpoint
    assert app.curl("/v1/self/id") == app.id


def _log(app: Container) -> str:
    return sh("bash", "-c", f"docker --host {app.engine.url} logs {app.id} 2>&1")


def _tried(app: Container) -> dict[str | None, str | None]:
    tried = sequence(app.json("/v1/identity"), "tried")
    return {text(one, "endpoint"): text(one, "outcome") for one in tried}


def test_the_gateway_is_found_without_a_socket(plain: Engine) -> None:
    """Nothing mounted, nothing named: proven through docker0, and warned of, once."""
    app = plain.start_plain()
    _proven(app, f"tcp://{GATEWAY}:2375")
    assert _log(app).count("engine.unencrypted") == 1


def test_a_target_is_taken_at_the_gateway_that_proves_us(plain: Engine) -> None:
    """Nobody named the place; who proves which of its containers we are may speak of another."""
    options = ("serve", "--target", "later")
    agent = plain.start_plain(command=options).up()
    until(lambda: "does not know the target" in _tried(agent).values(), "the answer")
    other = plain.start_plain("--name", "later")
    until(lambda: agent.curl("/v1/self/id") == other.id, "the target")
    assert _endpoint(agent) == f"tcp://{GATEWAY}:2375"
    assert agent.curl("/v1/self/identity/level") == "confirmed"


def test_events_come_through_the_gateway(plain: Engine) -> None:
    """A rename shows."""
    app = plain.start_plain("--name", "before")
    _proven(app, f"tcp://{GATEWAY}:2375")
    plain.docker("rename", "before", "after")
    until(lambda: app.curl("/v1/self/name") == "after", "the new name")


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--internal",),
        ("--ipv6", "--subnet=10.99.0.0/24", "--gateway=10.99.0.1", "--subnet=fd00:99::/64"),
    ],
    ids=["user-defined", "internal", "IPv6"],
)
def test_another_networks_gateway_is_found(plain: Engine, options: tuple[str, ...]) -> None:
    """Each network leads to the engine's host by its own address."""
    with _network(plain, "other", *options) as gateway:
        _proven(plain.start_plain("--network", "other"), f"tcp://{gateway}:2375")


def test_an_ipv6_endpoint_can_be_named(plain: Engine) -> None:
    """Brackets and all."""
    subnets = ("--subnet=10.98.0.0/24", "--gateway=10.98.0.1", "--subnet=fd00:98::/64")
    with _network(plain, "six", "--ipv6", *subnets):
        endpoint = "tcp://[fd00:98::1]:2375"
        _proven(
            plain.start_plain("--network", "six", "--env", f"SELFINSPECT_ENGINE={endpoint}"),
            endpoint,
        )


def test_of_two_networks_the_default_route_leads(plain: Engine) -> None:
    """Whichever gateway the kernel would take."""
    with _network(plain, "one") as first, _network(plain, "two"):
        identifier = plain.docker("create", "--network", "one", plain.image)
        plain.started.append(identifier)
        plain.docker("network", "connect", "two", identifier)
        plain.docker("start", identifier)
        app = Container(plain, identifier)
        _proven(app, f"tcp://{first}:2375")


def test_it_is_looked_for_anew_when_its_network_goes(plain: Engine) -> None:
    """Moved from one network to another, the agent finds the engine at the other's gateway."""
    with _network(plain, "old") as old, _network(plain, "new") as new:
        app = plain.start_plain("--network", "old")
        _proven(app, f"tcp://{old}:2375")
        plain.docker("network", "connect", "new", app.id)
        plain.docker("network", "disconnect", "old", app.id)
        until(lambda: _endpoint(app) == f"tcp://{new}:2375", "the other gateway")


def test_under_host_networking_it_is_the_loopback(plain: Engine) -> None:
    """The host's own network has its engine at 127.0.0.1, and no gateway is looked at."""
    app = plain.start_plain("--network", "host")
    _proven(app, "tcp://127.0.0.1:2375")


def test_without_a_network_there_is_honestly_none(plain: Engine) -> None:
    """No network, no candidate."""
    app = plain.start_plain("--network", "none").up()
    assert not any((endpoint or "").startswith("tcp") for endpoint in _tried(app))
    assert member(app.json("/v1/identity"), "engine") is None


_ROUTER = """
import socket, sys
listening = [socket.create_server(("10.77.0.1", port)) for port in (2375, 2376)]
print("listening", flush=True)
while True:
    for one in listening:
        one.settimeout(0.05)
        try:
            print("probed by", one.accept()[1][0], flush=True)
        except TimeoutError:
            pass
"""


_LAN = """
ip link set lo up
until ip link set lan1 up 2>/dev/null; do sleep 0.05; done
ip address add 10.77.0.1/24 dev lan1
exec "$0" -c "$1"
"""


@pytest.fixture
def router(plain: Engine, tmp_path: Path) -> Iterator[Path]:
    """A router of somebody's network, 10.77.0.1, which writes down who connects to it."""
    inside = ("nsenter", "--net", "--target", plain.pid)
    log = tmp_path / "router.log"
    with log.open("w") as written:
        router = subprocess.Popen(
            ["unshare", "--net", "bash", "-c", _LAN, sys.executable, _ROUTER],
            stdout=written,
        )
    try:
        own = Path("/proc/self/ns/net").readlink()
        until(lambda: Path(f"/proc/{router.pid}/ns/net").readlink() != own, "the namespace")
        sh(*inside, "ip", "link", "add", "lan0", "type", "veth", "peer", "name", "lan1",
           "netns", router.pid)  # fmt: skip
        sh(*inside, "ip", "link", "set", "lan0", "up")
        until(lambda: "listening" in log.read_text(), "the router")
        yield log
    finally:
        router.kill()
        router.wait()
        sh(*inside, "ip", "link", "delete", "lan0", check=False)


def test_a_router_is_never_probed(plain: Engine, router: Path) -> None:
    """Behind macvlan the gateway is somebody's router: not one connection reaches it."""
    lan = ("--driver", "macvlan", "--opt", "parent=lan0", "--gateway", "10.77.0.1")
    with _network(plain, "lan", *lan, "--subnet", "10.77.0.0/24"):
        app = plain.start_plain("--network", "lan").up()
        assert not any("10.77.0.1" in (endpoint or "") for endpoint in _tried(app))
        assert "probed" not in router.read_text()
        reach = "import socket; socket.create_connection(('10.77.0.1', 2375), 5)"
        sh("nsenter", "--net", "--target", app.pid, sys.executable, "-c", reach)
        until(lambda: "probed by 10.77.0.2" in router.read_text(), "the router can be reached")


def _with(folder: Path, *options: str) -> tuple[str, ...]:
    return ("--volume", f"{folder}:/certs:ro", "--env", "DOCKER_CERT_PATH=/certs", *options)


def test_with_certificates_tls_is_used(secured: Engine, certificates: Path) -> None:
    """The client's folder mounted: proven over TLS, and nothing to warn of."""
    app = secured.start_plain(*_with(certificates / "client"))
    _proven(app, f"tcp://{GATEWAY}:2376")
    assert "engine.unencrypted" not in _log(app)


def _problem(app: Container) -> Json:
    app.up()
    return app.json("/v1/inspect")


def test_a_wrong_authority_is_told(secured: Engine, certificates: Path, tmp_path: Path) -> None:
    """Whom another authority vouches for is not spoken to."""
    other = _certificates(tmp_path / "other", GATEWAY)
    app = secured.start_plain(*_with(other / "client"))
    assert "not signed by /certs/ca.pem" in (text(_problem(app), "detail") or "")
    assert _tried(app)[f"tcp://{GATEWAY}:2376"] == "wrong CA"
    assert certificates != other


def test_a_wrong_name_is_told_and_can_be_given(secured: Engine, certificates: Path) -> None:
    """The hint names the missing SAN and the option, which works."""
    with _network(secured, "named") as gateway:
        there = ("--network", "named")
        app = secured.start_plain(*_with(certificates / "client", *there))
        hint = text(_problem(app), "hint") or ""
        assert f"subjectAltName=IP:{gateway}" in hint
        assert "--engine-server-name" in hint
        assert _tried(app)[f"tcp://{gateway}:2376"] == "wrong name"
        name = ("--env", f"SELFINSPECT_ENGINE_SERVER_NAME={GATEWAY}")
        app = secured.start_plain(*_with(certificates / "client", *there, *name))
        _proven(app, f"tcp://{gateway}:2376")


def test_a_missing_client_certificate_is_told(
    secured: Engine, certificates: Path, tmp_path: Path
) -> None:
    """The engine asks who we are, and there is nothing to show."""
    (tmp_path / "ca.pem").write_bytes((certificates / "client" / "ca.pem").read_bytes())
    tmp_path.chmod(0o755)
    app = secured.start_plain(*_with(tmp_path))
    assert "requires a client certificate" in (text(_problem(app), "detail") or "")


_ASK = """
import sys
from pathlib import Path
from selfinspect.engine.api.connection import connect
from selfinspect.engine.http.tls import Tls
from selfinspect.errors import EngineUnreachableError
try:
    connect("tcp://172.17.0.1:2376", tls=Tls(Path(sys.argv[1])))
except EngineUnreachableError as error:
    print(error.outcome)
"""


def test_an_expired_certificate_is_told(tmp_path: Path) -> None:
    """The engine serves on with a certificate that has expired, and is refused."""
    made = _certificates(tmp_path / "tls", GATEWAY)
    server = made / "server"
    sh("openssl", "req", "-new", "-key", server / "key.pem", "-subj", "/CN=old",
       "-out", tmp_path / "csr")  # fmt: skip
    sh("openssl", "x509", "-req", "-in", tmp_path / "csr", "-CA", made / "ca" / "cert.pem",
       "-CAkey", made / "ca" / "key.pem", "-set_serial", "7", "-days", "-1",
       "-extfile", server / "extensions", "-out", server / "cert.pem")  # fmt: skip
    with _up("selfinspect-old", None, *_tlsverify(made)) as engine:
        said = sh("nsenter", "--net", "--target", engine.pid, "env", f"PYTHONPATH={ROOT}",
                  sys.executable, "-c", _ASK, made / "client")  # fmt: skip
    assert said == "certificate expired"


def test_a_named_endpoint_is_the_only_one_tried(plain: Engine) -> None:
    """Named explicitly, a port where nobody listens is refused at once."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    app = plain.start_plain("--env", f"SELFINSPECT_ENGINE=tcp://{GATEWAY}:{port}").up()
    assert _tried(app) == {f"tcp://{GATEWAY}:{port}": "refused"}
