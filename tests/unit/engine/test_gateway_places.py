"""The places of the network, by what this container's files and links say."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfinspect.engine.locate import gateway_places, places
from selfinspect.kernel.network import Link, links
from tests.unit.kernel.test_network import DEFAULT, HEAD, VETH

HOST_NAME = "tcp://host.docker.internal"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A container's routes: by 172.17.0.1, and certificates in /certs."""
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/route").write_text(HEAD + DEFAULT)
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs/ca.pem").write_text("")
    return tmp_path


def _endpoints(root: Path, seen: tuple[Link, ...] = VETH, **environ: str) -> list[str]:
    found = gateway_places(root, environ, seen=seen)
    assert all(place.guessed for place in found)
    assert all((place.tls is not None) is place.endpoint.endswith(":2376") for place in found)
    return [place.endpoint for place in found]


def test_without_certificates_only_the_open_port_is_tried(root: Path) -> None:
    """The gateway, then the host's name."""
    assert _endpoints(root, HOME="/nowhere") == ["tcp://172.17.0.1:2375", f"{HOST_NAME}:2375"]


def test_with_certificates_tls_comes_first(root: Path) -> None:
    """2376 before 2375, the gateway before the name."""
    assert _endpoints(root, DOCKER_CERT_PATH=str(root / "certs")) == [
        "tcp://172.17.0.1:2376",
        "tcp://172.17.0.1:2375",
        f"{HOST_NAME}:2376",
        f"{HOST_NAME}:2375",
    ]


def test_certificates_are_looked_for_at_home(root: Path) -> None:
    """`~/.docker` is the default of Docker's own client."""
    (root / "certs").rename(root / ".docker")
    assert _endpoints(root, HOME=str(root))[0] == "tcp://172.17.0.1:2376"


def test_a_folder_that_cannot_be_looked_into_has_certificates_if_it_was_named(root: Path) -> None:
    """Then whoever named it is told; a home that is not ours is passed over."""
    closed = "/" + 300 * "x"  # as for root, too, no folder can be called
    assert _endpoints(root, HOME=closed)[0] == "tcp://172.17.0.1:2375"
    assert _endpoints(root, DOCKER_CERT_PATH=closed)[0] == "tcp://172.17.0.1:2376"


def test_a_pod_probes_nobody(root: Path) -> None:
    """Kubernetes says so in every pod's environment."""
    assert _endpoints(root, KUBERNETES_SERVICE_HOST="10.0.0.1") == []


def test_a_hosts_network_probes_itself_alone(root: Path) -> None:
    """Neither a gateway nor a name."""
    assert _endpoints(root, (Link("docker0", "bridge"),)) == ["tcp://127.0.0.1:2375"]


def test_without_a_link_nobody_is_asked(root: Path) -> None:
    """Not even for a name: there is no network to ask by."""
    assert _endpoints(root, ()) == []


def test_behind_macvlan_only_the_given_name_is_tried(root: Path) -> None:
    """The router is not; a name that says what it means is."""
    assert _endpoints(root, (Link("eth0", "macvlan"),)) == [f"{HOST_NAME}:2375"]


def test_missing_tables_name_nobody(tmp_path: Path) -> None:
    """A root without proc is no reason to fail."""
    assert _endpoints(tmp_path) == [f"{HOST_NAME}:2375"]


@pytest.mark.parametrize(
    ("endpoint", "environ", "encrypted"),
    [
        ("tcp://box:2375", {}, False),
        ("tcp://box:2375", {"DOCKER_TLS_VERIFY": "0"}, True),
        ("tcp://box:2375", {"DOCKER_TLS_VERIFY": ""}, False),
        ("tcp://box:2376", {}, True),
        ("tcp://box:2376", {"DOCKER_CERT_PATH": "/nowhere"}, False),
        ("tcp://box", {"DOCKER_TLS_VERIFY": "1"}, True),
        ("ssh://box", {"DOCKER_TLS_VERIFY": "1"}, False),
    ],
)
def test_when_tls_is_spoken_to_a_named_engine(
    root: Path, endpoint: str, environ: dict[str, str], *, encrypted: bool
) -> None:
    """DOCKER_TLS_VERIFY with anything in it, or TLS's own port and certificates for it."""
    environ = {"DOCKER_CERT_PATH": str(root / "certs"), **environ}
    place = places(endpoint, environ, server_name="engine")[0]
    assert (place.tls is not None) is encrypted
    assert place.tls is None or place.tls.server_name == "engine"
    assert not place.guessed


def test_our_own_links_have_names_and_drivers() -> None:
    """The kernel is really asked; the loopback is left out."""
    assert all(link.name and link.name != "lo" for link in links(Path("/")))
