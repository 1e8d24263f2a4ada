"""Where the engine put a container's cgroup, as the host sees it. Pure."""

from __future__ import annotations


def cgroup_path(container: str, *, driver: str, parent: str, podman: bool = False) -> str:
    """The path that cAdvisor calls a container's `id`.

    Args:
        container: the full ID.
        driver: the engine's `CgroupDriver`, `cgroupfs` or `systemd`.
        parent: the container's `CgroupParent`, empty for the engine's default.
        podman: whether the engine is Podman, which has names of its own.
    """
    if driver != "systemd":
        default, name = ("libpod_parent", "libpod-") if podman else ("docker", "")
        return f"{_absolute(parent or default)}/{name}{container}"
    default, name = ("machine.slice", "libpod") if podman else ("system.slice", "docker")
    return f"{_slice(parent or default)}/{name}-{container}.scope"


def _absolute(parent: str) -> str:
    return f"/{parent.strip('/')}"


def _slice(name: str) -> str:
    """A systemd slice's path: `a-b.slice` lies in `a.slice` (systemd.slice(5))."""
    parts = name.strip("/").removesuffix(".slice").split("-")
    return "".join(f"/{'-'.join(parts[: depth + 1])}.slice" for depth in range(len(parts)))
