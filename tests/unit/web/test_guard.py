"""Who may ask, by which name, and how much."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from selfinspect.errors import ForbiddenError, MisdirectedError
from selfinspect.web.guard import check_forwarding, check_host, check_origin, names_of

if TYPE_CHECKING:
    from tests.unit.web.conftest import Ask, World

NAMES = ("a1b2c3d4a1b2", "App", "web")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:10310",
        "10.1.2.3:80",
        "[::1]",
        "[::1]:10310",
        "[FE80::1]:1",
        "localhost",
        "LOCALHOST:10310",
        "a1b2c3d4a1b2:10310",
        "app",
        "WEB:1",
    ],
)
def test_our_own_names_are_served(host: str) -> None:
    """Addresses, localhost and the container's names, with a port or without, in any case."""
    check_host(host, NAMES)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:10310",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "notlocalhost",
        "app.evil.example:80",
        "127.1",
        "2130706433",
        "[evil.example]",
        "127.0.0.1:10310@evil.example",
        "evil.example:127.0.0.1",
        "::1",
        "localhost:",
        "localhost:x",
    ],
)
def test_another_host_is_not_served(host: str) -> None:
    """A name that a stranger can make point here gets nothing."""
    with pytest.raises(MisdirectedError):
        check_host(host, NAMES)


@pytest.mark.parametrize(
    ("host", "glob"), [("a.internal", "*.internal"), ("A.Internal:80", "a.INTERNAL"), ("x", "*")]
)
def test_further_names_may_be_allowed(host: str, glob: str) -> None:
    """A name that a glob allows is ours as well."""
    check_host(host, (), (glob,))


def test_an_allowed_name_allows_no_other() -> None:
    """A glob lets through what it matches from end to end."""
    with pytest.raises(MisdirectedError):
        check_host("app.internal.evil.example", (), ("*.internal",))


@pytest.mark.parametrize(
    "header", ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]
)
def test_what_came_through_a_proxy_is_refused(header: str) -> None:
    """Whoever is behind a proxy is not local; the answer names the header."""
    with pytest.raises(ForbiddenError, match=header):
        check_forwarding({"host": "localhost", header: ""})


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://localhost:10310",
        "http://localhost",
        "http://app",
        "null",
        "",
    ],
)
def test_a_page_of_another_origin_is_refused(origin: str) -> None:
    """Scheme, host and port have to be those that were asked."""
    with pytest.raises(ForbiddenError):
        check_origin({"host": "localhost:10310", "origin": origin}, "http")


@pytest.mark.parametrize("site", [None, "same-origin", "none", "same-site"])
def test_our_own_page_may_ask(site: str | None) -> None:
    """The same origin passes, and so does who types the address."""
    headers = {"host": "localhost:10310", "origin": "http://localhost:10310"}
    check_origin(headers | ({"sec-fetch-site": site} if site else {}), "http")


def test_a_page_of_another_site_is_refused_without_an_origin() -> None:
    """A cross-site request that carries no Origin, as for an image, is refused too."""
    with pytest.raises(ForbiddenError):
        check_origin({"host": "localhost", "sec-fetch-site": "cross-site"}, "http")


def test_the_names_are_hostname_name_and_aliases(world: World) -> None:
    """All that other containers may call us by; none before the identity stands."""
    assert names_of(world.snapshot) == ("a1b2c3d4a1b2", "app", "web", "www")
    assert names_of(replace(world.snapshot, self=None)) == ()


def test_a_rename_changes_the_names_at_once(world: World, ask: Ask) -> None:
    """The new name is served and the old one is not, from the next request on."""
    assert ask("/healthz", host="app").status == 200
    assert world.snapshot.self is not None
    world.snapshot = replace(world.snapshot, self=replace(world.snapshot.self, name="renamed"))
    assert ask("/healthz", host="renamed").status == 200
    assert ask("/healthz", host="app").problem["type"] == "urn:selfinspect:problem:misdirected"


def test_each_refusal_is_a_problem_of_its_own(ask: Ask) -> None:
    """The guard answers 421 for a name and 403 for a way, with a hint where one helps."""
    foreign = ask("/v1/self", host="evil.example")
    assert (foreign.status, foreign.problem["hint"] is not None) == (421, True)
    proxied = ask("/v1/self", headers={"x-forwarded-for": "10.0.0.1"})
    assert (proxied.status, proxied.problem["type"]) == (403, "urn:selfinspect:problem:forbidden")


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "BREW"]
)
@pytest.mark.parametrize("target", ["/v1/self", "/nope"])
def test_nothing_but_reading_is_served(
    ask: Ask, ask_metrics: Ask, method: str, target: str
) -> None:
    """Every method but GET and HEAD is 405 with Allow, on both listeners."""
    for client in (ask, ask_metrics):
        reply = client(target, method=method)
        assert reply.problem["type"] == "urn:selfinspect:problem:method-not-allowed"
        assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("/healthz?" + "x" * (8192 - len("GET /healthz? HTTP/1.1\r\n") + 2), 0, 200),
        ("/healthz?" + "x" * (8192 - len("GET /healthz? HTTP/1.1\r\n") + 3), 0, 400),
        ("/healthz", 63, 200),
        ("/healthz", 64, 400),
    ],
)
def test_a_request_has_bounds(
    ask: Ask, ask_metrics: Ask, target: str, headers: int, status: int
) -> None:
    """8 KiB of request line and 64 headers, Host among them, and not one more."""
    stated = {f"x-{number}": "1" for number in range(headers)}
    for client in (ask, ask_metrics):
        assert client(target, headers=stated).status == status


@pytest.mark.parametrize(
    ("target", "method", "host"),
    [
        ("/v1/self", "GET", "localhost"),
        ("/v1/self/nope", "GET", "localhost"),
        ("/nope", "GET", "localhost"),
        ("/v1/self", "OPTIONS", "localhost"),
        ("/v1/self", "GET", "evil.example"),
        ("/metrics", "HEAD", "localhost"),
    ],
)
def test_every_answer_is_hardened(ask: Ask, target: str, method: str, host: str) -> None:
    """Each carries nosniff and a Date; none carries a CORS header, whatever the Origin."""
    headers = {"origin": f"http://{host}", "access-control-request-method": "GET"}
    reply = ask(target, method=method, host=host, headers=headers)
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["date"].endswith(" GMT")
    assert [name for name in reply.headers if name.startswith("access-control-")] == []


def test_the_metrics_listener_takes_any_name(ask_metrics: Ask) -> None:
    """Prometheus may call us as it likes, and through what it likes."""
    reply = ask_metrics("/metrics", host="10.0.0.9.nip.example", headers={"via": "1.1 proxy"})
    assert reply.status == 200
