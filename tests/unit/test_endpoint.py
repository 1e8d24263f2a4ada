"""Where an engine listens, in the spellings that people and tools use."""

from __future__ import annotations

import re

import pytest

from selfinspect.endpoint import TAKES, Endpoint, parse_endpoint

SOCKET = "unix:///var/run/docker.sock"


@pytest.mark.parametrize(
    ("text", "usual"),
    [
        (SOCKET, SOCKET),
        ("unix://var/run/docker.sock", SOCKET),
        ("unix:/var/run/docker.sock", SOCKET),
        ("/var/run/docker.sock", SOCKET),
        ("http+unix://%2Fvar%2Frun%2Fdocker.sock", SOCKET),
        ("http+unix:///var/run/docker.sock", SOCKET),
        ("unix:///with space.sock", "unix:///with space.sock"),
        ("tcp://h:2375", "tcp://h:2375"),
        ("tcp://h", "tcp://h"),
        ("http://h:2375", "tcp://h:2375"),
        ("http://h:2375/", "tcp://h:2375"),
        ("h:2375", "tcp://h:2375"),
        ("10.0.0.1:2375", "tcp://10.0.0.1:2375"),
        ("[::1]:2375", "tcp://[::1]:2375"),
        ("https://h:2376", "https://h:2376"),
        ("tcp://h:2375/prefix/", "tcp://h:2375/prefix"),
    ],
)
@pytest.mark.parametrize("around", ["{}", " {} ", "{}\r", "{}\n", '"{}"', "'{}'", ' "{}"\r\n'])
def test_each_spelling_means_one_endpoint(text: str, usual: str, around: str) -> None:
    """Docker's client and SDKs take them; env files leave quotes and line ends of Windows."""
    parsed = parse_endpoint(around.format(text))
    assert str(parsed) == usual
    assert parse_endpoint(usual) == parsed


def test_https_asks_for_tls() -> None:
    """The only spelling that says so itself."""
    assert parse_endpoint("https://h") == Endpoint(host="h", tls=True)
    assert not parse_endpoint("http://h").tls


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        (
            "ssh://me@build:22/x",
            "ssh -nNT -L /run/engine/docker.sock:/var/run/docker.sock me@build",
        ),
        ("ssh://$(reboot)", ":/var/run/docker.sock '$(reboot)' and"),
        ("npipe:////./pipe/docker_engine", SOCKET),
        ("fd://", SOCKET),
        ("fd://3", SOCKET),
    ],
)
def test_what_is_not_spoken_says_what_to_use(text: str, instead: str) -> None:
    """An endpoint that Docker's own client or engine takes, and we cannot."""
    with pytest.raises(ValueError, match=re.escape(f"takes {TAKES}; ")) as caught:
        parse_endpoint(text)
    assert instead in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", '""', "docker", "docker.sock", "unix://", "unix:///", "unix:", "unix://docker.sock",
        "http+unix://", "http+unix://x", "tcp://", "tcp://:1", "tcp://h:no", "tcp://h:99999",
        "tcp://h?x=1", "tcp://me:secret@h:1", "tcp://[::1", "http://", "h:2375/x", "h:", "ftp://h",
        "/", "/a\nb", "tcp://h\x00:1", "unix:///a\tb", "tcp://$(reboot):1", "tcp://a;reboot:1",
    ],
)  # fmt: skip
def test_anything_else_is_none(text: str) -> None:
    """With what is taken."""
    with pytest.raises(ValueError, match=re.escape(f"takes {TAKES}")):
        parse_endpoint(text)
