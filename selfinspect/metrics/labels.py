"""The labels of every series about the container. Pure."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selfinspect.masking import Masking
    from selfinspect.metrics.families.family import Labels
    from selfinspect.model import Self

DEFAULT_LABELS = (
    "com.docker.compose.project",
    "com.docker.compose.service",
    "com.docker.compose.container-number",
    *(
        f"com.docker.swarm.{what}.{which}"
        for what in ("service", "task", "node")
        for which in ("id", "name")
    ),
    "com.docker.stack.namespace",
    "org.opencontainers.image.title",
    "org.opencontainers.image.version",
    "org.opencontainers.image.revision",
)


def container_labels(
    own: Self,
    *,
    cgroup_path: str | None,
    masking: Masking,
    admitted: Sequence[str] = DEFAULT_LABELS,
) -> Labels:
    """The labels on every `container_` series: `id`, `name`, `image` and admitted labels.

    Two labels that become the same name would make the whole page invalid: the first in sort
    order stays.

    Args:
        own: what is known of the container.
        cgroup_path: its cgroup as the host sees it, None where that is not known.
        masking: what is a secret here, where anyone may scrape.
        admitted: globs over the names of its labels.
    """
    labels = {
        "id": "" if own.id is None else cgroup_path or f"/docker/{own.id}",
        "name": own.name or "",
        "image": own.image.reference or "",
    }
    for key, value in sorted((own.labels or {}).items()):
        if any(fnmatchcase(key, glob) for glob in admitted):
            name = f"container_label_{re.sub(r'[^a-zA-Z0-9_]', '_', key)}"
            labels.setdefault(name, masking.value(key, value))
    return labels
