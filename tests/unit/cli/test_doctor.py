"""`doctor`: the checks, for a person and for a program."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from selfinspect.cli import main
from selfinspect.cli.streams import Streams

if TYPE_CHECKING:
    from pathlib import Path

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
    main(["doctor", *nowhere], Streams(out, io.StringIO(), environ))
    assert out.getvalue().startswith(sign)


def test_a_terminal_without_the_signs_gets_words(nowhere: tuple[str, ...]) -> None:
    """As where the locale knows ASCII alone; in colour all the same."""

    class Ascii(Terminal):
        encoding = "ascii"

    out = Ascii()
    main(["doctor", *nowhere], Streams(out, io.StringIO(), {}))
    assert out.getvalue().startswith("\x1b[31mfail\x1b[0m  identity")


def test_all_else_gets_plain_words(call: Call, nowhere: tuple[str, ...]) -> None:
    """A pipe or a log can be read by anything."""
    outcome = call("doctor", *nowhere)
    assert outcome.out.startswith("fail  identity ")
    assert "\x1b" not in outcome.out
