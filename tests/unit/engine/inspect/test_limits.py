"""What binds a container: its limits, and the path of its cgroup."""

from __future__ import annotations

import pytest

from selfinspect.engine.inspect.limits import cgroup_path, specification
from selfinspect.engine.quirks import PODMAN
from selfinspect.model import Json, Specification

ID = "ab" * 32


@pytest.mark.parametrize(
    ("driver", "parent", "expected"),
    [
        ("cgroupfs", "", f"/docker/{ID}"),
        ("cgroupfs", "/shop/web/", f"/shop/web/{ID}"),
        ("cgroupfs", "shop", f"/shop/{ID}"),
        ("systemd", "", f"/system.slice/docker-{ID}.scope"),
        ("systemd", "shop.slice", f"/shop.slice/docker-{ID}.scope"),
        (
            "systemd",
            "shop-web-blue.slice",
            f"/shop.slice/shop-web.slice/shop-web-blue.slice/docker-{ID}.scope",
        ),
    ],
)
def test_the_path_follows_driver_and_parent(driver: str, parent: str, expected: str) -> None:
    """Cgroupfs nests folders, systemd nests slices by the dashes in their names."""
    assert cgroup_path(ID, driver=driver, parent=parent) == expected


@pytest.mark.parametrize(
    ("driver", "expected"),
    [
        ("cgroupfs", f"/libpod_parent/libpod-{ID}"),
        ("systemd", f"/machine.slice/libpod-{ID}.scope"),
    ],
)
def test_podman_has_names_of_its_own(driver: str, expected: str) -> None:
    """As its record of quirks has them."""
    assert cgroup_path(ID, driver=driver, parent="", quirks=PODMAN) == expected


@pytest.mark.parametrize(
    ("host", "quota", "period"),
    [
        ({"NanoCpus": 1_500_000_000}, 150_000, 100_000),
        ({"CpuQuota": 25_000, "CpuPeriod": 50_000}, 25_000, 50_000),
        ({"CpuQuota": 25_000}, 25_000, 100_000),
        ({"NanoCpus": 0, "CpuQuota": -1}, None, None),
        ({}, None, None),
    ],
)
def test_a_quota_and_its_period(
    host: dict[str, Json], quota: int | None, period: int | None
) -> None:
    """`--cpus` over the usual period; a quota over its own."""
    found = specification({"HostConfig": host})
    assert found is not None
    assert (found.cpu_quota, found.cpu_period) == (quota, period)


def test_unlimited_is_zero_and_shares_have_a_default() -> None:
    """However an engine writes it: -1, 0 or nothing."""
    host: Json = {"Memory": 0, "MemorySwap": -1, "CpuShares": 0}
    assert specification({"HostConfig": host}) == Specification(0, 0, 0, 1024)


def test_limits_as_configured() -> None:
    """Not as far as the machine goes."""
    host: Json = {"Memory": 1 << 62, "MemorySwap": 2, "MemoryReservation": 3, "CpuShares": 4}
    assert specification({"HostConfig": host}) == Specification(1 << 62, 2, 3, 4)


def test_without_an_engine_nothing_is_configured() -> None:
    """The kernel is asked then."""
    assert specification(None) is None
