"""Addresses to listen on, and the URIs they are found under."""

from __future__ import annotations

import pytest

from selfinspect.listen import (
    DEFAULT_API,
    DEFAULT_METRICS,
    ListenAddress,
    parse_listen,
    unquoted,
    uri_of,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:10310", ListenAddress("127.0.0.1", 10310)),
        ("0.0.0.0:0", ListenAddress("0.0.0.0", 0)),
        ("[::]:10311", ListenAddress("::", 10311)),
        ("[2001:DB8:0::1]:80", ListenAddress("2001:db8::1", 80)),
        ("localhost:65535", ListenAddress("127.0.0.1", 65535)),
        ("unix:///run/a b.sock", ListenAddress(path="/run/a b.sock")),
    ],
)
def test_an_address_is_read(text: str, address: ListenAddress) -> None:
    """IPv4, IPv6 in brackets, `localhost` and Unix paths are read."""
    assert parse_listen(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "off",
        "10310",
        ":10310",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:http",
        "127.0.0.1:-1",
        "127.0.0.1:65536",
        "127.0.0.1:+80",
        "1.2.3:80",
        "::1:80",
        "[127.0.0.1]:80",
        "[localhost]:80",
        "app.example:80",
        "unix://run/a.sock",
        "unix://",
        "http://127.0.0.1:80",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """What is no address, or only a name, is refused with the text and with what it takes."""
    with pytest.raises(ValueError, match=r"host:port, \[ipv6\]:port .* or unix:///path") as raised:
        parse_listen(text)
    assert repr(text) in str(raised.value)


@pytest.mark.parametrize("text", ["127.0.0.1:1", "[::1]:2", "unix:///run/a.sock"])
def test_an_address_is_written_as_it_is_read(text: str) -> None:
    """Parsing what was written gives the same address."""
    assert str(parse_listen(text)) == text


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("127.0.0.1:10310", "http://127.0.0.1:10310"),
        ("0.0.0.0:10310", "http://127.0.0.1:10310"),
        ("[::]:10310", "http://127.0.0.1:10310"),
        ("[::1]:10310", "http://[::1]:10310"),
        ("10.0.0.5:80", "http://10.0.0.5:80"),
        ("unix:///run/é a~.sock", "http+unix://%2Frun%2F%C3%A9%20a~.sock"),
    ],
)
def test_a_client_finds_it_by_its_uri(text: str, uri: str) -> None:
    """Wildcards are reached through the loopback, and a Unix path is percent-encoded."""
    assert parse_listen(text).uri() == uri


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("127.9.9.9:1", True),
        ("[::1]:1", True),
        ("unix:///run/a.sock", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.5:1", False),
    ],
)
def test_only_loopback_stays_inside(text: str, loopback: bool) -> None:  # noqa: FBT001
    """Loopback addresses and Unix sockets are reached from inside alone, wildcards are not."""
    assert parse_listen(text).is_loopback is loopback


def test_defaults() -> None:
    """The API listens inside only, the metrics everywhere."""
    assert [str(DEFAULT_API), str(DEFAULT_METRICS)] == ["127.0.0.1:10310", "[::]:10311"]


@pytest.mark.parametrize(
    ("texts", "tls", "uri"),
    [
        ([], False, None),
        (["0.0.0.0:1", "127.0.0.1:2"], False, "http://127.0.0.1:1"),
        (["0.0.0.0:1", "127.0.0.1:2"], True, "http://127.0.0.1:2"),
        (["0.0.0.0:1", "unix:///a"], True, "http+unix://%2Fa"),
        (["0.0.0.0:1", "10.0.0.5:2"], True, "https://127.0.0.1:1"),
    ],
)
def test_a_client_inside_is_sent_where_it_needs_no_certificate(
    texts: list[str],
    tls: bool,  # noqa: FBT001
    uri: str | None,
) -> None:
    """The first listener, but with TLS the first one that speaks none, where there is one."""
    assert uri_of([parse_listen(text) for text in texts], tls=tls) == uri


@pytest.mark.parametrize("path", ["/run/api.sock", "/a b%2F/ü", "/\udcff\udc80", "/%"])
def test_a_sockets_path_is_found_in_its_uri(path: str) -> None:
    """Whatever bytes are in it, those that are no UTF-8 among them."""
    assert unquoted(ListenAddress(path=path).uri().removeprefix("http+unix://")) == path


@pytest.mark.parametrize("text", ["%", "%2", "%zz", "a%"])
def test_half_an_escape_is_no_path(text: str) -> None:
    """It is not guessed what was meant."""
    with pytest.raises(ValueError, match=r"."):
        unquoted(text)
