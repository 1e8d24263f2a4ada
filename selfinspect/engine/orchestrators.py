"""What orchestrators write on the containers they start: their labels, read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.engine.access import decimal
from selfinspect.model import Compose, Kubernetes, Swarm

if TYPE_CHECKING:
    from collections.abc import Mapping


def compose(labels: Mapping[str, str]) -> Compose | None:
    """The place in a Compose project; None outside of one."""
    project = labels.get("com.docker.compose.project")
    if project is None:
        return None
    return Compose(
        project=project,
        service=labels.get("com.docker.compose.service"),
        number=decimal(labels.get("com.docker.compose.container-number")),
    )


def swarm(labels: Mapping[str, str]) -> Swarm | None:
    """The place in a Swarm; None outside of one.

    A task's name is `<service>.<slot>.<task ID>`; a global service has a node's ID as slot.
    """
    task = labels.get("com.docker.swarm.task.name")
    if task is None:
        return None
    parts = task.rsplit(".", 2)
    return Swarm(
        service=labels.get("com.docker.swarm.service.name"),
        task=task,
        slot=decimal(parts[1]) if len(parts) == 3 else None,  # noqa: PLR2004
        node=labels.get("com.docker.swarm.node.id"),
    )


def kubernetes(labels: Mapping[str, str]) -> Kubernetes | None:
    """The place in a Kubernetes cluster, as the kubelet labels it; None outside of one."""
    pod = labels.get("io.kubernetes.pod.name")
    if pod is None:
        return None
    return Kubernetes(
        namespace=labels.get("io.kubernetes.pod.namespace"),
        pod=pod,
        pod_uid=labels.get("io.kubernetes.pod.uid"),
        container=labels.get("io.kubernetes.container.name"),
    )
