"""What the container is, as OpenTelemetry's resource attributes. Pure.

Keys are those of the semantic conventions for resources (container, host, k8s, oci, service) as of
version 1.37. How `OTEL_RESOURCE_ATTRIBUTES` is written: the specification of the SDK's environment
variables and of resources ("the format is that of W3C Baggage": `key=value` pairs between commas,
values percent-encoded).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from selfinspect.exports import MASK
from selfinspect.exports.own import RESOURCE, exported, fitting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.model import Self

_VERSION = "org.opencontainers.image.version"
_STACK = "com.docker.stack.namespace"
_SAFE = "-._~:/@"  # "+" is a blank to some readers, as in a form


def of_container(
    own: Self, gateway: str | None, environ: Mapping[str, str]
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The variables of the sets `self` and `otel`, and why others are left out.

    Args:
        own: the container's document.
        gateway: the address of its network's gateway, None where it has none.
        environ: its environment, whose own resource attributes stay.
    """
    variables = exported(own, gateway)
    resource = merged(environ.get(RESOURCE, ""), attributes(own))
    return fitting({**variables, RESOURCE: resource} if resource else variables)


def attributes(own: Self) -> dict[str, str]:
    """The attributes with one value, by key; what is unknown or masked has none."""
    name, _ = image_name(own.image.reference or "")
    service, namespace = _service(own)
    labels = own.labels or {}
    kubernetes = own.kubernetes
    found = {
        "container.id": own.id,
        "container.name": own.name,
        "container.image.name": name or None,
        "container.image.id": own.image.id,
        "oci.manifest.digest": _digest(own),
        "container.runtime.name": own.engine.product.lower() if own.engine else None,
        "service.name": service,
        "service.namespace": namespace,
        "service.version": labels.get(_VERSION),
        "service.instance.id": own.id,
        "host.name": own.host.name if own.host else None,
        "k8s.pod.uid": kubernetes.pod_uid if kubernetes else None,
        "k8s.container.name": kubernetes.container if kubernetes else None,
    }
    return {key: value for key, value in found.items() if value and MASK not in value}


def lists(own: Self) -> dict[str, tuple[str, ...]]:
    """The attributes with several values, which a variable cannot hold."""
    _, tag = image_name(own.image.reference or "")
    found = {
        "container.image.tags": (tag,) if tag else (),
        "container.image.repo_digests": own.image.digests or (),
    }
    return {
        key: values
        for key, values in found.items()
        if values and not any(MASK in value for value in values)
    }


def merged(given: str, own: Mapping[str, str]) -> str:
    """The variable with our attributes after the user's.

    What the user wrote stays first and as it is, broken pairs included; a key that the user has
    is not repeated.

    Args:
        given: the variable's present text.
        own: our attributes.
    """
    theirs = {unquote(pair.partition("=")[0].strip()) for pair in given.split(",")}
    ours = [f"{key}={quote(value, safe=_SAFE)}" for key, value in own.items() if key not in theirs]
    if not given.strip():
        return ",".join(ours)
    between = "" if given.rstrip().endswith(",") else ","
    return given + between + ",".join(ours) if ours else given


def image_name(reference: str) -> tuple[str, str | None]:
    """An image's name and its tag, from what was typed to start the container.

    The tag follows the last colon, unless a slash follows that: then it is a registry's port.
    """
    if reference.startswith("sha256:"):
        return "", None
    name, _, _ = reference.partition("@")
    base, colon, tag = name.rpartition(":")
    return (base, tag) if colon and "/" not in tag else (name, None)


def _digest(own: Self) -> str | None:
    first = (own.image.digests or ("",))[0]
    return first.partition("@")[2] or None


def _service(own: Self) -> tuple[str | None, str | None]:
    """The service's name and what it is a part of; Swarm writes a stack's name in front of it."""
    if own.compose:
        return own.compose.service, own.compose.project
    if own.swarm and own.swarm.service:
        stack = (own.labels or {}).get(_STACK)
        return own.swarm.service.removeprefix(f"{stack}_") if stack else own.swarm.service, stack
    return None, None
