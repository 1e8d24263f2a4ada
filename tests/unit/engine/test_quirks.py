"""What engines and runtimes do differently where that decides a proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.quirks import (
    first_process,
    gives_cgroups,
    hides_processes,
    is_rootless,
    lister,
    named,
    product,
    proxy,
)
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


DOCKER: Json = {"Name": "Engine", "Version": "28.5.2"}


@pytest.mark.parametrize(
    ("server", "engine", "before"),
    [
        ("Docker/28.5.2 (linux)", ("Docker", "28.5.2"), None),
        ("nginx/1.22.1", ("Docker", None), "nginx"),
        ("Caddy, Docker/28.5.2 (linux)", ("Docker", "28.5.2"), "Caddy"),
        ("balena-engine", ("balena-engine", None), None),
        ("Libpod/5.8.0 (linux)", ("Docker", None), None),
        ("", ("Docker", None), None),
        ("/// (", ("Docker", None), None),
    ],
)
def test_the_headers_name_engine_and_proxy(
    server: str, engine: tuple[str, str | None], before: str | None
) -> None:
    """Whoever wrote `Server` last, and both where both did."""
    assert product({"Server": server}) == engine
    assert proxy({"Server": server}) == before


@pytest.mark.parametrize(
    ("release", "engine"),
    [
        (None, ("Docker", None)),
        ({}, ("Docker", None)),
        ({"Version": "28.5.2", "Components": [DOCKER]}, ("Docker", "28.5.2")),
        ({"Version": "5.8.6", "Components": [{"Name": "Podman Engine"}]}, ("Podman", "5.8.6")),
        ({"Version": "1.2", "Components": [None, 7, {"Name": ["Engine"]}]}, ("Docker", "1.2")),
        ({"Version": "28.5.2", "Platform": {"Name": "Docker Desktop"}}, ("Docker", "28.5.2")),
    ],
)
def test_the_release_names_what_the_headers_did_not(
    release: Json, engine: tuple[str, str | None]
) -> None:
    """By its components, else by its platform and version."""
    found = named(Engine("unix:///x", "Docker", None, "1.41"), release)
    assert (found.product, found.version) == engine


def test_what_the_headers_named_stays() -> None:
    """An engine's own word in its greeting is the shortest way."""
    greeted = Engine("unix:///x", "Docker", "20.10", "1.41")
    assert named(greeted, {"Components": [DOCKER]}) is greeted


@pytest.mark.parametrize(
    ("info", "rootless"),
    [
        ({"SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]}, True),
        ({"SecurityOptions": ["name=seccomp,profile=default"], "Rootless": True}, True),
        ({"SecurityOptions": ["name=seccomp,profile=default", "name=userns"]}, False),
        ({"SecurityOptions": None, "Rootless": "true"}, False),
        (None, False),
    ],
)
def test_a_rootless_engine_says_so(info: Json, *, rootless: bool) -> None:
    """Docker among its security options, Podman 4 beside them; nobody has to."""
    assert is_rootless(info) is rootless


@pytest.mark.parametrize(
    ("info", "gives"),
    [
        ({"CgroupDriver": "none", "CgroupVersion": "1"}, False),
        ({"CgroupDriver": "none", "CgroupVersion": "2"}, False),
        ({"CgroupDriver": "cgroupfs", "CgroupVersion": "1", "Rootless": True}, False),
        ({"CgroupDriver": "systemd", "CgroupVersion": "2", "Rootless": True}, True),
        ({"CgroupDriver": "cgroupfs", "CgroupVersion": "1"}, True),
        (None, True),
    ],
)
def test_a_rootless_engine_may_give_no_cgroups(info: Json, *, gives: bool) -> None:
    """Docker says so; Podman has a driver for what it cannot do on v1."""
    assert gives_cgroups(info) is gives
