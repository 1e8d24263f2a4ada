from __future__ import annotations

import pytest

from selfinspect.engine.inspect.describe import compose_of, kubernetes_of, swarm_of
from selfinspect.model import Compose, Kubernetes, Swarm


def test_a_compose_container_knows_its_place() -> None:
    """Project, service and number come from Compose's labels."""
    labels = {
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": "web",
        "com.docker.compose.container-number": "2",
    }
    assert compose_of(labels) == Compose(project="shop", service="web", number=2)


@pytest.mark.parametrize("number", ["", "two", "-1", "1.5", "²", "9" * 5000])
def test_a_number_that_is_none_is_unknown(number: str) -> None:
    """A label anybody can set is not trusted to hold a number."""
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.container-number": number}
    assert compose_of(labels) == Compose(project="shop", service=None, number=None)


def test_a_swarm_task_knows_its_slot() -> None:
    """The slot stands in the task's name, behind a service name that may hold dots."""
    labels = {
        "com.docker.swarm.task.name": "shop.web.3.xyz",
        "com.docker.swarm.service.name": "shop.web",
        "com.docker.swarm.node.id": "n1",
    }
    assert swarm_of(labels) == Swarm(service="shop.web", task="shop.web.3.xyz", slot=3, node="n1")


@pytest.mark.parametrize("task", ["web.nodeid.xyz", "odd", ""])
def test_a_global_task_has_no_slot(task: str) -> None:
    """A global service has a node's ID in the slot's place."""
    found = swarm_of({"com.docker.swarm.task.name": task})
    assert found == Swarm(service=None, task=task, slot=None, node=None)


def test_a_pods_container_knows_its_place() -> None:
    """Namespace, pod and container come from the kubelet's labels."""
    labels = {
        "io.kubernetes.pod.name": "web-0",
        "io.kubernetes.pod.namespace": "shop",
        "io.kubernetes.pod.uid": "5f2c",
        "io.kubernetes.container.name": "web",
    }
    assert kubernetes_of(labels) == Kubernetes("shop", "web-0", "5f2c", "web")


def test_outside_of_an_orchestrator_there_is_no_place() -> None:
    """Labels of a service alone make nobody a member of anything."""
    labels = {"com.docker.compose.service": "web", "com.docker.swarm.service.name": "web"}
    assert (compose_of(labels), swarm_of(labels), kubernetes_of(labels)) == (None, None, None)
