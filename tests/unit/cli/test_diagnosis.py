"""What is well, what is not, and what mends it."""

from __future__ import annotations

from dataclasses import replace
from shlex import quote
from typing import TYPE_CHECKING, Any

import pytest

from selfinspect.cli.diagnosis import AgentsView, Facts, diagnose
from selfinspect.engine import quirks
from selfinspect.engine.tried import STRANGER
from selfinspect.errors import (
    EngineAnswerError,
    EngineDeniedError,
    EngineError,
    EngineUnreachableError,
    EngineUnsupportedError,
)
from selfinspect.model import (
    CAPABILITIES,
    Attempt,
    Engine,
    Identity,
    IdentitySummary,
    Mount,
    Reach,
    Self,
    Snapshot,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.cli.diagnosis import Check
    from selfinspect.model import Access, AttemptOutcome, Capability, Json

ID = "a1b2c3d4" * 8
SOCKET = "unix:///var/run/docker.sock"
GATEWAY = Attempt(
    "tcp://172.17.0.1:2376", "refused", "the connection was refused", "dockerd -H …", guessed=True
)
MISSING = Attempt(SOCKET, "missing", "the socket does not exist", "mount it")
PODMAN = Attempt(
    "unix:///run/podman/podman.sock", "missing", "the socket does not exist", "mount it"
)
DENIED = Attempt(
    SOCKET, "denied", f"{SOCKET}: permission denied for uid 65534", "join: --group-add 998"
)
ENGINE = Engine(SOCKET, "Docker", "28.5.2", "1.51")
OWN = Self(id=ID, short_id=ID[:12], identity=IdentitySummary("proven", "layer"))
WELL = Facts(
    snapshot=Snapshot(
        Identity(ID, "proven", "layer"),
        self=OWN,
        engine=ENGINE,
        tried=(Attempt(SOCKET, "answers"),),
    ),
    reach=Reach(ENGINE, capabilities={"inspect": "allowed", "stats": "allowed"}),
    agent="http://127.0.0.1:10310",
    agent_answers=True,
    cgroup="cgroup v2",
    uri_folder="/run/selfinspect",
    uri_folder_writable=True,
    journal="/var/lib/selfinspect",
    journal_writable=True,
    journal_space=10**9,
    read_only=False,
    uid=65532,
)


def checked(facts: Facts) -> Mapping[str, Check]:
    """The checks by name; each name stands once."""
    checks = diagnose(facts)
    assert len({check.name for check in checks}) == len(checks)
    return {check.name: check for check in checks}


def without_engine(*tried: Attempt) -> Facts:
    """The same container, where none of these places is an engine that counts."""
    identity = Identity(ID, "observed", "kernel")
    return replace(WELL, snapshot=Snapshot(identity, self=OWN, tried=tried), reach=None)


def reaching(endpoint: str, *, encrypted: bool | None = None, **learnt: Access) -> Facts:
    """The same container, with an engine elsewhere or otherwise open."""
    engine = replace(ENGINE, endpoint=endpoint)
    tried = (Attempt(endpoint, "answers"),)
    states = {name: learnt[name] for name in CAPABILITIES if name in learnt}
    return replace(
        WELL,
        snapshot=replace(WELL.snapshot, engine=engine, tried=tried),
        reach=Reach(engine, encrypted=encrypted, capabilities=states),
    )


def test_where_all_is_well_nothing_needs_a_fix() -> None:
    """Every check passes and none has a fix."""
    assert {(check.status, check.fix) for check in diagnose(WELL)} == {("pass", None)}


def test_the_agents_access_counts_where_ours_is_denied() -> None:
    """As its user's it may be another than ours: no group is to be joined then."""
    agents = AgentsView(Identity(ID, "proven", "layer"), WELL.reach)
    checks = checked(replace(without_engine(DENIED, GATEWAY), agents=agents))
    assert {check.status for check in checks.values()} == {"pass"}
    assert not [check.fix for check in checks.values() if check.fix]
    assert checks["identity"].seen.startswith(f"{ID[:12]}, proven by layer")
    assert "Docker 28.5.2" in checks[f"engine {SOCKET}"].seen
    assert checks["capabilities"].seen == "allowed: inspect, stats"


def test_an_agent_that_is_denied_as_we_are_needs_the_group() -> None:
    """It has said that it reaches no engine."""
    agents = AgentsView(Identity(ID, "observed", "kernel"), None)
    check = checked(replace(without_engine(DENIED), agents=agents))[f"engine {SOCKET}"]
    assert (check.status, check.fix) == ("fail", "join: --group-add 998")


def test_where_the_agent_does_not_say_doctor_says_that() -> None:
    """Its API takes a token that we have not, for one: then it advises to ask as its user."""
    facts = replace(without_engine(DENIED), agent_silent=True)
    facts = replace(facts, journal_writable=False, journal_owner=64)
    checks = checked(facts)
    for name in (f"engine {SOCKET}", "journal"):
        assert checks[name].status == "warn"
        assert "docker exec --user" in (checks[name].fix or "")


def test_no_identity_fails() -> None:
    """The reason is what was seen; naming the container is the fix."""
    refused = Snapshot(Identity(None, None, None, reason="two containers are named"))
    check = checked(replace(WELL, snapshot=refused))["identity"]
    assert (check.status, check.seen) == ("fail", "two containers are named")
    assert "SELFINSPECT_CONTAINER" in (check.fix or "")


def test_an_identity_from_the_kernel_alone_is_a_warning() -> None:
    """It is shown, and that it is not proven."""
    check = checked(without_engine(MISSING))["identity"]
    assert check.status == "warn"
    assert check.seen.startswith("a1b2c3d4a1b2, observed by kernel")


def test_an_assumed_identity_that_is_not_used_says_how_it_would_be() -> None:
    """Why it is not, and the one word of whoever knows better."""
    facts = without_engine(MISSING)
    identity = Identity(ID, "assumed", "kernel", reason="we may have joined its network")
    own = replace(OWN, id=None, short_id=None)
    unused = replace(facts, snapshot=replace(facts.snapshot, identity=identity, self=own))
    check = checked(unused)["identity"]
    assert check.status == "warn"
    assert check.seen.endswith("used nowhere: we may have joined its network")
    assert "SELFINSPECT_ASSUME=1" in (check.fix or "")
    used = replace(facts, snapshot=replace(facts.snapshot, identity=identity))
    assert checked(used)["identity"].fix is None


def test_a_missing_mount_is_fixed_by_a_mount() -> None:
    """One place fails, the usual one, with the whole option; the rest only warn."""
    checks = checked(without_engine(MISSING, PODMAN, GATEWAY))
    assert checks[f"engine {SOCKET}"].status == "fail"
    assert "-v /var/run/docker.sock:/var/run/docker.sock" in str(checks[f"engine {SOCKET}"].fix)
    podman = checks[f"engine {PODMAN.endpoint}"]
    assert (podman.status, podman.fix) == ("warn", None)


def test_a_stranger_is_fixed_by_removing_it() -> None:
    """The hint says how, and the identity is what it is without."""
    stranger = Attempt("tcp://docker:2375", STRANGER, "it is another's", "unset DOCKER_HOST")
    checks = checked(without_engine(stranger, MISSING))
    check = checks["engine tcp://docker:2375"]
    assert (check.status, check.seen, check.fix) == ("fail", "it is another's", "unset DOCKER_HOST")
    assert checks["identity"].status == "warn"


@pytest.mark.parametrize("outcome", ["refused", "timeout"])
def test_a_gateway_that_is_closed_is_opened_by_its_hint(outcome: AttemptOutcome) -> None:
    """By the daemon's option or a firewall's rule: the longer way, so a warning."""
    closed = replace(GATEWAY, outcome=outcome, hint="the very command")
    check = checked(without_engine(MISSING, closed))["engine tcp://172.17.0.1:2376"]
    assert (check.status, check.fix) == ("warn", "the very command")


@pytest.mark.parametrize("outcome", ["denied", "timeout", "refused", "API too old", "no TLS"])
def test_what_is_nearest_fails_with_its_own_hint(outcome: AttemptOutcome) -> None:
    """An engine that is there and does not let us in is nearer than one that is missing."""
    there = Attempt("tcp://engine:2376", outcome, "seen", "the very command")
    checks = checked(without_engine(MISSING, there))
    assert checks["engine tcp://engine:2376"].status == "fail"
    assert checks["engine tcp://engine:2376"].fix == "the very command"
    assert checks[f"engine {SOCKET}"].status == "warn"


def test_no_permission_names_the_group() -> None:
    """The hint with the real group is the fix; the place is named once."""
    check = checked(without_engine(DENIED))[f"engine {SOCKET}"]
    assert "--group-add 998" in str(check.fix)
    assert check.seen == "permission denied for uid 65534"


@pytest.mark.parametrize(
    ("outcome", "command"),
    [
        ("wrong name", "deploy/tls/certificates.sh DIR 172.17.0.1"),
        ("certificate expired", "deploy/tls/certificates.sh DIR 172.17.0.1"),
        ("wrong CA", "-e DOCKER_CERT_PATH=/certs"),
        ("no client certificate", "-e DOCKER_CERT_PATH=/certs"),
        ("client certificate refused", "-e DOCKER_CERT_PATH=/certs"),
    ],
)
def test_certificates_are_fixed_by_the_script(outcome: AttemptOutcome, command: str) -> None:
    """The engine's is made again with the gateway's name in it; ours is mounted."""
    attempt = replace(GATEWAY, outcome=outcome, detail="at length")
    check = checked(without_engine(MISSING, attempt))["engine tcp://172.17.0.1:2376"]
    assert (check.status, check.seen) == ("fail", "at length")
    assert command in str(check.fix)


def test_a_gateway_that_shows_an_engine_is_nearer_than_a_mount() -> None:
    """A certificate that does not fit is mended; a gateway where nobody listens is not."""
    shows = replace(GATEWAY, outcome="wrong name", hint="deploy/tls/certificates.sh")
    checks = checked(without_engine(MISSING, shows))
    assert checks["engine tcp://172.17.0.1:2376"].status == "fail"


def test_beside_an_engine_that_counts_what_is_absent_is_of_no_matter() -> None:
    """What is there and denies is still worth a warning."""
    other = replace(DENIED, endpoint="unix:///run/other.sock")
    tried = (MISSING, GATEWAY, other, Attempt("tcp://e:2376", "answers"))
    checks = checked(replace(WELL, snapshot=replace(WELL.snapshot, tried=tried)))
    for absent in (SOCKET, GATEWAY.endpoint):
        assert (checks[f"engine {absent}"].status, checks[f"engine {absent}"].fix) == ("pass", None)
    assert checks["engine unix:///run/other.sock"].status == "warn"
    assert checks["engine tcp://e:2376"].status == "pass"


def test_an_engine_switched_off_is_well() -> None:
    """Nothing was tried, on purpose."""
    assert checked(without_engine())["engine"].status == "pass"


@pytest.mark.parametrize(
    ("encrypted", "status"), [(True, "pass"), (False, "warn")], ids=["tls", "plain"]
)
def test_a_wire_in_the_clear_is_a_warning(encrypted: bool, status: str) -> None:  # noqa: FBT001
    """With the script that makes certificates as the fix."""
    check = checked(reaching("tcp://172.17.0.1:2375", encrypted=encrypted))["encryption"]
    assert check.status == status
    assert ("deploy/tls" in (check.fix or "")) is not encrypted


@pytest.mark.parametrize(
    ("source", "destination", "warned"),
    [
        ("/var/run/docker.sock", "/run/docker.sock", True),
        ("/run/user/1000/podman/podman.sock", "/var/run/docker.sock", True),
        ("/run/proxy/app.sock", "/var/run/docker.sock", False),
        ("/run/proxy", "/run/proxy", False),
        ("/var/run/docker.sock", "/elsewhere.sock", False),
        ("/var/run", "/var/run", True),
        ("/run", "/run", True),
        ("/run/proxy", "/var/run", False),
        ("/", "/var", True),
    ],
)
def test_the_engines_own_socket_is_root_on_the_host(
    source: str, destination: str, *, warned: bool
) -> None:
    """Where the file we ask through is an engine's own, a proxy is the fix."""
    mount = Mount("bind", source, destination, None, read_only=True)
    own = replace(OWN, mounts=(mount,))
    checks = checked(replace(WELL, snapshot=replace(WELL.snapshot, self=own)))
    assert ("socket" in checks) is warned
    if warned:
        assert "root on the host" in checks["socket"].seen
        assert "deploy/socket-proxy" in str(checks["socket"].fix)


def test_a_rootless_engines_socket_is_its_users() -> None:
    """That is as far as whoever has the socket gets."""
    mount = Mount(
        "bind", "/run/user/1000/docker.sock", "/var/run/docker.sock", None, read_only=True
    )
    own = replace(OWN, mounts=(mount,))
    facts = replace(WELL, snapshot=replace(WELL.snapshot, self=own), rootless_engine=True)
    check = checked(facts)["socket"]
    assert check.status == "warn"
    assert "become the user on the host whose rootless engine it is" in check.seen
    assert "root on the host" not in check.seen


PODMANS = "podman.socket && podman run -v"
DOCKERS = "docker run -v /var/run/docker.sock:/var/run/docker.sock --group-add"


@pytest.mark.parametrize(
    ("facts", "fix"),
    [
        ({"made_by": quirks.PODMAN}, f"systemctl enable --now {PODMANS} /run/podman/podman.sock:"),
        (
            {"made_by": quirks.PODMAN, "rootless": True},
            f"systemctl --user enable --now {PODMANS} $XDG_RUNTIME_DIR/podman/podman.sock:",
        ),
        (
            {"kernel": "6.10.14-linuxkit"},
            f"{DOCKERS} $(docker run --rm -v /var/run/docker.sock:/s busybox stat -c %g /s) …",
        ),
        ({}, f"{DOCKERS} $(stat -c %g /var/run/docker.sock) …"),
        (
            {"rootless": True},
            "docker run -v $XDG_RUNTIME_DIR/docker.sock:/var/run/docker.sock …",
        ),
    ],
)
def test_the_mount_is_the_one_of_the_engine_at_hand(facts: dict[str, Any], fix: str) -> None:
    """Podman has a service to be started, a user's engine its socket in the user's own folder.

    The shell of macOS and Windows sees no socket.
    """
    missing = replace(without_engine(MISSING, PODMAN), **facts)
    assert str(checked(missing)[f"engine {SOCKET}"].fix).startswith(fix)


def test_a_stale_socket_wants_a_restart_of_this_container() -> None:
    """By its ID, as it can be typed."""
    stale = Attempt(SOCKET, "stale", "seen", "restart this container; to be spared that, -v …")
    check = checked(without_engine(stale))[f"engine {SOCKET}"]
    assert (check.status, check.fix) == (
        "fail",
        f"docker restart {ID[:12]}; to be spared that, -v …",
    )


def test_a_container_that_is_only_assumed_is_not_restarted() -> None:
    """It may be the neighbour whose network we joined."""
    stale = Attempt(SOCKET, "stale", "seen", "restart this container; to be spared that, -v …")
    facts = without_engine(stale)
    own = facts.snapshot.self
    assert own is not None
    nobody = replace(facts.snapshot, self=replace(own, id=None, short_id=None))
    check = checked(replace(facts, snapshot=nobody))[f"engine {SOCKET}"]
    assert str(check.fix).startswith("docker restart <container>;")


def test_a_certificates_name_may_be_given_instead() -> None:
    """The one that it bears, where it was seen."""
    wrong = replace(GATEWAY, outcome="wrong name", hint="or with: --engine-server-name box")
    check = checked(without_engine(wrong))["engine tcp://172.17.0.1:2376"]
    assert str(check.fix).endswith("then restart the engine; or --engine-server-name box")


def _answered(name: str, code: int, words: str, hint: str | None = None) -> EngineAnswerError:
    return EngineAnswerError(
        f"{name}: the engine answered {code}: {words}", code=code, capability=name, hint=hint
    )


@pytest.mark.parametrize(
    ("name", "error", "seen", "fix"),
    [
        ("stats", _answered("stats", 500, "no cgroup"), "answered 500: no cgroup", None),
        ("changes", _answered("changes", 404, "no such layer"), "404: no such layer", None),
        ("info", _answered("info", 500, "plugin"), "500: plugin", None),
        ("logs", _answered("logs", 429, "slow down"), "429: slow down", None),
        (
            "events",
            EngineUnreachableError(
                f"{SOCKET}: no answer within 10 s", endpoint=SOCKET, outcome="timeout"
            ),
            "no answer within 10 s",
            None,
        ),
        (
            "top",
            _answered("top", 500, 'exec: "ps": executable file not found in $PATH'),
            "executable file not found",
            "on the engine's host: apt-get install procps, or the package that has ps",
        ),
        (
            "logs",
            _answered("logs", 500, "this container is using the 'none' log driver"),
            "'none' log driver",
            "docker run --log-driver local …, in place of --log-driver none",
        ),
    ],
)
def test_each_request_that_fails_is_a_warning_in_the_engines_words(
    name: Capability, error: EngineError, seen: str, fix: str | None
) -> None:
    """Whatever its status; with the fix where there is one."""
    learnt: dict[str, Any] = {"inspect": "allowed", name: "allowed"}
    facts = reaching(SOCKET, **learnt)
    inspect: Json = {"HostConfig": {"LogConfig": {"Type": "none"}}}
    snapshot = replace(facts.snapshot, inspect=inspect)
    checks = checked(replace(facts, snapshot=snapshot, failed={name: error}))
    check = checks[f"capability {name}"]
    assert (check.status, check.fix) == ("warn", fix)
    assert seen in check.seen
    assert checks["capabilities"].seen == "allowed: inspect"


EVIL = "/x;$(reboot)"


@pytest.mark.parametrize(
    "facts",
    [
        replace(WELL, journal=EVIL, journal_writable=False),
        replace(WELL, journal=EVIL, journal_writable=False, read_only=True),
        replace(WELL, journal=EVIL, journal_space=1000),
        replace(
            reaching(SOCKET, logs="allowed"),
            snapshot=replace(
                reaching(SOCKET).snapshot, inspect={"HostConfig": {"LogConfig": {"Type": EVIL}}}
            ),
            failed={"logs": _answered("logs", 500, "no log driver")},
        ),
    ],
)
def test_words_of_others_are_no_part_of_a_command(facts: Facts) -> None:
    """A folder of the image's author and a lying engine's word are each one word for a shell."""
    [fix] = [check.fix for check in checked(facts).values() if "reboot" in str(check.fix)]
    assert quote(EVIL) in str(fix)


def test_a_log_without_a_driver_is_no_missing_endpoint() -> None:
    """Docker answers 501 to that, and the check has its words and the option."""
    words = "configured logging driver does not support reading"
    error = EngineUnsupportedError(f"logs: {words}", code=501, capability="logs")
    facts = replace(
        reaching(SOCKET, logs="unsupported"), failed={"logs": error}, made_by=quirks.PODMAN
    )
    check = checked(facts)["capability logs"]
    assert words in check.seen
    assert check.fix == "podman run --log-driver k8s-file …"


def test_what_a_plugin_denies_is_reported_in_its_words() -> None:
    """With the plugin's name, not a proxy's variable."""
    error = EngineDeniedError("stats: no", code=403, capability="stats", hint="let plugin opa")
    facts = replace(reaching(SOCKET, stats="denied"), failed={"stats": error})
    check = checked(facts)["capability stats"]
    assert (check.seen, check.fix) == ("denied: stats: no", "let plugin opa")


@pytest.mark.parametrize(
    ("proxy", "fix"),
    [
        ("nginx", "in nginx's location for the engine: proxy_buffering off; proxy_read_timeout"),
        ("tinyproxy", "have the proxy tinyproxy pass /events on unbuffered"),
        (None, "have the proxy in front of the engine pass /events on unbuffered"),
    ],
)
def test_a_proxy_that_holds_events_back_is_named(proxy: str | None, fix: str) -> None:
    """With what is to be set in it."""
    facts = replace(reaching(SOCKET, events="allowed"), held_back=True, proxy=proxy)
    checks = checked(facts)
    assert checks["capability events"].status == "warn"
    assert str(checks["capability events"].fix).startswith(fix)
    assert "capabilities" not in checks


def test_each_denied_capability_names_the_variable() -> None:
    """And the path, for a proxy that has no variables."""
    checks = checked(reaching(SOCKET, inspect="allowed", stats="denied", image="denied"))
    assert checks["capabilities"].seen == "allowed: inspect"
    assert "CONTAINERS=1" in str(checks["capability stats"].fix)
    assert "/stats" in str(checks["capability stats"].fix)
    assert "IMAGES=1" in str(checks["capability image"].fix)


def test_where_the_inspect_is_denied_the_place_says_so_alone() -> None:
    """An engine that does not count has no list of what else it allows."""
    denied = replace(WELL.reach or Reach(ENGINE), capabilities={"inspect": "denied"})
    checks = checked(replace(without_engine(DENIED), reach=denied))
    assert not [name for name in checks if name.startswith("capabilit")]


def test_what_an_engine_lacks_has_no_fix() -> None:
    """A warning without a fix."""
    check = checked(reaching(SOCKET, top="unsupported"))["capability top"]
    assert (check.status, check.fix) == ("warn", None)


def test_an_engine_without_cgroups_has_no_figures() -> None:
    """Whatever the kernel's files and the engine say: it is of others."""
    check = checked(replace(WELL, without_cgroups=True))["figures"]
    assert check.status == "warn"
    assert "no cgroups" in check.seen
    assert "cgroup v2" in str(check.fix)


def test_figures_come_from_the_kernel_or_the_engine() -> None:
    """Without a cgroup the engine has them; without both there are none."""
    assert checked(WELL)["figures"].seen == "from the kernel, cgroup v2"
    on_v1 = checked(replace(WELL, cgroup="cgroup v1"))["figures"]
    assert (on_v1.status, "unsupported" in on_v1.seen) == ("pass", True)
    assert "engine" in checked(replace(WELL, cgroup=None))["figures"].seen
    assert checked(replace(without_engine(MISSING), cgroup=None))["figures"].status == "fail"


def test_an_agent_that_does_not_answer_fails() -> None:
    """None at all is a warning only: each verb works without."""
    assert checked(replace(WELL, agent_answers=False))["agent"].status == "fail"
    assert checked(replace(WELL, agent=None, agent_answers=False))["agent"].status == "warn"


def test_an_agent_that_speaks_tls_alone_is_a_warning() -> None:
    """It may well answer others; a listener inside is what clients in here take."""
    beyond = replace(WELL, agent="https://127.0.0.1:8443", agent_answers=False)
    check = checked(beyond)["agent"]
    assert check.status == "warn"
    assert "--listen 127.0.0.1:10310" in str(check.fix)


def test_a_read_only_root_wants_a_place_for_the_address() -> None:
    """The fix is a tmpfs on that folder."""
    facts = replace(WELL, uri_folder_writable=False, read_only=True)
    check = checked(facts)["address"]
    assert "read-only" in check.seen
    assert "--tmpfs /run/selfinspect:uid=65532" in str(check.fix)


@pytest.mark.parametrize(
    ("facts", "seen", "fix"),
    [
        (
            replace(WELL, journal_writable=False),
            "can't be written",
            "RUN install -d -o 65532 -m 0700 /var/lib/selfinspect",
        ),
        (
            replace(WELL, journal_writable=False, read_only=True),
            "the root file system is read-only",
            "docker run -v NAME:/var/lib/selfinspect …",
        ),
        (
            replace(WELL, journal_writable=False, journal_mount="ext4", read_only=True),
            "/var/lib/selfinspect is a mount",
            (
                "docker exec --user 0 <container> chown -R 65532 /var/lib/selfinspect"
                " && docker restart <container>"
            ),
        ),
        (
            replace(WELL, journal_writable=False, journal_mount="tmpfs"),
            "is a mount",
            "docker run --tmpfs /var/lib/selfinspect:uid=65532 …",
        ),
        (
            replace(WELL, journal_writable=False, journal_mount="xfs", journal_read_only=True),
            "is a mount",
            "docker run -v NAME:/var/lib/selfinspect …, without :ro",
        ),
        (replace(WELL, journal_space=1000), "is full", "df /var/lib/selfinspect"),
    ],
)
def test_a_journal_that_cannot_be_kept_is_a_warning(facts: Facts, seen: str, fix: str) -> None:
    """The agent works all the same; what would keep its events is said."""
    check = checked(facts)["journal"]
    assert (check.status, check.fix) == ("warn", fix)
    assert seen in check.seen
    assert checked(WELL)["journal"].status == "pass"
