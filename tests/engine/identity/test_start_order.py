"""Compose's order: an app and its sidecar are both created, and then both started."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import text
from tests.engine.identity.conftest import KERNEL, WAYS, documents

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.model import Json
    from tests.engine.conftest import Engine
    from tests.engine.identity.conftest import Bench

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("cgroupns", ["host", "private"])
def test_a_sidecar_is_not_its_app_whoever_was_created_first(
    bench: Bench, engine: Engine, cgroupns: str
) -> None:
    """At the first start of both, and after a stop and start of both, as at every reboot."""
    ways = (*WAYS, KERNEL)
    engines = ("off" if way == KERNEL else f"unix:///ways/{way}" for way in ways)
    looks = "; ".join(f"selfinspect id --json --engine {one}" for one in engines)
    app = engine.docker("create", engine.busybox, "sleep", "1000000")
    sidecar = engine.docker(
        "create", "--network", f"container:{app}", "--cgroupns", cgroupns,
        "--volume", f"{bench.sockets}:/ways", "--entrypoint", "sh", engine.image,
        "-c", f"{looks}; true",
    )  # fmt: skip
    engine.started += [sidecar, app]
    for _ in range(2):
        engine.docker("start", app)
        engine.docker("start", sidecar)
        engine.docker("wait", sidecar)
        engine.docker("stop", "--time", "0", app)
    printed = list(documents(engine.docker("logs", sidecar)))
    for start in (printed[: len(ways)], printed[len(ways) :]):
        told: Mapping[str, Json] = dict(zip(ways, start, strict=True))
        for way, document in told.items():
            identifier, level = text(document, "id"), text(document, "level")
            assert identifier in (sidecar, None) or (way, level) == (KERNEL, "assumed"), document
        assert [text(told[way], "level") for way in WAYS if way != "none"] == ["proven"] * 3
