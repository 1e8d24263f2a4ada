from __future__ import annotations

import base64
import json
import subprocess
import time
from itertools import count, takewhile
from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import member, sequence, text
from tests.engine.conftest import settled, sh, until

if TYPE_CHECKING:
    from tests.engine.conftest import Engine
    from tests.support.relay import Relay

pytestmark = pytest.mark.engine


def test_the_id_is_the_engines_own(engine: Engine) -> None:
    """`/v1/self/id` says what `docker inspect` says, and the identity is proven."""
    app = engine.start().ready()
    assert app.curl("/v1/self/id") == app.inspect("{{.Id}}")
    assert app.curl("/v1/self/identity/level") == "proven"


def test_the_published_port_is_plain_text(engine: Engine) -> None:
    """One curl learns the host port; an exposed port without one is empty."""
    app = engine.start("--publish", "8080", "--expose", "9090").ready()
    published = app.inspect('{{(index .NetworkSettings.Ports "8080/tcp" 0).HostPort}}')
    assert app.curl("/v1/self/ports/8080/tcp") == published
    assert app.curl("/v1/self/ports/9090/tcp") == ""


def test_every_member_of_the_document_agrees_with_inspect(engine: Engine) -> None:
    """What was asked for on the command line stands in `/v1/self`."""
    app = engine.start(
        "--name", "whole", "--hostname", "whole-host", "--memory", "256m", "--cpus", "0.5",
        "--pids-limit", "100", "--cpu-shares", "512", "--env", "COLOUR=blue",
        "--label", "com.docker.compose.project=shop", "--label", "com.docker.compose.service=web",
        "--label", "com.docker.compose.container-number=2", "--restart", "on-failure:3",
        "--tmpfs", "/scratch", "--volume", "whole-data:/data:ro", "--workdir", "/tmp",
        "--health-cmd", "true",
    ).ready()  # fmt: skip
    own = app.json("/v1/self")
    assert text(own, "name") == "whole"
    assert text(own, "hostname") == "whole-host"
    assert text(own, "image", "reference") == engine.image
    assert text(own, "state") == "running"
    assert text(own, "working_dir") == "/tmp"
    assert text(own, "env", "COLOUR") == "blue"
    assert member(own, "restart_policy") == {"name": "on-failure", "maximum_retries": 3}
    assert member(own, "compose") == {"project": "shop", "service": "web", "number": 2}
    assert member(own, "limits") == {
        "cpus": 0.5,
        "cpu_shares": 512,
        "cpuset": None,
        "memory_bytes": 256 << 20,
        "memory_reservation_bytes": None,
        "memory_swap_bytes": 512 << 20,
        "pids": 100,
    }
    assert text(own, "networks", "bridge", "ip") == app.inspect("{{.NetworkSettings.IPAddress}}")
    mounts = {text(mount, "destination"): mount for mount in sequence(own, "mounts")}
    assert member(mounts["/data"], "read_only") is True
    assert text(mounts["/scratch"], "type") == "tmpfs"
    assert text(own, "health", "status") in ("starting", "healthy")
    engine.docker("rm", "--force", "--volumes", app.id)
    engine.started.remove(app.id)
    engine.docker("volume", "rm", "whole-data")


def test_it_works_without_any_privilege(engine: Engine) -> None:
    """Read-only, without capabilities, as nobody: proven all the same, and healthy."""
    app = engine.start("--read-only", "--cap-drop", "ALL", "--user", "65534").ready()
    assert app.curl("/v1/self/identity/level") == "proven"
    assert app.exec("selfinspect", "healthcheck") == "ok"


@pytest.mark.parametrize("namespace", ["host", "private"])
def test_without_a_socket_the_kernel_alone_identifies(engine: Engine, namespace: str) -> None:
    """No engine: the right ID, observed or assumed, figures and limits of the kernel's."""
    app = engine.start_plain(
        "--cgroupns", namespace, "--memory", "256m", "--cpus", "0.5", "--pids-limit", "100"
    ).ready()
    identity = app.json("/v1/identity")
    assert text(identity, "id") == app.id
    assert text(identity, "level") == ("observed" if namespace == "host" else "assumed")
    assert text(app.json("/v1/stats"), "source") == "kernel"
    assert app.curl("/v1/self/name") == ""
    assert app.json("/v1/self/limits") == {
        "cpus": 0.5,
        "cpu_shares": None,
        "cpuset": None,
        "memory_bytes": 256 << 20,
        "memory_reservation_bytes": None,
        "memory_swap_bytes": 512 << 20,
        "pids": 100,
    }


def test_metrics_keep_to_the_loopback_of_a_hosts_network(engine: Engine) -> None:
    """In a network of its own everyone may scrape; in the host's only who is on the host."""
    app = engine.start("--network", "host").ready()
    address = app.engine.docker(
        "network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", "bridge"
    )
    scrape = ("nsenter", "--net", "--target", app.pid, "curl", "--silent", "--fail")
    assert sh(*scrape, "http://127.0.0.1:10311/healthz") == "ok"
    with pytest.raises(AssertionError):
        sh(*scrape, f"http://{address}:10311/healthz")
    apart = engine.start().ready()
    own = apart.inspect("{{.NetworkSettings.IPAddress}}")
    assert sh(*scrape, f"http://{own}:10311/healthz") == "ok"


def test_without_a_socket_what_an_engine_knows_is_unavailable(engine: Engine) -> None:
    """`/v1/inspect` is 503 with a hint that names the mount and its price."""
    app = engine.start_plain().up()
    assert app.status("/v1/inspect") == 503
    problem = app.json("/v1/inspect")
    assert text(problem, "type") == "urn:selfinspect:problem:engine-unreachable"
    assert "-v /var/run/docker.sock" in (text(problem, "hint") or "")
    assert "root on the host" in (text(problem, "hint") or "")


def test_a_socket_it_may_not_read_names_the_group_to_add(engine: Engine) -> None:
    """The hint of `/v1/inspect` holds the very option that mends it."""
    app = engine.start(joined=False).up()
    problem = app.json("/v1/inspect")
    assert text(problem, "status") or member(problem, "status") == 503
    assert f"--group-add {engine.group}" in (text(problem, "hint") or "")


def test_a_rename_shows_without_polling(engine: Engine, relay: Relay) -> None:
    """After its rename a container answers its new name, for the price of one inspect."""
    app = engine.start("--name", "before", "--no-healthcheck", socket=relay.path).ready()
    settled(relay)
    asked = len(relay.requests)
    engine.docker("rename", "before", "after")
    until(lambda: app.curl("/v1/self/name") == "after", "the new name")
    assert [request.rpartition("/")[2] for request in relay.requests[asked:]] == ["json"]


def test_an_event_reaches_the_stream(engine: Engine) -> None:
    """A subscriber sees a rename as it happens, with a cursor to resume from."""
    app = engine.start("--no-healthcheck").ready()
    with subprocess.Popen(
        ["nsenter", "--net", "--target", str(app.pid), "curl", "--silent", "--no-buffer",
         "http://127.0.0.1:10310/v1/events/stream"],
        stdout=subprocess.PIPE, text=True,
    ) as stream:  # fmt: skip
        assert stream.stdout is not None
        assert stream.stdout.readline().startswith(":")
        engine.docker("rename", app.id, "renamed")
        # Its own create and start may still be filled in before.
        frames = (list(takewhile(str.strip, stream.stdout)) for _ in count())
        identifier, name, data = next(frame for frame in frames if "event: rename\n" in frame)
        stream.kill()
    assert (identifier[:4], name) == ("id: ", "event: rename\n")
    event = json.loads(data.removeprefix("data: "))
    assert (event["action"], event["actor"]["id"]) == ("rename", app.id)
    assert app.json(f"/v1/events?after={event['cursor']}") == {
        "events": [],
        "next": event["cursor"],
    }


def test_its_own_health_is_followed(engine: Engine) -> None:
    """The image's health check asks the agent; the engine's verdict shows by itself."""
    app = engine.start("--health-interval", "1s").ready()
    until(lambda: app.curl("/v1/self/health/status") == "healthy", "the first check")
    assert app.inspect("{{.State.Health.Status}}") == "healthy"


def test_docker_stop_is_heeded_at_once(engine: Engine) -> None:
    """The agent alone ends with 0 on SIGTERM, long before it would be killed."""
    app = engine.start().ready()
    engine.docker("stop", "--time", "60", app.id)
    assert app.inspect("{{.State.ExitCode}}") == "0"


def test_networks_are_followed(engine: Engine) -> None:
    """A network connected at run time stands in `/v1/self`, and is an event."""
    app = engine.start().ready()
    engine.docker("network", "create", "t-side")
    try:
        engine.docker("network", "connect", "--alias", "sidekick", "t-side", app.id)
        until(lambda: "sidekick" in app.curl("/v1/self/networks"), "the network")
        joined = "/v1/events?type=network&action=connect"
        until(lambda: sequence(app.json(joined), "events"), "the event")
        assert app.status("/healthz", "--header", "Host: sidekick") == 200
    finally:
        engine.docker("network", "disconnect", "--force", "t-side", app.id)
        engine.docker("network", "rm", "t-side")


def test_another_containers_events_stay_away(engine: Engine) -> None:
    """What happens to a neighbour reaches neither the journal nor the document."""
    app = engine.start().ready()
    neighbour = engine.start_plain(image=engine.busybox, command=("sleep", "1000"))
    engine.docker("rename", neighbour.id, "neighbour")
    engine.docker("rename", app.id, "own")
    until(lambda: "rename" in app.curl("/v1/events"), "our own rename")
    events = sequence(app.json("/v1/events"), "events")
    about = {text(event, "actor", "id") for event in events if text(event, "type") == "container"}
    assert about == {app.id}
    assert [text(event, "action") for event in events].count("rename") == 1


def test_the_engine_goes_and_comes_back(engine: Engine, relay: Relay) -> None:
    """While it is away its last word is served with an Age; after that a rename shows again."""
    app = engine.start(socket=relay.path).ready()
    relay.cut()
    until(lambda: "selfinspect_engine_up 0.0" in app.curl("/metrics"), "the loss")
    assert "age: " in app.curl("/v1/inspect/Id", "--include").lower()
    relay.restore()
    until(lambda: "selfinspect_engine_up 1.0" in app.curl("/metrics"), "the return")
    engine.docker("rename", app.id, "survivor")
    until(lambda: app.curl("/v1/self/name") == "survivor", "the new name")


def test_the_nonce_proves_where_nothing_else_can(engine: Engine, relay: Relay) -> None:
    """An engine without layers in its inspect, behind a proxy that denies archive."""
    relay.of_answer = lambda data: data.replace(b'"GraphDriver"', b'"NoLayerHere"')
    relay.of_request = lambda data: data.replace(b"/archive?", b"/archivX?")
    app = engine.start(socket=relay.path).ready()
    assert app.curl("/v1/self/id") == app.id
    assert app.curl("/v1/self/identity/method") == "nonce"
    assert app.exec("cat", "/proc/1/comm") == "selfinspect"


SECRETS = tuple(
    f"hunter2-{place}"
    for place in ("env", "phrase", "url", "json", "base64", "label", "argument", "check", "header")
)
EVERYTHING = (
    "/v1/self", "/v1/self/env/NONE", "/v1/inspect", "/v1/identity", "/v1/engine", "/v1/events",
    "/v1/runs", "/v1/top?args=-eo+pid,args", "/v1/logs", "/v1/changes", "/v1/image", "/metrics",
    "/readyz",
)  # fmt: skip
VERBS = ("show", "inspect", "events --all", "logs", "top", "env", "doctor --json", "id --explain")


def test_secrets_are_hidden_everywhere(engine: Engine) -> None:
    """However a secret was given, no answer, log line, verb or file of the agent shows it."""
    env, phrase, url, inside, encoded, label, argument, check, header = SECRETS
    script = (
        'echo "ready: $DB_PASSWORD"; echo "said: $PHRASE_TOKEN"; touch "/tmp/$DB_PASSWORD";'
        f" exec python3 -c 'import time; time.sleep(1000)' --password {argument}"
    )
    blob = base64.b64encode(f"users:\n- token: {encoded}\n".encode()).decode()
    app = engine.start(
        "--env", f"DB_PASSWORD={env}", "--env", f"PHRASE_TOKEN=able baker {phrase}",
        "--env", f"BACKEND=postgres://u:{url}@db/x", "--env", f'SET={{"apiKey": "{inside}"}}',
        "--env", f"KUBE={blob}", "--label", f"api.token={label}", "--label", f"note=uses {env}",
        "--health-cmd", f"echo $DB_PASSWORD; echo token={check}; true -u u:{check}",
        "--health-interval", "1s", "--env", "COLOUR=blue",
        "--env", "SELFINSPECT_METRICS_LABELS=*", "--env", "SELFINSPECT_LOG_LEVEL=debug",
        command=("run", "--", "sh", "-c", script),
    ).ready()  # fmt: skip
    engine.docker("exec", app.id, "true", "--password", env, "-H", f"X-Api-Key: {header}")
    engine.docker("exec", app.id, "true", f"able baker {phrase}")
    until(lambda: app.curl("/v1/events").count("exec_die") == 2, "both exec events")
    until(lambda: app.curl("/v1/self/health/status") == "healthy", "a check")
    until(lambda: "said" in app.curl("/v1/logs"), "what the app prints")
    own_log = "\n".join(line for line in app.logs().splitlines() if '"event"' in line)
    shown = {page: app.curl(page) for page in EVERYTHING}
    shown |= {verb: app.exec("selfinspect", *verb.split()) for verb in VERBS}
    shown["metrics listener"] = app.curl("/metrics", port=10311)
    shown["files"] = app.exec(
        "sh", "-c", "cat /var/lib/selfinspect/* /run/selfinspect/* | tr -cd '[:print:]'"
    )
    shown["log"] = own_log
    assert [(secret, page) for page in shown for secret in SECRETS if secret in shown[page]] == []
    assert blob not in shown["/v1/self"]
    assert app.curl("/v1/self/env/COLOUR") == "blue"
    assert app.curl("/v1/self/env/DB_PASSWORD") == "[masked]"


def test_what_is_revealed_stays_hidden_on_the_metrics_listener(engine: Engine) -> None:
    """Callers inside read the named variable; a label that repeats it is masked for scrapers."""
    app = engine.start(
        "--env", "A_TOKEN=hunter2-token", "--label", "note=uses hunter2-token",
        "--env", "SELFINSPECT_REVEAL=A_TOKEN", "--env", "SELFINSPECT_METRICS_LABELS=*",
    ).ready()  # fmt: skip
    assert app.curl("/v1/self/env/A_TOKEN") == "hunter2-token"
    assert 'container_label_note="uses [masked]"' in app.curl("/metrics", port=10311)


def test_the_metrics_listener_serves_nothing_else(engine: Engine) -> None:
    """From the network: metrics and health; the API stays inside the container."""
    app = engine.start().ready()
    assert app.status("/metrics", port=10311) == 200
    assert app.status("/readyz", port=10311) == 200
    assert app.status("/v1/self", port=10311) == 404
    address = app.inspect("{{.NetworkSettings.IPAddress}}")
    reached = subprocess.run(
        ["nsenter", "--net", "--target", str(engine.pid), "curl", "--silent", "--max-time", "5",
         f"http://{address}:10310/v1/self"],
        check=False, capture_output=True,
    )  # fmt: skip
    assert reached.returncode == 7  # connection refused


@pytest.mark.parametrize("seconds", [15, pytest.param(60, marks=pytest.mark.slow)])
def test_the_idle_agent_leaves_the_engine_alone(
    engine: Engine, relay: Relay, seconds: float
) -> None:
    """In the minute after its start it makes no request but what it took to get ready."""
    app = engine.start("--no-healthcheck", socket=relay.path).ready()
    settled(relay)
    asked = list(relay.requests)
    time.sleep(seconds)
    assert relay.requests == asked
    assert app.status("/readyz") == 200
