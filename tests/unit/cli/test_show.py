"""`id`, `show` and `inspect`: which container this is, and the document about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from selfinspect.cli.show import paths
from selfinspect.jsonread import drill, segments

if TYPE_CHECKING:
    from pathlib import Path

    from selfinspect.model import Json
    from tests.unit.cli.conftest import Call

ID = "a1b2c3d4" * 8
DOCUMENT: Json = {
    "name": "web",
    "ports": {"8080": {"tcp": 49153}, "53": {"udp": None}},
    "port_bindings": {"8080/tcp": []},
    "mounts": [{"type": "bind"}, {"type": "tmpfs"}],
    "labels": {"a b": "1", "grün": "2", "100%": "3"},
}


def test_the_id_is_all_that_is_printed(call: Call, here: tuple[str, ...]) -> None:
    """So that a shell can take it as it is, whole or short."""
    assert call("id", *here).out == f"{ID}\n"
    assert call("id", "--short", *here).out == f"{ID[:12]}\n"


def test_json_is_what_the_agent_would_answer(call: Call, here: tuple[str, ...]) -> None:
    """Without an engine the kernel's word is observed, and says so."""
    outcome = call("id", "--json", *here)
    document = json.loads(outcome.out)
    assert outcome.code == 0
    assert (document["id"], document["level"], document["method"]) == (ID, "observed", "kernel")
    assert [each["source"] for each in document["candidates"]] == ["cgroup"]
    assert (document["engine"], document["tried"]) == (None, [])


def test_evidence_is_explained(call: Call, here: tuple[str, ...]) -> None:
    """The verdict first, then each candidate and the text in which it stood; no line is long."""
    outcome = call("id", "--explain", *here)
    identifier, verdict, *rest = outcome.out.splitlines()
    assert identifier == ID
    assert verdict.startswith("observed by kernel: our own files name it")
    assert any(line.startswith(f"{ID[:12]}  cgroup  container") for line in rest)
    assert f"  0::/docker/{ID[:12]}…" in rest
    assert max(map(len, outcome.out.splitlines())) < 80


@pytest.mark.parametrize("form", [(), ("--short",), ("--json",), ("--explain",)])
def test_no_identity_is_exit_3(call: Call, nowhere: tuple[str, ...], form: tuple[str, ...]) -> None:
    """Whatever the form, a script sees that there is none."""
    assert call("id", *form, *nowhere).code == 3


def test_a_refusal_is_reported_on_standard_error(call: Call, nowhere: tuple[str, ...]) -> None:
    """Nothing is printed that could be taken for an ID; a hint says how to go on."""
    outcome = call("id", *nowhere)
    assert outcome.out == ""
    error, hint = outcome.err.splitlines()
    assert error.startswith("selfinspect: error: ")
    assert hint.startswith("selfinspect: hint: ")


def test_json_of_a_refusal_has_a_null_id(call: Call, nowhere: tuple[str, ...]) -> None:
    """The document stands on standard output all the same."""
    outcome = call("id", "--json", *nowhere)
    document = json.loads(outcome.out)
    assert (document["id"], document["level"]) == (None, None)
    assert document["reason"]
    assert outcome.err == ""


def test_a_refusal_is_explained(call: Call, nowhere: tuple[str, ...]) -> None:
    """Without evidence the reason stands alone."""
    assert call("id", "--explain", *nowhere).out.startswith("no identity: ")


@pytest.mark.parametrize("form", [(), ("--short",)])
def test_an_assumed_id_is_reported_on_standard_error(
    call: Call, assumed: tuple[str, ...], form: tuple[str, ...]
) -> None:
    """A script gets none; a person reads which it would be, why it is not used, and what to do."""
    outcome = call("id", *form, *assumed)
    assert (outcome.code, outcome.out) == (3, "")
    error, hint = outcome.err.splitlines()
    assert f"only assumed to be {ID[:12]}" in error
    assert "joined" in error
    assert "--assume" in hint
    assert call("id", *form, "--assume", *assumed).out.strip() == (ID[:12] if form else ID)


def test_an_assumed_id_is_in_the_document_all_the_same(
    call: Call, assumed: tuple[str, ...]
) -> None:
    """With its level; the exit says that it is not used."""
    outcome = call("id", "--json", *assumed)
    document = json.loads(outcome.out)
    assert (outcome.code, document["id"], document["level"]) == (3, ID, "assumed")
    assert call("id", "--json", "--assume", *assumed).code == 0


def test_a_level_is_explained_in_words(
    call: Call, here: tuple[str, ...], assumed: tuple[str, ...]
) -> None:
    """Whoever reads no other page knows what it rests on, and whether it is used."""
    observed = call("id", "--explain", *here)
    assert observed.code == 0
    assert "observed by kernel: our own files name it" in observed.out
    assert "not used" not in observed.out
    shown = call("id", "--explain", *assumed)
    assert shown.code == 3
    assert "assumed by kernel: only files and names that containers can share" in shown.out
    assert "not used: mount the engine's socket" in shown.out
    assert max(map(len, shown.out.splitlines())) < 80
    assert "not used" not in call("id", "--explain", "--assume", *assumed).out


def test_the_places_tried_are_explained(call: Call, here: tuple[str, ...], tmp_path: Path) -> None:
    """An engine that was looked for and not found is named with the outcome."""
    socket = f"unix://{tmp_path}/none.sock"
    outcome = call("id", "--explain", *here, "--engine", socket)
    assert outcome.code == 0
    assert outcome.out.splitlines()[-2:] == [
        f"{'ENGINE':{len(socket)}}  OUTCOME",
        f"{socket}  missing",
    ]


@pytest.mark.parametrize("path", ["", "/"])
def test_everything_is_shown(call: Call, here: tuple[str, ...], path: str) -> None:
    """Without a path it is the whole document, every member of it, null where unknown."""
    outcome = call("show", path, *here)
    document = json.loads(outcome.out)
    assert (outcome.code, document["id"], document["hostname"]) == (0, ID, "box")
    assert (document["name"], document["engine"]) == (None, None)


@pytest.mark.parametrize(
    ("path", "out"),
    [
        ("short_id", f"{ID[:12]}\n"),
        ("/hostname", "box\n"),
        ("identity/level/", "observed\n"),
        ("name", "\n"),
    ],
)
def test_a_single_value_is_printed_as_it_is(
    call: Call, here: tuple[str, ...], path: str, out: str
) -> None:
    """Raw, with a newline; null is an empty line."""
    outcome = call("show", path, *here)
    assert (outcome.code, outcome.out) == (0, out)


def test_an_object_is_json(call: Call, here: tuple[str, ...]) -> None:
    """What has members is JSON, with null for what only an engine knows."""
    assert json.loads(call("show", "image", *here).out)["digests"] is None


@pytest.mark.parametrize("path", ["name", "ports/8080/tcp", "image/id", "engine"])
def test_what_a_named_engine_would_say_is_4_while_it_is_away(
    call: Call, here: tuple[str, ...], path: str
) -> None:
    """One error with its hint, and nothing for a script to take for a value."""
    outcome = call("show", path, "--engine=unix:///no/such.sock", *here[2:])
    assert (outcome.code, outcome.out) == (4, "")
    error, hint = outcome.err.splitlines()
    assert error == "selfinspect: error: no engine socket at /no/such.sock"
    assert hint.startswith("selfinspect: hint: ")


@pytest.mark.parametrize("path", ["hostname", "limits", "kubernetes", "id"])
def test_what_the_kernel_says_is_shown_while_a_named_engine_is_away(
    call: Call, here: tuple[str, ...], path: str
) -> None:
    """A limit that is null is none."""
    assert call("show", path, "--engine=unix:///no/such.sock", *here[2:]).code == 0


def test_what_an_engine_would_say_is_4_where_none_answers(
    call: Call, here: tuple[str, ...]
) -> None:
    """Also where none was named: one was looked for."""
    outcome = call("show", "name", *here[2:], environ={"DOCKER_HOST": "unix:///no/such.sock"})
    assert (outcome.code, outcome.out) == (4, "")
    assert "hint" in outcome.err
    assert call("show", "previous_run", *here[2:], "--engine=unix:///no/such.sock").out == "\n"


def test_with_the_engine_switched_off_an_unknown_value_is_an_empty_line(
    call: Call, here: tuple[str, ...]
) -> None:
    """Nobody looks for one."""
    outcome = call("show", "name", *here)
    assert (outcome.code, outcome.out, outcome.err) == (0, "\n", "")


@pytest.mark.parametrize("path", ["nope", "image/nope", "id/0", "image%2Fid", "image//id"])
def test_an_unknown_member_is_exit_1(call: Call, here: tuple[str, ...], path: str) -> None:
    """The message lists what is there."""
    outcome = call("show", path, *here)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("selfinspect: error: no member ")


@pytest.mark.parametrize("path", ["%ff", "\udcff"])
def test_a_path_that_is_no_utf_8_is_exit_2(call: Call, here: tuple[str, ...], path: str) -> None:
    """Bytes that are no text are the caller's mistake, however they come."""
    outcome = call("show", path, *here)
    assert (outcome.code, outcome.out) == (2, "")
    [line] = outcome.err.splitlines()
    assert line.startswith("selfinspect show: error: a path segment is not UTF-8")


def test_without_an_identity_the_engine_that_failed_is_named(
    call: Call, nowhere: tuple[str, ...]
) -> None:
    """Whoever mistyped a socket's path sees it."""
    outcome = call("show", "id", "--engine", "unix:///no/such.sock", *nowhere[2:])
    assert outcome.code == 3
    assert "/no/such.sock" in outcome.err


def test_nothing_is_shown_without_an_identity(call: Call, nowhere: tuple[str, ...]) -> None:
    """Nothing is shown of nobody."""
    outcome = call("show", "id", *nowhere)
    assert (outcome.code, outcome.out) == (3, "")


@pytest.mark.parametrize(
    ("incomplete", "completed"),
    [
        ("", ["name", "ports", "port_bindings", "mounts", "labels"]),
        ("po", ["ports", "port_bindings"]),
        ("na", ["name"]),
        ("ports", ["ports", "ports/8080", "ports/53"]),
        ("ports/", ["ports/8080", "ports/53"]),
        ("ports/8", ["ports/8080", "ports/8080/tcp"]),
        ("ports/8080/t", ["ports/8080/tcp"]),
        ("port_", ["port_bindings", "port_bindings/8080%2Ftcp"]),
        ("mounts/", ["mounts/0", "mounts/1"]),
        ("nope", []),
        ("nope/", []),
        ("name/", []),
        ("/na", ["/name"]),
    ],
)
def test_members_complete_a_path(incomplete: str, completed: list[str]) -> None:
    """Those that begin so; of one that alone is left, its own as well."""
    assert paths(DOCUMENT, incomplete) == completed


def test_what_completes_leads_there() -> None:
    """A name is written as a path takes it, whatever stands in it."""
    found = [drill(DOCUMENT, segments(f"/{path}".encode(), "")) for path in paths(DOCUMENT, "lab")]
    assert found[1:] == ["1", "2", "3"]
