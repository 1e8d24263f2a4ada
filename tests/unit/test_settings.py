from __future__ import annotations

from pathlib import Path

import pytest

from selfinspect.listen import parse_listen
from selfinspect.settings import (
    Settings,
    parse_api_version,
    parse_container,
    parse_disable,
    parse_engine,
    parse_labels,
    parse_metrics_listen,
    parse_token_file,
)


def test_the_defaults_go_together() -> None:
    """Settings without a choice are valid, and serve the API on loopback alone."""
    settings = Settings().checked()
    assert all(address.is_loopback for address in settings.listen)


def test_an_open_api_is_refused() -> None:
    """Beyond loopback everyone could ask everything: the message names option and way out."""
    settings = Settings(listen=(parse_listen("0.0.0.0:10310"),))
    with pytest.raises(ValueError, match=r"--listen .*0\.0\.0\.0:10310.*--insecure-api"):
        settings.checked()


@pytest.mark.parametrize("address", ["unix:///run/si.sock", "[::1]:1", "127.0.0.2:1"])
def test_an_address_that_only_neighbours_reach_is_fine(address: str) -> None:
    """Loopback and Unix sockets need no further word."""
    settings = Settings(listen=(parse_listen(address),))
    assert settings.checked() is settings


def test_an_open_api_can_be_asked_for() -> None:
    """`--insecure-api` lets any address pass."""
    settings = Settings(listen=(parse_listen("0.0.0.0:1"),), insecure_api=True)
    assert settings.checked() is settings


@pytest.mark.parametrize("version", ["", "latest", "v1.41", "1", "1.41/../../x", "1.41\n"])
def test_an_api_version_is_two_numbers(version: str) -> None:
    """It becomes part of every path: anything else is refused, by the variable's name."""
    with pytest.raises(ValueError, match="DOCKER_API_VERSION"):
        Settings(api_version=version).checked()


@pytest.mark.parametrize("text", ["1.41", " 1.41 ", "1.41\r", "v1.41", '"1.41"', "'v1.41'"])
def test_an_api_version_is_taken_however_it_is_written(text: str) -> None:
    """With Docker's `v`, and with the blanks and quotes that env files leave."""
    assert parse_api_version(text) == ("1.41", None)


@pytest.mark.parametrize("text", ["", "auto", " auto\r"])
def test_an_api_version_may_be_left_to_the_engine(text: str) -> None:
    """As Docker's SDK for Python has it."""
    assert parse_api_version(text) == (None, None)


@pytest.mark.parametrize(
    "text", ["latest", "1", "1.x", "1.41/../../x", "-1.41", "1.41\n2", "9" * 99]
)
def test_no_api_version_is_warned_of_and_negotiated(text: str) -> None:
    """The variable is the app's, too: it stops nothing."""
    version, warning = parse_api_version(text)
    assert version is None
    assert str(warning).startswith("DOCKER_API_VERSION '")
    assert str(warning).endswith("it takes a version such as 1.41, or auto")
    assert len(str(warning)) < 200


def test_metrics_can_be_switched_off() -> None:
    """`off` is not an address."""
    assert parse_metrics_listen("off") == "off"
    assert parse_metrics_listen("127.0.0.1:9") == parse_listen("127.0.0.1:9")


@pytest.mark.parametrize(
    "text",
    ["auto", "off", "unix:///run/docker.sock", "tcp://box:2375", "tcp://[::1]:2376", "tcp://box"],
)
def test_an_engine_is_auto_off_or_an_endpoint(text: str) -> None:
    """What can be reached is taken as it is."""
    assert parse_engine(text) == text


@pytest.mark.parametrize(
    "text", ["", "tcp://", "tcp://:1", "box", "tcp://box:no", "ssh://box", "unix:///"]
)
def test_another_engine_is_refused(text: str) -> None:
    """The message quotes the text and says what is taken."""
    with pytest.raises(ValueError, match=r"takes auto, off, unix:///"):
        parse_engine(text)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [([], None), (["none"], ()), (["*"], ("*",)), (["a", "none"], ("a", "none"))],
)
def test_metric_labels(texts: list[str], expected: tuple[str, ...] | None) -> None:
    """Nothing said means the default ones, `none` alone means none."""
    assert parse_labels(texts) == expected


@pytest.mark.parametrize("text", ["", "a b", "a/b", "a\n", "../x"])
def test_a_container_is_named_by_one_word(text: str) -> None:
    """What could be a path or two words is refused."""
    with pytest.raises(ValueError, match="takes a container's ID or name"):
        parse_container(text)


def test_a_container_is_taken_as_typed() -> None:
    """A name or an ID stays as it is."""
    assert parse_container("web-1") == "web-1"


CERT, KEY, OPEN = Path("cert.pem"), Path("key.pem"), (parse_listen("0.0.0.0:1"),)


@pytest.mark.parametrize(
    "settings",
    [
        Settings(listen=OPEN, token_file=Path("t")),
        Settings(listen=OPEN, token_file="auto"),
        Settings(listen=OPEN, tls_cert=CERT, tls_key=KEY, tls_client_ca=Path("ca.pem")),
    ],
)
def test_an_open_api_may_be_guarded_instead(settings: Settings) -> None:
    """A token or a client's certificate lets the owner alone in."""
    assert settings.checked() is settings


@pytest.mark.parametrize(
    "settings",
    [
        Settings(listen=OPEN, tls_cert=CERT, tls_key=KEY),
        Settings(listen=OPEN, metrics_token_file=Path("t")),
    ],
)
def test_what_guards_something_else_guards_no_api(settings: Settings) -> None:
    """TLS alone lets everyone in, and the metrics' token opens the metrics."""
    with pytest.raises(ValueError, match=r"--listen .*--token-file or --tls-client-ca"):
        settings.checked()


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        (Settings(tls_cert=CERT), "--tls-key"),
        (Settings(tls_key=KEY), "--tls-cert"),
        (Settings(tls_client_ca=CERT), "--tls-client-ca"),
    ],
)
def test_half_of_tls_is_refused(settings: Settings, option: str) -> None:
    """The message names what is missing."""
    with pytest.raises(ValueError, match=option):
        settings.checked()


def test_a_token_file_is_a_path_or_auto() -> None:
    """A file of that name is `./auto`."""
    assert parse_token_file("auto") == "auto"
    assert parse_token_file("./auto") == Path("auto")


@pytest.mark.parametrize("text", ["/v1/logs", "/v1/*", "*", "/"])
def test_what_is_switched_off_is_a_path(text: str) -> None:
    """Or a glob over paths."""
    assert parse_disable(text) == text


@pytest.mark.parametrize("text", ["", "logs", "v1/logs"])
def test_what_could_be_no_path_is_refused(text: str) -> None:
    """It would switch nothing off, and nobody would know."""
    with pytest.raises(ValueError, match="takes a path or a glob over paths"):
        parse_disable(text)
