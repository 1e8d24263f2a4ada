from __future__ import annotations

import pytest

from selfinspect.kernel.memory import memory


@pytest.mark.parametrize("limit", [2**63 - 4096, 2**63 - 65536, 2**64 - 1, 0, None])
def test_a_limit_out_of_reach_is_none(limit: int | None) -> None:
    """Cgroup v1's "no limit" is a number near 2^63, whatever the page size."""
    figures, _ = memory({"inactive_file": 1}, usage=10, limit=limit)
    assert (figures.limit_bytes, figures.percent) == (None, None)


def test_working_set_is_never_negative() -> None:
    """Inactive file memory counted a moment later than the usage may exceed it."""
    assert memory({"inactive_file": 11}, usage=10, limit=None)[0].working_set_bytes == 0


def test_working_set_is_unknown_without_statistics() -> None:
    """Usage alone does not tell how much of it could be reclaimed."""
    assert memory({}, usage=10, limit=100)[0].working_set_bytes is None


def test_v1_is_not_read_by_v2_names() -> None:
    """Where `total_` figures stand, the plain ones are the parent's without its children."""
    stat = {"inactive_file": 1, "total_inactive_file": 4}
    assert memory(stat, usage=10, limit=None)[0].working_set_bytes == 6
