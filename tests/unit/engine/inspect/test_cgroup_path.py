from __future__ import annotations

import pytest

from selfinspect.engine.inspect.limits import cgroup_path

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
