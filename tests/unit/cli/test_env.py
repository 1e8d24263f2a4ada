"""`env`: the container as environment variables."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from selfinspect.cli.env import dotenv, sh
from tests.unit.cli.conftest import ID

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Call

AWKWARD = {"A": "plain/1.0:x", "B": """it's "$HOME" `id` \\ ü""", "C": "two\nlines", "D": ""}


def test_what_is_known_is_printed_for_a_shell(call: Call, here: tuple[str, ...]) -> None:
    """Without an engine that was not to be asked either, the ID is all."""
    outcome = call("env", *here)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"export SELFINSPECT_CONTAINER_ID={ID}\n"


def test_the_other_formats_say_the_same(call: Call, here: tuple[str, ...]) -> None:
    """A line of a .env file, and JSON."""
    assert call("env", "--format", "dotenv", *here).out == f"SELFINSPECT_CONTAINER_ID={ID}\n"
    found = json.loads(call("env", "--format=json", *here).out)
    assert found == {"SELFINSPECT_CONTAINER_ID": ID}


def test_an_engine_that_is_not_there_is_4(call: Call, here: tuple[str, ...]) -> None:
    """The variables that have a value are printed all the same."""
    outcome = call("env", "--engine", "unix:///no/such.sock", *here[2:])
    assert outcome.code == 4
    assert outcome.out == f"export SELFINSPECT_CONTAINER_ID={ID}\n"
    error, hint = outcome.err.splitlines()
    assert error == "selfinspect: error: no engine socket at /no/such.sock"
    assert hint.startswith("selfinspect: hint: mount ")


def test_no_identity_is_3(call: Call, nowhere: tuple[str, ...]) -> None:
    """Nothing is printed for a shell to take in."""
    outcome = call("env", *nowhere)
    assert (outcome.code, outcome.out) == (3, "")


def test_no_variable_carries_an_assumed_id(call: Call, assumed: tuple[str, ...]) -> None:
    """It may be the neighbour's; whoever knows that it is not says so."""
    outcome = call("env", *assumed)
    assert (outcome.code, outcome.out) == (3, "")
    assert "only assumed" in outcome.err
    assert call("env", "--assume", *assumed).out == f"export SELFINSPECT_CONTAINER_ID={ID}\n"


def test_what_the_environment_has_is_explained_too(call: Call, here: tuple[str, ...]) -> None:
    """As inside the command of `run`: each variable of the sets, with secrets masked."""
    there = {
        "GOMEMLIMIT": "90MiB",
        "JAVA_TOOL_OPTIONS": "-Djavax.net.ssl.keyStorePassword=hunter2x -XX:MaxRAMPercentage=50"
        " -XX:ActiveProcessorCount=1",
        "OTEL_RESOURCE_ATTRIBUTES": "team=a",
        "LANG": "C",
    }
    out = call("env", "--what=otel,size", "--explain", *here, environ=there).out
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert "90MiB" in lines["GOMEMLIMIT"]
    assert "this environment" in lines["GOMEMLIMIT"]
    assert "keyStorePassword=[masked]" in lines["JAVA_TOOL_OPTIONS"]
    assert "after those that were there" in lines["OTEL_RESOURCE_ATTRIBUTES"]
    assert "LANG" not in lines


def test_a_shell_takes_every_value_as_it_is() -> None:
    """Quotes, dollars, line breaks: nothing is expanded."""
    script = 'eval "$(cat)"; printf "%s|" "$A" "$B" "$C" "$D"'
    shell = subprocess.run(
        ["sh", "-c", script], input=sh(AWKWARD), capture_output=True, text=True, check=True
    )
    assert shell.stdout == "".join(f"{value}|" for value in AWKWARD.values())


def test_no_value_ends_its_dotenv_line() -> None:
    """Some readers take a carriage return for the end of one."""
    assert dotenv({"A": "1\rLD_PRELOAD=/x\nB=2"}) == 'A="1\\rLD_PRELOAD=/x\\nB=2"\n'


def test_a_dotenv_line_is_quoted_only_where_it_must_be() -> None:
    """Readers of such files know double quotes, and backslashes in them."""
    assert dotenv(AWKWARD).splitlines() == [
        "A=plain/1.0:x",
        r'B="it' + "'" + r's \"\$HOME\" `id` \\ ü"',
        r'C="two\nlines"',
        "D=",
    ]
