"""The command line of `run`."""

from __future__ import annotations

import signal

import pytest

from selfinspect.supervise.arguments import HELP, Arguments, asks_for_help


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
        (["--end-rest", "5", "--", "app"], {}, "--end-rest '5': takes a duration"),
        (["--expect-exit", "256", "--", "app"], {}, "--expect-exit '256': takes an exit code"),
        (["--rewrite", "TERM", "--", "app"], {}, "--rewrite 'TERM': takes FROM:TO"),
        (["--on-memory", "KILL", "--", "app"], {}, "--on-memory 'KILL': takes a signal"),
    ],
)
def test_usage_errors(arguments: list[str], environ: dict[str, str], message: str) -> None:
    """A missing `--` or command and a bad value of an option of ours are refused by name."""
    with pytest.raises(ValueError, match="^" + message):
        Arguments(arguments, environ)


@pytest.mark.parametrize(
    ("name", "value", "takes"),
    [
        ("SELFINSPECT_WAIT", "bogus", "a duration"),
        ("SELFINSPECT_END_REST", "5", "a duration"),
        ("SELFINSPECT_EXPORT_ENV", "si", "self, otel, size, and size:RUNTIME"),
        ("SELFINSPECT_SIGNAL_GROUP", "2", "true or false"),
        ("SELFINSPECT_EXPECT_EXIT", "143,-1", "an exit code"),
        ("SELFINSPECT_REWRITE", "TERM:QUIT,15", "FROM:TO"),
        ("SELFINSPECT_ON_MEMORY", "soon", "a signal"),
    ],
)
def test_a_wrong_variable_is_passed_over(name: str, value: str, takes: str) -> None:
    """One line says what it takes, and the default counts: a ConfigMap stops no container."""
    parsed = Arguments(["--", "app"], {name: value})
    [line] = parsed.passed_over
    assert line.startswith(f"{name} '")
    assert f" takes {takes}" in line
    assert (parsed.wait, parsed.end_rest) == (0, 0)
    assert (parsed.exports, parsed.signal_group) == (None, False)
    assert (parsed.expected, parsed.rewrites) == ([], {})


@pytest.mark.parametrize(
    ("options", "environ"),
    [
        (["--expect-exit=143", "--expect-exit", "0", "--rewrite", "15:3", "--rewrite=HUP:0"], {}),
        ([], {"SELFINSPECT_EXPECT_EXIT": "143, 0", "SELFINSPECT_REWRITE": "TERM:QUIT,SIGHUP:0"}),
    ],
)
def test_repeatable_options_of_our_own(options: list[str], environ: dict[str, str]) -> None:
    """As flags and between commas in their variables; the agent sees neither."""
    parsed = Arguments([*options, "--", "app"], environ)
    assert parsed.expected == [143, 0]
    assert parsed.rewrites == {signal.SIGTERM: signal.SIGQUIT, signal.SIGHUP: 0}
    assert parsed.agent_options == []


def test_the_help_fits_a_terminal() -> None:
    """Every line has 80 columns at most."""
    assert max(map(len, HELP.splitlines())) <= 80


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
    assert (parsed.signal_group, parsed.exports is not None) == (on, on)
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
    assert list(map(str, parsed.listen or [])) == ["127.0.0.1:1", "unix:///a"]
    assert parsed.metrics_listen == []
    assert sorted(parsed.agent_options) == [
        "--listen=127.0.0.1:1", "--listen=unix:///a", "--metrics-listen=off",
    ]  # fmt: skip


def test_listen_variables_where_no_option_is_given() -> None:
    """The variables are comma-separated lists, and an option puts its own variable aside."""
    environ = {
        "SELFINSPECT_LISTEN": "127.0.0.1:1, unix:///a,",
        "SELFINSPECT_METRICS_LISTEN": "[::]:2",
    }
    parsed = Arguments(["--metrics-listen", "off", "--", "app"], environ)
    assert list(map(str, parsed.listen or [])) == ["127.0.0.1:1", "unix:///a"]
    assert parsed.metrics_listen == []


@pytest.mark.parametrize(
    ("options", "environ", "said"),
    [
        (["--listen"], {}, "--listen '': takes host:port"),
        (["--metrics-listen", "nonsense"], {}, "--metrics-listen 'nonsense': takes host:port"),
        ([], {"SELFINSPECT_LISTEN": "nonsense"}, "SELFINSPECT_LISTEN 'nonsense': takes host:port"),
    ],
)
def test_a_wrong_address_closes_its_listener(
    options: list[str], environ: dict[str, str], said: str
) -> None:
    """It is passed over, the default does not take its place, and the agent never sees it."""
    parsed = Arguments([*options, "--", "app"], environ)
    assert [] in (parsed.listen, parsed.metrics_listen)
    assert None in (parsed.listen, parsed.metrics_listen)
    assert parsed.agent_options == []
    [line] = parsed.passed_over
    assert line.startswith(said)


def test_beside_a_wrong_address_the_others_stay() -> None:
    """One typo closes one listener."""
    parsed = Arguments(["--", "app"], {"SELFINSPECT_LISTEN": "nonsense,127.0.0.1:1"})
    assert list(map(str, parsed.listen or [])) == ["127.0.0.1:1"]
    assert parsed.agent_options == ["--listen=127.0.0.1:1"]


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


@pytest.mark.parametrize(
    ("options", "environ", "own", "otel", "runtimes", "wait"),
    [
        (["--export-env"], {}, True, False, set(), 5.0),
        (["--export-env=self,otel,size"], {}, True, True, {"usual"}, 5.0),
        (["--export-env=size"], {}, False, False, {"usual"}, 0.0),
        (["--export-env", "--export-env=size:go"], {}, True, False, {"go"}, 5.0),
        ([], {"SELFINSPECT_EXPORT_ENV": "otel, size:web"}, False, True, {"web"}, 5.0),
        (["--export-env=otel"], {"SELFINSPECT_EXPORT_ENV": "self"}, False, True, set(), 5.0),
        (["--export-env", "--wait=1s"], {}, True, False, set(), 1.0),
    ],
)
def test_what_is_exported(
    options: list[str],
    environ: dict[str, str],
    *,
    own: bool,
    otel: bool,
    runtimes: set[str],
    wait: float,
) -> None:
    """One flag, with and without a value; only for what the agent has is it awaited."""
    parsed = Arguments([*options, "--", "app"], environ)
    assert parsed.exports is not None
    assert (parsed.exports.own, parsed.exports.otel) == (own, otel)
    assert set(parsed.exports.runtimes) == runtimes
    assert parsed.wait == wait
    assert parsed.agent_options == []


@pytest.mark.parametrize("text", ["", "all", "self,", "size:ruby"])
def test_a_wrong_export_on_the_command_line_is_an_error(text: str) -> None:
    """It names the word."""
    word = text.rpartition(",")[2].rpartition(":")[2]
    with pytest.raises(ValueError, match=f"^--export-env '{word}' is unknown"):
        Arguments([f"--export-env={text}", "--", "app"], {})
