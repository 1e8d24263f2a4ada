"""OpenTelemetry's resource attributes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.resources import OTELResourceDetector

from selfinspect.exports.otel import attributes, image_name, lists, merged
from selfinspect.model import Image, Kubernetes, Swarm
from tests.unit.exports.test_own import BARE, FULL

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


def parsed(variable: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What the SDK makes of the variable."""
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", variable)
    return dict(OTELResourceDetector().detect().attributes)


def test_a_compose_container_has_every_attribute() -> None:
    """Keys are the semantic conventions'."""
    assert attributes(FULL) == {
        "container.id": "a1" * 32,
        "container.name": "shop-web-2",
        "container.image.name": "registry:5000/web",
        "container.image.id": "sha256:1",
        "oci.manifest.digest": "sha256:2",
        "container.runtime.name": "docker",
        "service.name": "web",
        "service.namespace": "shop",
        "service.version": "1.4",
        "service.instance.id": "a1" * 32,
        "host.name": "node-1",
    }
    assert lists(FULL) == {
        "container.image.tags": ("1",),
        "container.image.repo_digests": ("web@sha256:2",),
    }


def test_what_is_not_known_has_no_attribute() -> None:
    """Without an engine there is the ID alone, and in a pod what the kubelet says."""
    assert attributes(BARE) == {"container.id": "a1" * 32, "service.instance.id": "a1" * 32}
    pod = replace(BARE, kubernetes=Kubernetes(None, None, "5f2c", "web"))
    assert attributes(pod)["k8s.pod.uid"] == "5f2c"
    assert attributes(pod)["k8s.container.name"] == "web"
    assert lists(BARE) == {}


def test_what_is_masked_has_no_attribute() -> None:
    """A secret in a label is not sent to a collector."""
    hidden = replace(FULL, labels={"org.opencontainers.image.version": "[masked]"})
    assert "service.version" not in attributes(hidden)


@pytest.mark.parametrize(
    ("stack", "service"), [("shop", "web"), (None, "shop_web")], ids=["stack", "none"]
)
def test_a_swarm_service_is_named_without_its_stack(stack: str | None, service: str) -> None:
    """Swarm writes the stack in front of the service's own name."""
    labels = {} if stack is None else {"com.docker.stack.namespace": stack}
    own = replace(FULL, compose=None, labels=labels, swarm=Swarm("shop_web", "t", 1, "n"))
    found = attributes(own)
    assert (found["service.name"], found.get("service.namespace")) == (service, stack)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("web", ("web", None)),
        ("web:1.2", ("web", "1.2")),
        ("host:5000/web", ("host:5000/web", None)),
        ("host:5000/a/web:1@sha256:aa", ("host:5000/a/web", "1")),
        ("web@sha256:aa", ("web", None)),
        ("sha256:aa", ("", None)),
        ("", ("", None)),
    ],
)
def test_a_tag_is_told_from_a_port(reference: str, expected: tuple[str, str | None]) -> None:
    """What was typed to start the container is a name, and at most one tag."""
    assert image_name(reference) == expected
    own = replace(BARE, image=Image(reference))
    assert attributes(own).get("container.image.name", "") == expected[0]


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("", "a=1,b=2"),
        ("  ", "a=1,b=2"),
        ("x=y", "x=y,a=1,b=2"),
        ("a=mine", "a=mine,b=2"),
        (" a = mine , c=%20", " a = mine , c=%20,b=2"),
        ("%61=mine", "%61=mine,b=2"),
        ("broken,=,x", "broken,=,x,a=1,b=2"),
        ("x=y,", "x=y,a=1,b=2"),
        ("a=1,b=1", "a=1,b=1"),
    ],
)
def test_what_the_user_wrote_stays_first_and_wins(given_text: str, expected: str) -> None:
    """Byte for byte, broken pairs included; no key twice."""
    assert merged(given_text, {"a": "1", "b": "2"}) == expected


@given(value=TEXT)
def test_any_value_survives_the_trip_through_the_sdk(value: str) -> None:
    """Commas, equals signs, percent signs, blanks, any script."""
    with pytest.MonkeyPatch.context() as patch:
        found = parsed(merged("k=v", {"service.version": value}), patch)
    assert found == {"k": "v", "service.version": value}
