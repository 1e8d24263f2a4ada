"""OpenTelemetry's SDK loads the detector by itself."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.contract.conftest import environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.model import Json
    from tests.contract.conftest import Agent

# What an app with the SDK does at its start.
APP = """\
import json
from opentelemetry.sdk.resources import Resource
print(json.dumps(dict(Resource.create().attributes)))
"""


def resource(**variables: str) -> Mapping[str, Json]:
    """The attributes of an app's own resource."""
    asked = {"OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "selfinspect", **variables}
    ended = subprocess.run(
        [sys.executable, "-c", APP],
        env=environment(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stderr == ""
    attributes: Mapping[str, Json] = json.loads(ended.stdout)
    return attributes


def test_the_sdk_finds_the_container(web: Agent, inspect: Mapping[str, Json]) -> None:
    """Through its entry point, lists included."""
    path = web.api.address.removeprefix("unix://").replace("/", "%2F")
    found: Mapping[str, Json] = {}
    for _ in range(10):  # it waits a second for its agent, which a busy machine may take longer for
        found = found or resource(SELFINSPECT_URI=f"http+unix://{path}")
        found = found if "container.id" in found else {}
    assert found["container.id"] == inspect["Id"]
    assert found["container.name"] == "web"
    assert found["service.name"] == "web"
    assert found["container.image.name"] == "base"


def test_without_an_agent_the_resource_is_the_sdks_own() -> None:
    """Nothing is guessed, and nothing is logged."""
    assert not any(key.startswith("container.") for key in resource())
