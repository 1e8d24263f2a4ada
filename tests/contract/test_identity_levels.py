"""What an agent without an engine does with an identity, by its level and by what it rests on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import member, text

if TYPE_CHECKING:
    from tests.contract.conftest import Serve

TRAPS = Path(__file__).parents[1] / "fixtures" / "identity-traps"
OURS = "a1b2c3d4" * 8
POD = "11112222-3333-4444-5555-666677778888"


@pytest.fixture
def assumed(tmp_path: Path) -> tuple[str, ...]:
    """Options for a container that only files name which containers can share, and no engine."""
    return _here("stale-short-hostname", tmp_path)


def _here(tree: str, folder: Path) -> tuple[str, ...]:
    root = shutil.copytree(TRAPS / tree, folder / tree)
    return ("--engine=off", f"--root={root}", f"--journal={folder}/journal")


def test_an_assumed_identity_holds_nothing_up(serve: Serve, assumed: tuple[str, ...]) -> None:
    """It is settled: ready, with figures, and shown with its level."""
    agent = serve(*assumed).ready()
    assert agent.api.ask("/readyz").status == 200
    identity = agent.api.ask("/v1/identity").json
    assert (text(identity, "id"), text(identity, "level")) == (OURS, "assumed")
    assert text(identity, "reason")
    assert agent.api.ask("/v1/stats").status == 200
    assert agent.api.ask("/v1/runs").status == 200


def test_an_assumed_identity_acts_nowhere(
    serve: Serve, assumed: tuple[str, ...], tmp_path: Path
) -> None:
    """No answer but that about the identity, no label and no file's name carries it."""
    agent = serve(*assumed).ready()
    own = agent.api.ask("/v1/self").json
    assert (member(own, "id"), member(own, "short_id")) == (None, None)
    assert member(own, "identity") == {"level": "assumed", "method": "kernel"}
    for path in ("/v1/self", "/metrics", "/v1/events", "/v1/runs", "/v1/engine"):
        assert OURS[:12] not in agent.api.ask(path).body.decode(), path
    assert "selfinspect_container_info{" in agent.api.text("/metrics")
    assert [path.name for path in (tmp_path / "journal").iterdir() if OURS[:12] in path.name] == []


def test_an_assumed_identity_acts_where_somebody_says_so(
    serve: Serve, assumed: tuple[str, ...]
) -> None:
    """Like an observed one, though its level stays."""
    agent = serve("--assume", *assumed).ready()
    assert agent.api.text("/v1/self/id") == f"{OURS}\n"
    assert agent.api.text("/v1/self/identity/level") == "assumed\n"
    assert f'id="{OURS}"' in agent.api.text("/metrics")


@pytest.mark.parametrize(("options", "code"), [((), 3), (("--assume",), 0)])
def test_a_script_beside_the_agent_is_told_what_the_agent_does(
    serve: Serve, assumed: tuple[str, ...], options: tuple[str, ...], code: int
) -> None:
    """`id` without an option asks the agent, whose options decide."""
    agent = serve(*options, *assumed).ready()
    address = str(agent.api.address).removeprefix("unix://").replace("/", "%2F")
    environ = {**os.environ, "SELFINSPECT_URI": f"http+unix://{address}"}
    verb = [sys.executable, "-m", "selfinspect", "id"]
    plain = subprocess.run(verb, env=environ, capture_output=True, text=True, check=False)
    assert (plain.returncode, plain.stdout) == (code, "" if code else f"{OURS}\n")
    document = subprocess.run(
        [*verb, "--json"], env=environ, capture_output=True, text=True, check=False
    )
    assert (document.returncode, json.loads(document.stdout)["id"]) == (code, OURS)


@pytest.mark.parametrize(("extra", "exported"), [([], "none"), (["--assume"], OURS)])
def test_run_exports_no_assumed_id(
    assumed: tuple[str, ...], extra: list[str], exported: str
) -> None:
    """CMD starts as soon as the agent is ready, without a variable that may be a neighbour's."""
    done = subprocess.run(
        [
            sys.executable, "-m", "selfinspect", "run", "--listen=127.0.0.1:0",
            "--metrics-listen=off", "--export-env", "--wait=5m", *extra, *assumed,
            "--", "sh", "-c", "echo ${SELFINSPECT_CONTAINER_ID-none} $SELFINSPECT_CONTAINER_NAME",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == f"{exported}\n"


@pytest.mark.parametrize(
    ("tree", "status"), [("crio-pod-cgroup-v1", 200), ("crio-pod-without-secrets", 503)]
)
def test_pod_and_container_name_need_no_engine(
    serve: Serve, tmp_path: Path, tree: str, status: int
) -> None:
    """Nor an ID: they are in the kubelet's mounts."""
    agent = serve(*_here(tree, tmp_path))
    agent.logged("identity.observed" if status == 200 else "identity.refused")
    expected = {"namespace": None, "pod": None, "pod_uid": POD, "container": "web"}
    assert agent.api.ask("/v1/self/kubernetes").json == expected
    assert agent.api.text("/v1/self/kubernetes/pod_uid") == f"{POD}\n"
    assert agent.api.ask("/v1/self").status == status
