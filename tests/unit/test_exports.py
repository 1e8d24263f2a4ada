"""The variables that tell of a container."""

from __future__ import annotations

import pytest

from selfinspect.exports import exported, is_exported
from selfinspect.model import IdentitySummary, Image, Self

IDENTITY = IdentitySummary("proven", "layer")


def test_what_is_known_has_a_variable() -> None:
    """ID, name, image, and each host port by the container's port and protocol."""
    own = Self(
        id="a1" * 32,
        short_id="a1" * 6,
        name="app",
        image=Image("registry/app:1"),
        ports={"8080": {"tcp": 49153, "udp": None}, "53": {"udp": 1053}},
        identity=IDENTITY,
    )
    assert exported(own) == {
        "SELFINSPECT_CONTAINER_ID": "a1" * 32,
        "SELFINSPECT_CONTAINER_NAME": "app",
        "SELFINSPECT_CONTAINER_IMAGE": "registry/app:1",
        "SELFINSPECT_HOST_PORT_8080_TCP": "49153",
        "SELFINSPECT_HOST_PORT_53_UDP": "1053",
    }
    assert all(is_exported(name) for name in exported(own))


def test_what_is_not_known_has_none() -> None:
    """Without an engine there is the ID alone."""
    own = Self(id="a1" * 32, short_id="a1" * 6, identity=IDENTITY)
    assert exported(own) == {"SELFINSPECT_CONTAINER_ID": "a1" * 32}


@pytest.mark.parametrize(
    "name", ["PATH", "SELFINSPECT_URI", "SELFINSPECT_CONTAINER", "SELFINSPECT_WAIT"]
)
def test_other_variables_are_not_of_them(name: str) -> None:
    """Neither the options' variables nor anyone else's."""
    assert not is_exported(name)
