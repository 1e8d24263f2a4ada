"""The guard, in front of the whole API and in its parts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from selfinspect.errors import ForbiddenError, MisdirectedError
from selfinspect.web.credentials import Tokens
from selfinspect.web.guard import (
    check_disabled,
    check_forwarding,
    check_host,
    check_origin,
    check_site,
    combined,
    names_of,
)

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
    check_host(host, lambda: NAMES)


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
        "[::1]evil.example",
        "[::1]:x",
        "[127.0.0.1]",
        "[::1",
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
        check_host(host, lambda: NAMES)


@pytest.mark.parametrize(
    ("host", "glob"), [("a.internal", "*.internal"), ("A.Internal:80", "a.INTERNAL"), ("x", "*")]
)
def test_further_names_may_be_allowed(host: str, glob: str) -> None:
    """A name that a glob allows is ours as well."""
    check_host(host, tuple, (glob,))


def test_an_allowed_name_allows_no_other() -> None:
    """A glob lets through what it matches from end to end."""
    with pytest.raises(MisdirectedError):
        check_host("app.internal.evil.example", tuple, ("*.internal",))


@pytest.mark.parametrize(
    "header",
    [
        *("forwarded", "via", "x-forwarded", "x-forwarded-for", "x-forwarded-host"),
        *("x-forwarded-proto", "x_forwarded_for", "x-forwarded_host", "x_real_ip", "x-real-ip"),
        *("x-client-ip", "true-client-ip", "cf-connecting-ip"),
    ],
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
        "http://localhost:10310, http://evil.example",
        "null",
        "",
    ],
)
def test_a_page_of_another_origin_is_refused(origin: str) -> None:
    """Scheme, host and port have to be those that were asked."""
    with pytest.raises(ForbiddenError):
        check_origin({"host": "localhost:10310", "origin": origin}, "http")


@pytest.mark.parametrize("site", [None, "same-origin", "none"])
def test_our_own_page_may_ask(site: str | None) -> None:
    """The same origin passes, and so does who types the address."""
    headers = {"host": "localhost:10310", "origin": "http://localhost:10310"}
    check_origin(headers, "http")
    check_site({"sec-fetch-site": site} if site else {})


@pytest.mark.parametrize(
    "site", ["cross-site", "Cross-Site", "none, cross-site", "same-site", "Same-Site"]
)
def test_a_page_of_another_site_is_refused_without_an_origin(site: str) -> None:
    """A request that carries no Origin, as for an image; another port here is another page."""
    with pytest.raises(ForbiddenError):
        check_site({"sec-fetch-site": site})


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_link_from_anywhere_opens_the_page(ask: Ask, site: str) -> None:
    """The page and its files hold no data; what they show is asked for by the page itself."""
    headers = {"sec-fetch-site": site, "sec-fetch-mode": "navigate"}
    assert ask("/", headers=headers).status == 200
    assert ask("/page/page.css", headers=headers).status == 200
    assert ask("/v1/self", headers=headers).status == 403
    assert ask("//page/page.css", headers=headers).status == 403


def test_the_page_behind_a_proxy_or_on_another_host_is_refused(ask: Ask) -> None:
    """Only where a link stands does not matter to it."""
    assert ask("/", headers={"x-real-ip": "10.0.0.1"}).status == 403
    assert ask("/", headers={"origin": "http://evil.example"}).status == 403
    assert ask("/", host="evil.example").status == 421


def test_an_origin_is_the_same_in_any_case() -> None:
    """Scheme and host of an origin ignore upper and lower case."""
    check_origin({"host": "LocalHost:10310", "origin": "HTTP://localhost:10310"}, "http")


def test_the_names_are_hostname_name_and_aliases(world: World) -> None:
    """All that other containers may call us by; none before the identity stands."""
    assert names_of(world.snapshot) == ("a1b2c3d4a1b2", "app", "web", "www")
    assert names_of(replace(world.snapshot, self=None)) == ()
    assert names_of(replace(world.snapshot, self=None), "box") == ("box",)


def test_the_hostname_is_served_before_anything_else_is_known(world: World, ask: Ask) -> None:
    """The kernel reports it; a request for it learns that there is no identity."""
    world.hostname = "box"
    world.snapshot = replace(world.snapshot, self=None)
    assert ask("/v1/self", host="BOX:10310").status == 503
    assert ask("/v1/self", host="app").status == 421


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
        ("/" + "x" * (8192 - len("GET / HTTP/1.1")), 0, 404),
        ("/" + "x" * (8193 - len("GET / HTTP/1.1")), 0, 400),
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


API_ONLY = ("/v1/self", "/v1/self/id", "/v1/identity", "/v1/nope", "/nope", "/page", "/V1/self")
OPEN = ("/healthz", "/readyz", "/", "/page/page.css")


def tokens(*tokens: bytes) -> Tokens:
    """What a file of these tokens opens."""
    return Tokens(lambda: list(tokens), lambda _: None)


def bearing(token: str) -> dict[str, str]:
    """The header of who knows a token."""
    return {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize("path", [*API_ONLY, "/metrics"])
def test_the_api_takes_a_token(world: World, ask: Ask, path: str) -> None:
    """Without it there is nothing but 401, whatever the path: not even whether it exists."""
    world.tokens = tokens(b"s3cret")
    for headers in ({}, bearing("wrong"), bearing(""), {"authorization": "Basic s3cret"}):
        reply = ask(path, headers=headers)
        assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")
        assert reply.problem["type"] == "urn:selfinspect:problem:unauthorized"
        assert "SELFINSPECT_TOKEN_FILE" in str(reply.problem["hint"])
    assert ask(path, headers=bearing("s3cret")).status != 401


@pytest.mark.parametrize("path", OPEN)
def test_health_and_the_page_take_none(world: World, ask: Ask, path: str) -> None:
    """An orchestrator has no token, and the page has to ask for it."""
    world.tokens = world.metrics_tokens = tokens(b"s3cret")
    assert ask(path).status == 200


@pytest.mark.parametrize("path", ["/page/../v1/self", "/page/%2e%2e/v1/self", "//v1/self"])
def test_no_path_leads_around_the_token(world: World, ask: Ask, path: str) -> None:
    """What begins like an open path and ends elsewhere is not that path, or needs the token."""
    world.tokens = tokens(b"s3cret")
    assert ask(path).status in (401, 404)


def test_metrics_have_a_token_of_their_own(world: World, ask: Ask, ask_metrics: Ask) -> None:
    """It opens `/metrics` on every listener and nothing else; the API's opens it on the API's."""
    world.tokens, world.metrics_tokens = tokens(b"all"), tokens(b"scrape")
    assert [ask("/metrics", headers=bearing(each)).status for each in ("all", "scrape")] == [
        200
    ] * 2
    assert ask_metrics("/metrics", headers=bearing("scrape")).status == 200
    for client, headers in ((ask, {}), (ask_metrics, {}), (ask_metrics, bearing("all"))):
        assert client("/metrics", headers=headers).status == 401
    assert ask("/v1/self", headers=bearing("scrape")).status == 401
    assert ask_metrics("/healthz").status == 200


@pytest.mark.parametrize("path", ["/metrics", "/metrics/"])
def test_both_paths_of_the_metrics_ask_for_the_token(
    world: World, ask: Ask, ask_metrics: Ask, path: str
) -> None:
    """A slash at the end does not get around it."""
    world.metrics_tokens = tokens(b"scrape")
    for client in (ask, ask_metrics):
        assert client(path).status == 401
        assert client(path, headers=bearing("scrape")).status == 200


def test_each_token_guards_its_own(world: World, ask: Ask, ask_metrics: Ask) -> None:
    """The API's leaves the metrics listener open, and that of the metrics the API."""
    world.tokens = tokens(b"all")
    assert ask_metrics("/metrics").status == 200
    world.tokens, world.metrics_tokens = None, tokens(b"scrape")
    assert ask("/v1/self").status == 200
    assert ask("/metrics").status == 401


def test_a_file_without_tokens_opens_nothing(world: World, ask: Ask, ask_metrics: Ask) -> None:
    """Not even for whoever sends an empty one."""
    world.tokens = world.metrics_tokens = tokens()
    for headers in ({}, bearing(""), {"authorization": "Bearer"}):
        assert ask("/v1/self", headers=headers).status == 401
        assert ask_metrics("/metrics", headers=headers).status == 401


@pytest.mark.parametrize(
    ("glob", "paths"),
    [
        ("/v1/inspect", ["/v1/inspect", "/v1/inspect/Id", "/v1/inspect/State/Pid", "/v1/inspect/"]),
        ("/v1/self/env*", ["/v1/self/env", "/v1/self/env/A", "/v1/self/environ"]),
        ("*/raw", ["/v1/stats/raw", "/raw"]),
        ("/v1/[!s]*", ["/v1/inspect", "/v1/events/stream"]),
        ("*", ["/", "/v1/self", "/metrics"]),
        ("/", ["/"]),
    ],
)
def test_what_is_switched_off_is_off_with_all_below(glob: str, paths: list[str]) -> None:
    """The refusal names the option and the glob."""
    for path in paths:
        with pytest.raises(ForbiddenError, match=r"--disable") as raised:
            check_disabled(path, ("/no", glob))
        assert glob in raised.value.detail


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("/v1/inspect", "/v1/inspector"),
        ("/v1/inspect", "/v1/self"),
        ("/v1/inspect/Id", "/v1/inspect"),
        ("/", "/v1/self"),
        ("/V1/*", "/v1/self"),
    ],
)
def test_what_is_not_switched_off_is_served(glob: str, path: str) -> None:
    """A glob matches from end to end, in that very case; what is above stays as it is."""
    check_disabled(path, (glob,))


def test_a_switched_off_path_is_off_in_every_spelling(world: World, ask: Ask) -> None:
    """Percent-encoding leads not around it, on either listener; health is never off."""
    world.disabled = ("/v1/self/labels", "/metrics", "/healthz", "/readyz")
    for path in ("/v1/self/labels", "/v1/self/%6cabels/a%2Fb", "/v1/self/labels/", "/metrics"):
        reply = ask(path)
        assert (reply.status, reply.problem["type"]) == (403, "urn:selfinspect:problem:forbidden")
    assert ask("/v1/self/command").status == 200
    assert ask("/healthz").status == ask("/readyz").status == 200


def test_a_switched_off_path_is_off_on_the_metrics_listener(world: World, ask_metrics: Ask) -> None:
    """The option is about paths, not about listeners."""
    world.disabled = ("/metrics",)
    assert ask_metrics("/metrics").status == 403
    assert ask_metrics("/healthz").status == 200


def test_a_header_sent_twice_counts_twice() -> None:
    """Neither the first nor the last of two values hides the other."""
    twice = [(b"origin", b"http://evil.example"), (b"host", b"app"), (b"origin", b"http://app")]
    assert combined(twice) == {"origin": "http://evil.example, http://app", "host": "app"}


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://localhost:10310/healthz", 200),
        ("HTTP://app/v1/self/id?x=1", 200),
        ("http://localhost", 200),
        ("http://localhost/v1/self/%2561", 404),
        ("http://evil.example/v1/self", 421),
        ("http://someone@localhost/v1/self", 421),
        ("http:///v1/self", 421),
        ("https://localhost/healthz", 200),
        ("ftp://localhost/healthz", 400),
        ("ws://localhost/v1/self", 400),
        ("*", 404),
        ("v1/self", 404),
    ],
)
def test_a_whole_uri_is_asked_of_its_own_host(ask: Ask, target: str, status: int) -> None:
    """Its host counts, not the header's."""
    assert ask(target).status == status
