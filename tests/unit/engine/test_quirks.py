"""What engines and runtimes do differently where that decides a proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.quirks import first_process, hides_processes, lister
from selfinspect.model import Engine

if TYPE_CHECKING:
    from selfinspect.engine.quirks import Lister
    from selfinspect.model import Json


@pytest.mark.parametrize(
    ("product", "version", "host_config", "expected"),
    [
        ("Docker", "20.10.24", {}, "machine"),
        ("Podman", "4.3.1", {"Privileged": False}, "image"),
        ("Podman", None, {"Privileged": False}, "image"),
        ("Podman", "5.8.6", {"Privileged": False, "CapAdd": None}, "namespace"),
        ("Podman", "5.8.6", {"Privileged": True}, "image"),
        ("Podman", "5.8.6", {"Privileged": False, "CapAdd": ["CAP_SYS_PTRACE"]}, "image"),
        ("Podman", "5.8.6", {}, "image"),
    ],
)
def test_whose_ps_it_is(
    product: str, version: str | None, host_config: dict[str, Json], expected: Lister
) -> None:
    """Docker's machine; Podman's image, but for newer ones where it cannot be tampered with."""
    engine = Engine("unix:///e", product, version, "1.41")
    assert lister(engine, {"HostConfig": host_config}) == expected


@pytest.mark.parametrize(
    ("by", "mode", "expected"),
    [
        ("machine", "", "4711"),
        ("machine", "host", "4711"),
        ("namespace", "", "1"),
        ("namespace", "private", "1"),
        ("namespace", "host", "4711"),
        ("namespace", "container:app", None),
        ("image", "", None),
    ],
)
def test_which_row_is_the_first_process(by: Lister, mode: str, expected: str | None) -> None:
    """By the machine's PIDs, or PID 1 where the container's own are listed."""
    inspect: Json = {"State": {"Pid": 4711}, "HostConfig": {"PidMode": mode}}
    assert first_process(by, inspect) == expected


@pytest.mark.parametrize(
    ("runtime", "hidden"),
    [
        ("runc", False),
        ("io.containerd.runc.v2", False),
        ("crun", False),
        ("nvidia", False),
        ("sysbox-runc", False),
        ("", False),
        ("kata-runtime", True),
        ("io.containerd.kata.v2", True),
        ("runsc", True),
        ("io.containerd.runsc.v1", True),
        ("kata-qemu", True),
    ],
)
def test_which_runtimes_hide_their_processes(runtime: str, *, hidden: bool) -> None:
    """Those with a machine or a kernel of their own."""
    assert hides_processes({"HostConfig": {"Runtime": runtime}}) is hidden
