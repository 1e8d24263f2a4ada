"""What may be asked of candidates."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from selfinspect.engine.api.client import Prober
from selfinspect.engine.inspect.listings import Process
from selfinspect.errors import EngineDeniedError
from tests.support.canned_engine import Answer, CannedEngine
from tests.unit.engine.conftest import ID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.engine.api.connection import Connection
    from selfinspect.model import Json


def _query(request: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(request.split(" ")[1]).query)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (["1", "sh", "4026532321"], Process("1", "sh", "4026532321")),
        (["7", "my", "own app 4026532321"], Process("7", "my own app", "4026532321")),
        (["7", "sh", "<defunct> -"], Process("7", "sh <defunct>")),
        (["7", "sh", "-"], Process("7", "sh")),
    ],
)
def test_the_processes_of_a_candidate(
    engine: CannedEngine, connection: Connection, row: list[Json], expected: Process
) -> None:
    """A name may have spaces, at which the engine cuts the row; a namespace may be kept back."""
    engine.answers[f"/containers/{ID}/top"] = Answer(body={"Processes": [row]})
    assert Prober(connection).processes(ID, namespaces=True) == (expected,)
    assert _query(engine.requests[-1]) == {"ps_args": ["-eo pid,comm,mntns"]}


@pytest.mark.parametrize("rows", [[["1"], "odd", []], None])
def test_odd_rows_are_passed_over(engine: CannedEngine, connection: Connection, rows: Json) -> None:
    """As is an answer without any."""
    engine.answers[f"/containers/{ID}/top"] = Answer(body={"Processes": rows})
    assert Prober(connection).processes(ID, namespaces=True) == ()


def test_names_alone_are_asked_for_as_busybox_understands_it(
    engine: CannedEngine, connection: Connection
) -> None:
    """Its `ps` may know neither namespaces nor -e."""
    engine.answers[f"/containers/{ID}/top"] = Answer(body={"Processes": [["1", "my", "app"]]})
    assert Prober(connection).processes(ID, namespaces=False) == (Process("1", "my app"),)
    assert _query(engine.requests[-1]) == {"ps_args": ["-o pid,comm"]}


def _stat(text: str) -> Mapping[str, str]:
    return {"X-Docker-Container-Path-Stat": base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (_stat('{"mtime": "2026-11-21T12:36:01.1Z"}'), "2026-11-21T12:36:01.1Z"),
        (_stat("{}"), None),
        (_stat("no JSON"), None),
        (_stat("[]"), None),
        (_stat("[" * 30_000), None),
        ({"X-Docker-Container-Path-Stat": "é"}, None),
        ({"X-Docker-Container-Path-Stat": "abc"}, None),
        ({}, None),
    ],
)
def test_the_stamp_of_a_candidates_file(
    engine: CannedEngine,
    connection: Connection,
    headers: Mapping[str, str],
    expected: str | None,
) -> None:
    """When a file was modified stands in a header; what cannot be read is unknown."""
    engine.answers[f"/containers/{ID}/archive"] = Answer(headers=headers)
    assert Prober(connection).stamp(ID, "/.dockerenv") == expected
    assert engine.requests == [f"HEAD /v1.41/containers/{ID}/archive?path=%2F.dockerenv"]


def test_a_file_that_a_candidate_lacks_has_no_stamp(connection: Connection) -> None:
    """404 is an answer here; a denial is not."""
    assert Prober(connection).stamp(ID, "/.dockerenv") is None


def test_a_denied_stamp_is_a_denial(engine: CannedEngine, connection: Connection) -> None:
    """A proxy that lets no archive through says so."""
    engine.answers[f"/containers/{ID}/archive"] = Answer(405)
    with pytest.raises(EngineDeniedError):
        Prober(connection).stamp(ID, "/.dockerenv")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([{"Id": "a", "Created": 17}, {"Id": 5}, {}, "odd", {"Id": "b"}], {"a": 17, "b": 0}),
        (None, {}),
    ],
)
def test_the_running_containers(
    engine: CannedEngine, connection: Connection, body: Json, expected: dict[str, int]
) -> None:
    """Their IDs, as far as they are IDs, and when each was created."""
    engine.answers["/containers/json"] = Answer(body=body)
    assert Prober(connection).running() == expected


def test_an_engine_whose_name_a_proxy_keeps_back_is_asked_for_it(
    engine: CannedEngine, connection: Connection
) -> None:
    """So that Podman does not count as Docker while it is asked for a proof."""
    nameless = Prober(replace(connection, engine=replace(connection.engine, version=None)))
    podman: Json = {"Version": "4.3.1", "Components": [{"Name": "Podman Engine"}]}
    engine.answers["/version"] = Answer(body=podman)
    assert (nameless.engine().product, nameless.engine().version) == ("Podman", "4.3.1")
    engine.answers["/version"] = Answer(status=403)
    assert nameless.engine() == nameless.connection.engine


def test_an_engine_that_names_itself_is_not_asked_for_its_name(
    engine: CannedEngine, connection: Connection
) -> None:
    """It did, in its greeting."""
    assert Prober(connection).engine() == connection.engine
    assert engine.requests == []
