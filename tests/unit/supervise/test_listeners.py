"""Listening sockets."""

from __future__ import annotations

import errno
import os
import socket
import stat
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from selfinspect.listen import DEFAULT_METRICS, ListenAddress, parse_listen
from selfinspect.supervise.listeners import bind, bound, claim, share, silence, usual_metrics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOOPBACK = ListenAddress("127.0.0.1", 0)


@pytest.fixture
def taken() -> Iterator[ListenAddress]:
    """An address on which another program listens."""
    with closing(bind(LOOPBACK)) as listener:
        yield bound(listener)


@pytest.mark.parametrize("text", ["127.0.0.1:0", "[::1]:0", "[::]:0", "unix://"])
def test_a_listener_is_reached_at_its_own_uri(text: str, tmp_path: Path) -> None:
    """A listener knows its address, with the port it was given, and answers there."""
    address = parse_listen(text) if text != "unix://" else ListenAddress(path=f"{tmp_path}/a")
    with closing(bind(address)) as listener, socket.socket(listener.family) as client:
        client.connect(listener.getsockname())
        assert bound(listener).path == address.path
        assert bound(listener).host == address.host
        assert bool(bound(listener).port) is not bool(address.path)


def test_tcp_is_named_so_that_asyncio_sees_it() -> None:
    """A TCP listener carries its protocol, without which asyncio leaves Nagle's delay on."""
    with closing(bind(LOOPBACK)) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_the_ipv6_wildcard_takes_ipv4_too() -> None:
    """`[::]` is dual stack."""
    with closing(bind(ListenAddress("::", 0))) as listener:
        port = bound(listener).port
        with socket.create_connection(("127.0.0.1", port)):
            pass


def test_a_taken_port_is_refused(taken: ListenAddress) -> None:
    """A port on which another listens cannot be had."""
    with pytest.raises(OSError, match="in use"):
        bind(taken)


def test_a_unix_socket_is_for_owner_and_group(tmp_path: Path) -> None:
    """The socket file has mode 0660, whatever the umask."""
    path = tmp_path / "a.sock"
    with closing(bind(ListenAddress(path=str(path)))):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_a_stale_unix_socket_is_replaced(tmp_path: Path) -> None:
    """A socket file left by a listener that is gone does not stand in the way."""
    address = ListenAddress(path=str(tmp_path / "a.sock"))
    bind(address).close()
    with closing(bind(address)), socket.socket(socket.AF_UNIX) as client:
        client.connect(address.path)


def test_a_unix_socket_in_use_is_left_alone(tmp_path: Path) -> None:
    """A socket file behind which somebody listens is not taken over."""
    address = ListenAddress(path=str(tmp_path / "a.sock"))
    with closing(bind(address)), socket.socket(socket.AF_UNIX) as client:
        with pytest.raises(OSError, match="in use"):
            bind(address)
        client.connect(address.path)


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    """A file of another kind at the path is neither removed nor replaced."""
    path = tmp_path / "data"
    path.write_text("precious")
    with pytest.raises(OSError, match="in use"):
        bind(ListenAddress(path=str(path)))
    assert path.read_text() == "precious"


def test_a_taken_default_becomes_a_free_port(
    taken: ListenAddress, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where nothing was asked for, a neighbour's port is answered with a free one, and said."""
    [listener] = claim(None, taken)
    with closing(listener):
        assert bound(listener).host == taken.host
        assert bound(listener).port != taken.port
        moved = f"listen.moved address={taken} to={bound(listener)}\n"
    assert capfd.readouterr().err == f"selfinspect run: {moved}"


def test_what_was_asked_for_is_not_replaced(
    taken: ListenAddress, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of the addresses asked for, a taken one is logged and left out, the others are bound."""
    listeners = claim([taken, LOOPBACK], LOOPBACK)
    with ExitStack() as stack:
        for listener in listeners:
            stack.enter_context(closing(listener))
        assert len(listeners) == 1
    failed = f"listen.failed address={taken} error='Address already in use'\n"
    assert capfd.readouterr().err == f"selfinspect run: {failed}"


def test_where_nothing_could_be_understood_nothing_listens() -> None:
    """An empty list binds nothing, not even the default."""
    assert claim([], LOOPBACK) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a socket away takes root")
@pytest.mark.parametrize("instead", ["nothing", "a link", "another socket"])
def test_a_socket_is_shared_and_nothing_in_its_place(tmp_path: Path, instead: str) -> None:
    """A group gets what we made, not what a link or a second name leads to."""
    path, other = tmp_path / "api.sock", tmp_path / "docker.sock"
    with (
        closing(bind(ListenAddress(path=str(other)))),
        closing(bind(ListenAddress(path=str(path)))) as listener,
    ):
        if instead != "nothing":
            path.unlink()
            path.symlink_to(other) if instead == "a link" else path.hardlink_to(other)
        share([listener], 4711)
    assert other.stat().st_gid != 4711
    assert (path.stat().st_gid == 4711) == (instead == "nothing")


def test_a_silenced_listener_refuses_and_keeps_its_port() -> None:
    """Callers of a silenced listener are refused at once, and nobody else gets its port."""
    with closing(bind(LOOPBACK)) as first:
        address = bound(first)
    with closing(bind(address)) as listener:
        silence(listener)
        with socket.socket() as client:
            assert client.connect_ex((address.host, address.port)) == errno.ECONNREFUSED
        with pytest.raises(OSError, match="in use"):
            bind(address)


@pytest.mark.parametrize(
    ("mark", "usual"),
    [
        ("", str(DEFAULT_METRICS)),
        ("device", "127.0.0.1:10311"),
        ("bridge", "127.0.0.1:10311"),
    ],
)
def test_metrics_stay_inside_a_hosts_network(mark: str, usual: str, tmp_path: Path) -> None:
    """Hardware or a bridge among the interfaces makes them a host's: metrics keep to loopback."""
    (tmp_path / "lo" / mark).mkdir(parents=True)
    assert str(usual_metrics(str(tmp_path))) == usual


def test_what_is_not_among_our_interfaces_makes_no_host(tmp_path: Path) -> None:
    """A host's folder mounted in a container shows interfaces that are not the container's."""
    (tmp_path / "not-ours" / "bridge").mkdir(parents=True)
    assert usual_metrics(str(tmp_path)) == DEFAULT_METRICS
