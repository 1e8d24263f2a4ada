"""The command line of `run`."""

from __future__ import annotations

import pytest

from selfinspect.supervise.arguments import Arguments, asks_for_help


def test_options_before_and_command_after() -> None:
    """What stands before the first `--` is for run and the agent, all after it is the command."""
    parsed = Arguments(["--engine", "off", "--wait=5s", "--", "app", "--", "--wait", "1s"], {})
    assert parsed.agent_options == ["--engine", "off"]
    assert parsed.command == ["app", "--", "--wait", "1s"]
    assert parsed.wait == 5


@pytest.mark.parametrize(
    ("options", "environ", "seconds"),
    [
        ([], {}, 0),
        ([], {"SELFINSPECT_WAIT": ""}, 0),
        ([], {"SELFINSPECT_WAIT": "2m"}, 120),
        (["--wait", "5s"], {"SELFINSPECT_WAIT": "2m"}, 5),
        (["--wait", "5s", "--wait", "1s"], {}, 1),
        (["--export-env"], {}, 5),
        ([], {"SELFINSPECT_EXPORT_ENV": "true"}, 5),
        (["--export-env", "--wait", "1s"], {}, 1),
        (["--export-env"], {"SELFINSPECT_WAIT": "2m"}, 120),
    ],
)
def test_wait(options: list[str], environ: dict[str, str], seconds: float) -> None:
    """The last `--wait` counts, then its variable, then 5 s where its word is wanted, else none."""
    assert Arguments([*options, "--", "app"], environ).wait == seconds


@pytest.mark.parametrize(
    ("arguments", "environ", "message"),
    [
        ([], {}, "no `--`"),
        (["app"], {}, "no `--`"),
        (["--"], {}, "no command"),
        (["--wait", "soon", "--", "app"], {}, "--wait 'soon': takes a duration"),
        (["--wait", "--", "app"], {}, "--wait '': takes a duration"),
        (["--", "app"], {"SELFINSPECT_WAIT": "5"}, "--wait '5': takes a duration"),
        (
            ["--", "app"],
            {"SELFINSPECT_EXPORT_ENV": "si"},
            "SELFINSPECT_EXPORT_ENV 'si': takes true",
        ),
    ],
)
def test_usage_errors(arguments: list[str], environ: dict[str, str], message: str) -> None:
    """A missing `--` or command and a bad wait are refused by name."""
    with pytest.raises(ValueError, match="^" + message):
        Arguments(arguments, environ)


@pytest.mark.parametrize(
    ("options", "environ", "on"),
    [
        (["--signal-group", "--export-env"], {}, True),
        (["-g", "--export-env"], {}, True),
        ([], {"SELFINSPECT_SIGNAL_GROUP": "1", "SELFINSPECT_EXPORT_ENV": "Yes"}, True),
        ([], {"SELFINSPECT_SIGNAL_GROUP": "0", "SELFINSPECT_EXPORT_ENV": ""}, False),
        ([], {}, False),
    ],
)
def test_switches(options: list[str], environ: dict[str, str], *, on: bool) -> None:
    """On by their flags or their variables, and none of the agent's business."""
    parsed = Arguments([*options, "--engine", "off", "--", "app", "-g"], environ)
    assert (parsed.signal_group, parsed.export_env) == (on, on)
    assert parsed.agent_options == ["--engine", "off"]
    assert parsed.command == ["app", "-g"]


def test_users() -> None:
    """As they are written; an empty variable names none."""
    parsed = Arguments(["--user=1:2", "--", "app"], {"SELFINSPECT_AGENT_USER": "65532"})
    assert (parsed.user, parsed.agent_user) == ("1:2", "65532")
    assert parsed.agent_options == []
    parsed = Arguments(["--", "app"], {"SELFINSPECT_AGENT_USER": ""})
    assert (parsed.user, parsed.agent_user) == (None, None)


def test_listen_options_are_seen_and_left_to_the_agent() -> None:
    """Both spellings of a repeated `--listen` are found, and the agent gets them all the same."""
    options = ["--listen", "127.0.0.1:1", "--listen=unix:///a", "--metrics-listen", "off"]
    parsed = Arguments([*options, "--", "app"], {})
    assert parsed.listen == ["127.0.0.1:1", "unix:///a"]
    assert parsed.metrics_listen == ["off"]
    assert parsed.agent_options == options


def test_listen_variables_where_no_option_is_given() -> None:
    """The variables are comma-separated lists, and an option puts its own variable aside."""
    environ = {
        "SELFINSPECT_LISTEN": "127.0.0.1:1, unix:///a,",
        "SELFINSPECT_METRICS_LISTEN": "[::]:2",
    }
    parsed = Arguments(["--metrics-listen", "off", "--", "app"], environ)
    assert parsed.listen == ["127.0.0.1:1", "unix:///a"]
    assert parsed.metrics_listen == ["off"]


def test_a_value_that_lacks_is_the_agents_to_refuse() -> None:
    """An agent's option without a value is no error of run's."""
    assert Arguments(["--listen", "--", "app"], {}).listen == [""]


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["--help"], True),
        (["-h", "--", "app"], True),
        (["--", "app", "--help"], False),
        ([], False),
    ],
)
def test_help(arguments: list[str], asked: bool) -> None:  # noqa: FBT001
    """Help is asked for before `--`; after it the word is the command's."""
    assert asks_for_help(arguments) is asked


@pytest.mark.parametrize(
    ("options", "environ", "folder"),
    [
        ([], {}, "/var/lib/selfinspect"),
        ([], {"SELFINSPECT_JOURNAL": "/a,b"}, "/a,b"),
        (["--journal", "/a", "--journal=/b"], {"SELFINSPECT_JOURNAL": "/c"}, "/b"),
    ],
)
def test_the_journals_folder_is_read_and_the_agents_all_the_same(
    options: list[str], environ: dict[str, str], folder: str
) -> None:
    """Both need it: the runs are written down there."""
    arguments = Arguments([*options, "--", "app"], environ)
    assert (arguments.journal, arguments.agent_options) == (folder, options)
