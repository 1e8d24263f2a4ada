"""Who may ask: tokens, certificates and switched off paths, from outside."""

from __future__ import annotations

import ssl
import subprocess
import sys
import time
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

from selfinspect.listen import parse_listen
from tests.contract.conftest import HAS_OWN_RUN, PATIENCE, PROGRAM, environment
from tests.support.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.conftest import Listener, Serve
    from tests.support.certificates import Pair

TOKEN = "s3cret-of-the-api"


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """The file of a token."""
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs everybody's certificate."""
    return Authority(tmp_path_factory.mktemp("tls") / "ca")


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    """The agent's certificate."""
    return authority.signs("agent")


def bearing(token: str) -> dict[str, str]:
    """The header of who knows a token."""
    return {"Authorization": f"Bearer {token}"}


def trusting(authority: Authority, pair: Pair | None = None) -> ssl.SSLContext:
    """A client that trusts the agent, with a certificate of its own or without."""
    context = ssl.create_default_context(cafile=str(authority.cert))
    if pair is not None:
        context.load_cert_chain(pair.cert, pair.key)
    return context


def securely(listener: Listener, context: ssl.SSLContext, path: str, token: str = "") -> int:
    """The status of an answer over TLS."""
    connection = HTTPConnection("127.0.0.1")
    with (
        listener.connect() as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection.sock,
    ):
        connection.request("GET", path, headers=bearing(token))
        with connection.getresponse() as response:
            return response.status


def test_a_token_guards_every_listener(
    serve: Serve, here: tuple[str, ...], token: Path, tmp_path: Path
) -> None:
    """TCP and Unix alike; a new token holds at once, and a file without one lets nobody in."""
    addresses = (f"--listen=unix://{tmp_path}/s", "--listen=127.0.0.1:0", "--listen=0.0.0.0:0")
    agent = serve(*here, *addresses, f"--token-file={token}", listen=False).ready()
    for listener in agent.listeners:
        refused = listener.ask("/v1/self/name")
        assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert listener.ask("/v1/self/name", headers=bearing("wrong")).status == 401
        assert listener.ask("/v1/self/name", headers=bearing(TOKEN)).body == b"web\n"
        assert listener.ask("/readyz").status == 200
    assert agent.metrics.ask("/metrics").status == 200
    token.write_text("another")
    assert agent.api.ask("/v1/self/name", headers=bearing(TOKEN)).status == 401
    assert agent.api.ask("/v1/self/name", headers=bearing("another")).status == 200
    token.unlink()
    assert agent.api.ask("/v1/self/name", headers=bearing("another")).status == 401
    line = agent.logged("token.missing", option="--token-file")
    assert line["path"] == str(token)
    assert TOKEN not in str(agent.log)


def test_the_metrics_have_their_own_token(serve: Serve, here: tuple[str, ...], token: Path) -> None:
    """On both listeners; a file for everyone is warned of."""
    token.chmod(0o644)
    agent = serve(*here, f"--metrics-token-file={token}").ready()
    agent.logged("token.exposed", option="--metrics-token-file", path=str(token))
    for listener in (agent.api, agent.metrics):
        assert listener.ask("/metrics").status == 401
        assert listener.ask("/metrics", headers=bearing(TOKEN)).status == 200
    assert agent.api.ask("/v1/self/name").status == 200
    assert agent.metrics.ask("/healthz").status == 200


def test_tls_is_for_beyond(
    serve: Serve, here: tuple[str, ...], token: Path, authority: Authority, pair: Pair
) -> None:
    """The metrics and what is reached from outside speak it; loopback stays in the clear."""
    agent = serve(
        *here,
        *("--listen=127.0.0.1:0", "--listen=0.0.0.0:0", f"--token-file={token}"),
        *(f"--tls-cert={pair.cert}", f"--tls-key={pair.key}"),
        listen=False,
    ).ready()
    inside, beyond = agent.listeners
    assert inside.ask("/v1/self/name", headers=bearing(TOKEN)).status == 200
    context = trusting(authority)
    assert securely(beyond, context, "/v1/self/name", TOKEN) == 200
    assert securely(beyond, context, "/v1/self/name") == 401
    assert securely(agent.metrics, context, "/metrics") == 200
    for listener in (beyond, agent.metrics):
        with listener.connect() as clear:
            clear.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"HTTP" not in clear.recv(65_536)


def test_a_clients_certificate_is_a_condition(
    serve: Serve, here: tuple[str, ...], authority: Authority, pair: Pair
) -> None:
    """Without one there is no conversation, not even about health."""
    agent = serve(
        *here,
        *("--listen=0.0.0.0:0", f"--tls-client-ca={authority.cert}"),
        *(f"--tls-cert={pair.cert}", f"--tls-key={pair.key}"),
        listen=False,
    ).ready()
    agent.logged("api.only-tls")
    known = trusting(authority, authority.signs("client", "extendedKeyUsage=clientAuth"))
    for listener, path in ((agent.api, "/v1/self"), (agent.metrics, "/metrics")):
        assert securely(listener, known, path) == 200
        with pytest.raises(OSError, match=r"(?i)certificate|reset|closed|eof|pipe"):
            securely(listener, trusting(authority), "/healthz")
    assert [line for line in agent.log if line["event"] == "no JSON"] == []


def test_what_is_switched_off_says_so(serve: Serve, here: tuple[str, ...]) -> None:
    """403, by the option's name, for the path and for all below it."""
    agent = serve(*here, "--disable=/v1/inspect", "--disable=/v1/*/stream").ready()
    for path in ("/v1/inspect", "/v1/inspect/Id", "/v1/inspect/%49d", "/v1/events/stream"):
        reply = agent.api.ask(path)
        assert reply.status == 403
        assert isinstance(reply.json, dict)
        assert "--disable" in str(reply.json["detail"])
    assert agent.api.text("/v1/self/name") == "web\n"


def test_a_socket_that_somebody_serves_is_not_taken(serve: Serve, here: tuple[str, ...]) -> None:
    """Exit 2 and one line; the one who serves it goes on."""
    agent = serve(*here).ready()
    done = subprocess.run(
        [*PROGRAM, "serve", "--metrics-listen=off", f"--listen={agent.api.address}"],
        capture_output=True, text=True, check=False, env=environment(), timeout=PATIENCE,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"--listen {agent.api.address}: Address already in use" in done.stderr
    assert agent.api.text("/v1/self/name") == "web\n"


ASKING = """
import os, sys, urllib.error, urllib.request
def status(headers):
    url = os.environ["SELFINSPECT_URI"] + "/v1/identity"
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers)).status
    except urllib.error.HTTPError as error:
        return error.code
path = os.environ["SELFINSPECT_TOKEN_FILE"]
token = open(path).read().strip()
known = {"Authorization": "Bearer " + token}
os.environ["SELFINSPECT_TOKEN_FILE"] = "auto"
from selfinspect.client import AgentAddress, ask
for uri in (os.environ["SELFINSPECT_URI"], sys.argv[1]):
    assert ask(AgentAddress(uri), "/v1/identity", timeout=60).status == 200
print(path, oct(os.stat(path).st_mode)[-3:], status(known), status({}))
"""


@pytest.mark.skipif(not HAS_OWN_RUN, reason="a /run of its own needs a mount namespace")
def test_the_command_gets_a_token_of_its_own(tmp_path: Path) -> None:
    """`auto` makes one for it: in a file that it alone may read, and that its variable names.

    The agent takes it on each of the listeners that PID 1 made.
    """
    path = tmp_path / "s"
    listeners = ("--listen=127.0.0.1:0", f"--listen=unix://{path}")
    options = ("--token-file=auto", *listeners, "--metrics-listen=off", "--engine=off")
    command = (sys.executable, "-c", ASKING, parse_listen(f"unix://{path}").uri())
    done = subprocess.run(
        [*PROGRAM, "run", *options, "--", *command],
        capture_output=True, text=True, check=False, env=environment(), timeout=2 * PATIENCE,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "/run/selfinspect/token 400 200 401\n"), (
        done.stderr
    )


SLOW = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: "


@pytest.mark.parametrize(
    ("count", "scrapes"), [(50, 3), pytest.param(500, 100, marks=pytest.mark.slow)]
)
def test_slow_senders_stop_no_scrape(
    serve: Serve, here: tuple[str, ...], count: int, scrapes: int
) -> None:
    """However many begin a request and send it byte by byte: who is hung up on comes again."""
    agent = serve(*here).ready()
    senders = [agent.metrics.connect() for _ in range(count)]
    taken = []
    try:
        for sender in senders:
            sender.sendall(SLOW)
        for _ in range(scrapes):
            begun = time.monotonic()
            assert agent.metrics.ask("/metrics").status == 200
            taken.append(time.monotonic() - begun)
            for index, sender in enumerate(senders):
                try:
                    sender.sendall(b"x")
                except OSError:
                    sender.close()
                    senders[index] = agent.metrics.connect()
                    senders[index].sendall(SLOW)
            time.sleep(0.2)
    finally:
        for sender in senders:
            sender.close()
    # They have 10 s to send a request; a busy machine may hold one scrape up, but not each.
    assert min(taken) < 5.0


def test_so_many_streams_leave_the_api_to_others(serve: Serve, here: tuple[str, ...]) -> None:
    """With 256 open, half of them samples every second, any other request is answered."""
    agent = serve(*here).ready()
    paths = ["/v1/events/stream", "/v1/stats/stream"] * 128
    streams = [agent.api.open(path) for path in paths]
    try:
        assert {stream.status for stream in streams} == {200}
        for _ in range(50):
            assert agent.api.text("/v1/self/name") == "web\n"
        assert agent.api.ask("/v1/stats/stream").status == 503
    finally:
        for stream in streams:
            stream.close()
