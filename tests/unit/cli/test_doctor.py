"""`doctor`: the checks, for a person and for a program."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from selfinspect.cli import main
from selfinspect.cli.doctor import _agents_view
from selfinspect.cli.streams import Streams
from selfinspect.client import AgentAddress
from tests.support.canned_container import ID as CONTAINER
from tests.support.canned_container import lay_container
from tests.support.canned_engine import PING, Answer, CannedEngine, recorded

if TYPE_CHECKING:
    from pathlib import Path

    from selfinspect.model import Json
    from tests.unit.cli.conftest import Call


class Terminal(io.StringIO):
    """Standard output that a person looks at."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_json_has_the_same_checks_as_the_text(call: Call, nowhere: tuple[str, ...]) -> None:
    """`ok` is what the exit code says; every check has its four members."""
    outcome = call("doctor", "--json", *nowhere)
    document = json.loads(outcome.out)
    assert (outcome.code, document["ok"]) == (1, False)
    assert all(set(check) == {"name", "status", "seen", "fix"} for check in document["checks"])
    text = call("doctor", *nowhere).out
    assert all(check["name"] in text and check["seen"] in text for check in document["checks"])
    assert all(f"      {check['fix']}\n" in text for check in document["checks"] if check["fix"])


def test_a_missing_socket_is_mended_by_its_mount(
    call: Call, here: tuple[str, ...], tmp_path: Path
) -> None:
    """The option to add stands on a line of its own."""
    path = f"{tmp_path}/none.sock"
    outcome = call("doctor", *here, "--engine", f"unix://{path}")
    assert outcome.code == 1
    lines = outcome.out.splitlines()
    found = next(number for number, line in enumerate(lines) if f"engine unix://{path}" in line)
    assert lines[found].startswith("fail  ")
    assert lines[found + 1].strip().startswith(f"docker run -v {path}:{path} --group-add ")


def test_the_journals_folder_is_looked_at(
    call: Call, nowhere: tuple[str, ...], tmp_path: Path
) -> None:
    """One that can be made is good, and is not made by looking."""
    folder = tmp_path / "to" / "be" / "made"
    assert f"events are kept in {folder}\n" in call("doctor", *nowhere, f"--journal={folder}").out
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize(
    ("environ", "sign"), [({}, "\x1b[31m✗\x1b[0m  identity"), ({"NO_COLOR": "1"}, "✗  identity")]
)
def test_a_terminal_gets_signs(
    nowhere: tuple[str, ...], environ: dict[str, str], sign: str
) -> None:
    """In colour, unless that is unwanted."""
    out = Terminal()
    main(["doctor", *nowhere], Streams(out, io.StringIO(), environ, "/no/such/uri"))
    assert out.getvalue().startswith(sign)


def test_a_terminal_without_the_signs_gets_words(nowhere: tuple[str, ...]) -> None:
    """As where the locale knows ASCII alone; in colour all the same."""

    class Ascii(Terminal):
        encoding = "ascii"

    out = Ascii()
    main(["doctor", *nowhere], Streams(out, io.StringIO(), {}, "/no/such/uri"))
    assert out.getvalue().startswith("\x1b[31mfail\x1b[0m  identity")


def test_all_else_gets_plain_words(call: Call, nowhere: tuple[str, ...]) -> None:
    """A pipe or a log can be read by anything."""
    outcome = call("doctor", *nowhere)
    assert outcome.out.startswith("fail  identity ")
    assert "\x1b" not in outcome.out


@pytest.fixture
def known(engine: CannedEngine, tmp_path: Path) -> tuple[str, ...]:
    """Options for a container that its engine knows and answers everything about."""
    engine.knows(recorded("inspect"), image=recorded("image"), stats=recorded("stats"))
    container = f"/containers/{CONTAINER}"
    engine.answers |= {
        "/info": Answer(body=recorded("info")),
        "/version": Answer(body={"Version": "20.10.24", "MinAPIVersion": "1.12"}),
        f"{container}/changes": Answer(body=[]),
        f"{container}/top": Answer(body={"Titles": ["PID", "COMMAND"], "Processes": []}),
    }
    root = str(lay_container(tmp_path / "root"))
    return ("--engine", engine.url, "--root", root, "--journal", str(tmp_path / "journal"))


def _checks(call: Call, options: tuple[str, ...]) -> dict[str, dict[str, str]]:
    document = json.loads(call("doctor", "--json", *options).out)
    return {check["name"]: check for check in document["checks"]}


def test_where_everything_is_answered_nothing_is_warned_of(
    call: Call, known: tuple[str, ...]
) -> None:
    """Each capability is tried, and allowed."""
    checks = _checks(call, known)
    allowed = "allowed: changes, events, image, info, inspect, logs, stats, top"
    assert checks["capabilities"]["seen"] == allowed
    assert not [name for name in checks if name.startswith("capability ")]


@pytest.mark.parametrize(
    "asked",
    [
        ("/events", "events"),
        (f"/containers/{CONTAINER}/stats", "stats"),
        (f"/containers/{CONTAINER}/logs", "logs"),
        (f"/containers/{CONTAINER}/changes", "changes"),
        (f"/containers/{CONTAINER}/top", "top"),
        (f"/images/{recorded('inspect')['Image']}/json", "image"),
        ("/info", "info"),
        ("/version", "version"),
    ],
)
@pytest.mark.parametrize("status", [404, 429, 500])
def test_each_request_that_fails_is_warned_of(
    call: Call, engine: CannedEngine, known: tuple[str, ...], asked: tuple[str, str], status: int
) -> None:
    """With the engine's words, whatever the status; the rest is as it was."""
    path, name = asked
    engine.answers[path] = Answer(status, {"message": "out of order"})
    checks = _checks(call, known)
    failed = [name for name in checks if name.startswith("capability ")]
    assert failed == [f"capability {name}"]
    assert checks[failed[0]]["status"] == "warn"
    assert checks[failed[0]]["seen"] == f"{name}: the engine answered {status}: out of order"


@pytest.mark.parametrize("path", ["/info", "/version"])
def test_what_hangs_is_warned_of(
    call: Call, engine: CannedEngine, known: tuple[str, ...], path: str
) -> None:
    """After the second for which it is waited."""
    engine.answers[path] = Answer(hangs=True)
    name = path.removeprefix("/")
    assert "no answer within 1 s" in _checks(call, known)[f"capability {name}"]["seen"]


def test_a_proxy_that_buffers_is_warned_of(
    call: Call, engine: CannedEngine, known: tuple[str, ...]
) -> None:
    """By its name, with what is to be set in it."""
    engine.holds_back = True
    engine.answers["/_ping"] = Answer(body=b"OK", headers={**PING.headers, "Server": "nginx"})
    check = _checks(call, known)["capability events"]
    assert check["seen"].startswith("nginx before the engine holds back")
    assert "proxy_buffering off; proxy_read_timeout 1h;" in check["fix"]


def test_a_variable_that_is_passed_over_is_warned_of(call: Call, known: tuple[str, ...]) -> None:
    """It is the app's, too, and stops nothing."""
    outcome = call("doctor", *known, environ={"DOCKER_API_VERSION": "newest"})
    assert outcome.code == 0
    assert "DOCKER_API_VERSION 'newest' is passed over" in outcome.out


def test_an_agent_that_left_its_address_and_died_fails(tmp_path: Path) -> None:
    """The address is read where the caller says, not where this machine's own agent leaves its."""
    file = tmp_path / "uri"
    file.write_text("http://127.0.0.1:1\n")
    out = io.StringIO()
    words = ["doctor", "--json", "--engine=off", f"--root={lay_container(tmp_path / 'root')}"]
    assert main(words, Streams(out, io.StringIO(), {}, str(file))) == 1
    checks = {check["name"]: check for check in json.loads(out.getvalue())["checks"]}
    assert checks["agent"]["seen"] == "http://127.0.0.1:1 does not answer"
    assert checks["address"]["seen"].startswith(f"{tmp_path}/uri can be written")


@pytest.mark.parametrize(
    ("identity", "engine"),
    [
        ({"id": 1, "level": "proven", "method": "layer"}, {"capabilities": {}}),
        ({"id": CONTAINER, "level": "proven", "method": "layer"}, {"capabilities": None}),
        ([], {"capabilities": {}}),
    ],
)
def test_what_is_no_agent_has_found_nothing(tmp_path: Path, identity: Json, engine: Json) -> None:
    """Whoever runs as our user may answer at its address, with anything."""
    socket = tmp_path / "api.sock"
    with CannedEngine(socket) as agent:
        agent.answers |= {"/v1/identity": Answer(body=identity), "/v1/engine": Answer(body=engine)}
        uri = f"http+unix://{quote(str(socket), safe='')}"
        assert _agents_view(AgentAddress(uri)) is None
        assert [*agent.requests] == ["GET /v1/identity", "GET /v1/engine"]
