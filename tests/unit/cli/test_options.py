"""The options of the agent: flags, environment variables, and what they refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.cli.options import settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import Call

ENDPOINT = "takes auto, off, unix:///path/of.sock or tcp://host:port"
ADDRESS = "takes host:port, [ipv6]:port"
BAD = [
    ("--listen", "nonsense", ADDRESS),
    ("--listen", "app:80", ADDRESS),
    ("--listen", "127.0.0.1:65536", ADDRESS),
    ("--listen", "0.0.0.0:1", "--token-file or --tls-client-ca"),
    ("--listen", "[::]:1", "takes a loopback address"),
    ("--metrics-listen", "10311", ADDRESS),
    ("--token-file", "/no/such/file", "No such file or directory"),
    ("--token-file", "/dev/null", "takes a file that holds a token"),
    ("--token-file", "auto", "only `run` makes a token"),
    ("--metrics-token-file", "/no/such/file", "No such file or directory"),
    ("--tls-cert", "/no/such/file", "needs its --tls-key"),
    ("--tls-key", "/no/such/file", "needs its --tls-cert"),
    ("--tls-client-ca", "/no/such/file", "needs --tls-cert and --tls-key"),
    ("--disable", "logs", "takes a path or a glob over paths"),
    ("--metrics-listen", "none", ADDRESS),
    ("--metrics-listen", "none", "or off"),
    ("--listen", "unix:///", ADDRESS),
    ("--fs-usage-interval", "5", "1h or 1d; or off"),
    ("--engine", "docker", ENDPOINT),
    ("--engine", "unix://relative.sock", ENDPOINT),
    ("--container", "a b", "takes a container's ID or name"),
    ("--target", "a/b", "takes a container's ID or name"),
    ("--root", "/no/such/folder", "does not exist"),
    ("--stats-source", "guess", "'auto', 'engine', 'kernel'"),
    ("--journal", "/etc/passwd", "is a file"),
    ("--journal-max-events", "0", "takes a number of events from 1 to 1000000000"),
    ("--journal-max-events", "many", "takes a number of events"),
    ("--journal-max-events", "10000000000000000000000", "takes a number of events"),
    ("--log-level", "loud", "'debug', 'info', 'warning', 'error'"),
    ("--log-format", "xml", "'auto', 'json', 'console'"),
]


@pytest.mark.parametrize(("option", "value", "takes"), BAD)
def test_a_bad_value_is_exit_2_and_one_line(
    call: Call, option: str, value: str, takes: str
) -> None:
    """The line names the option, the value and what it takes."""
    outcome = call("serve", option, value)
    assert (outcome.code, outcome.out) == (2, "")
    [line] = outcome.err.splitlines()
    assert line.startswith("selfinspect serve: error: ")
    assert option in line
    assert value in line
    assert takes in line


@pytest.mark.parametrize(("option", "value", "takes"), BAD)
def test_a_bad_variable_is_the_same(
    call: Call, monkeypatch: pytest.MonkeyPatch, option: str, value: str, takes: str
) -> None:
    """An environment variable is read like its flag, and refused like it."""
    monkeypatch.setenv("SELFINSPECT_" + option[2:].replace("-", "_").upper(), value)
    outcome = call("serve")
    assert (outcome.code, outcome.out) == (2, "")
    [line] = outcome.err.splitlines()
    assert option in line
    assert value in line
    assert takes in line


@pytest.mark.parametrize(
    "value", ["", "junk", "control=x", "api=99999,control=99999", f"control={10**20}"]
)
def test_what_run_alone_sets_is_refused(call: Call, value: str) -> None:
    """The variable that hands on sockets, set by somebody else."""
    outcome = call("serve", environ={"SELFINSPECT_HANDOVER": value})
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "selfinspect serve: error: SELFINSPECT_HANDOVER: only `run` sets it\n"


def test_the_open_api_has_to_be_asked_for(call: Call) -> None:
    """The refusal of an open address names the option that allows it."""
    assert "--insecure-api" in call("serve", "--listen", "0.0.0.0:1").err


def test_a_variable_may_hold_several_values(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """They stand between commas, with or without spaces; each is read."""
    monkeypatch.setenv("SELFINSPECT_LISTEN", "127.0.0.1:0, [::1]:0 ,third")
    assert "'--listen': 'third'" in call("serve").err


def test_a_flag_comes_before_its_variable(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is typed wins."""
    monkeypatch.setenv("SELFINSPECT_LISTEN", "nonsense")
    assert "0.0.0.0:1" in call("serve", "--listen", "0.0.0.0:1").err


def test_a_socket_that_cannot_be_made_is_a_bad_value(call: Call, tmp_path: Path) -> None:
    """The line names the option, the address, and what the system said."""
    outcome = call("serve", "--listen", f"unix://{tmp_path}/none/a.sock", "--engine", "off")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert f"--listen unix://{tmp_path}/none/a.sock: No such file or directory" in outcome.err


def test_the_api_version_is_dockers_own_variable() -> None:
    """As Docker's own client writes it; what is none is warned of, and never exit 2."""
    assert settings({}, {"DOCKER_API_VERSION": "v1.41"}).api_version == "1.41"
    chosen = settings({}, {"DOCKER_API_VERSION": "nonsense"})
    assert chosen.api_version is None
    assert "DOCKER_API_VERSION 'nonsense' is passed over" in chosen.warnings[0]
