"""Connections as the kernel keeps them."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from selfinspect.endpoint import Endpoint
from selfinspect.engine.http.pools import pool
from tests.support.tcp_front import TcpFront

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.canned_engine import CannedEngine


def test_a_peer_that_died_is_noticed_within_a_minute(engine: CannedEngine, tmp_path: Path) -> None:
    """By the kernel: nothing is sent to the engine, however long a stream is silent."""
    with TcpFront(tmp_path / "engine.sock") as front:
        made = pool(Endpoint(host="127.0.0.1", port=front.port), None)
        stream = made.urlopen("GET", "/v1.41/events", preload_content=False, timeout=60.0)
        engine.wait_for_streams(1)
        sock = getattr(stream.connection, "sock")  # noqa: B009 - the library's type has none
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        idle, interval, count = (
            sock.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        )
        assert idle + interval * count <= 60
        stream.close()
        made.close()
