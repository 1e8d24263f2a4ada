"""The state is current while an engine comes, reports events, goes and returns."""

from __future__ import annotations

import json
import math
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from selfinspect.agent.keeper import delay
from selfinspect.agent.observe import reach
from selfinspect.agent.state import UNRESOLVED, Observation
from selfinspect.documents import engine_document
from selfinspect.engine.tried import NO_TARGET, STRANGER, UNPROVEN
from selfinspect.jsonread import member
from selfinspect.masking import Masking
from selfinspect.model import Attempt, EngineFailure, Run, Snapshot, Stopping
from selfinspect.settings import Settings
from tests.support.canned_container import ID, lay_container
from tests.support.canned_engine import PING, Answer, CannedEngine, recorded
from tests.support.kept import Kept, happened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from selfinspect.model import AttemptOutcome, Json


ANOTHER = "cd" * 32
AWAITING = r"/events\?filters=.*web.*&since=[^&]*$"


@pytest.fixture
def docker(engine: CannedEngine) -> CannedEngine:
    """An engine that has the container."""
    engine.knows(recorded("inspect"), image=recorded("image"))
    engine.answers["/info"] = Answer(body=recorded("info"))
    return engine


@pytest.fixture
def kept(docker: CannedEngine, tmp_path: Path) -> Iterator[Kept]:
    """A keeper that follows the engine's events already."""
    made = Kept(Settings(engine=docker.url, root=lay_container(tmp_path / "root")))
    made.start(docker)
    made.wait_for_change(lambda: made.state.observation.image == recorded("image"))
    made.wait_for_change(lambda: made.state.observation.info == recorded("info"))
    yield made
    made.stop()


def _away(kept: Kept) -> bool:
    return kept.snapshot.failure is not None


def test_an_event_is_reported_after_what_it_changed(docker: CannedEngine, kept: Kept) -> None:
    """Who hears of a rename asks for the name and gets the new one."""
    docker.knows({**recorded("inspect"), "Name": "/shop"})
    docker.emit(happened("rename", oldName="/web"))
    kept.wait_for(lambda: len(kept.events) == 1)
    assert kept.events == [("rename", "shop")]


def test_a_change_is_reported_before_its_event_and_once(docker: CannedEngine, kept: Kept) -> None:
    """Who waits for one hears of it as soon as it is in the state; a quiet event is none."""
    kept.names.clear()
    docker.emit(happened("top"))
    docker.knows({**recorded("inspect"), "Name": "/shop"})
    docker.emit(happened("rename", oldName="/web"))
    kept.wait_for(lambda: len(kept.events) == 2)
    assert kept.names == ["shop"]


def test_following_costs_nothing_but_the_two_streams(docker: CannedEngine, kept: Kept) -> None:
    """The engine's past and one more inspect close the gap; then nothing is asked."""
    docker.emit(happened("exec_create: true"))
    kept.wait_for(lambda: len(kept.events) == 1)
    asked = [request.split(" ")[1].split("?")[0] for request in docker.requests]
    # Asked beside the rest, whenever their threads have their turn.
    image = recorded("inspect")["Image"]
    inspect = f"/v1.41/containers/{ID}/json"
    beside = ["/v1.41/info", f"/v1.41/images/{image}/json", "/v1.41/version"]
    assert sorted(each for each in asked if each in beside) == sorted(beside)
    assert [each for each in asked if each not in beside] == [
        "/_ping",
        inspect,
        "/v1.41/events",
        "/v1.41/events",
        "/v1.41/events",
        "/v1.41/events",
        inspect,
    ]


def test_what_the_engine_says_late_is_shown_when_it_comes(
    docker: CannedEngine, tmp_path: Path
) -> None:
    """Without an event and without another question."""
    late = threading.Event()
    docker.answers[f"/images/{recorded('inspect')['Image']}/json"] = Answer(
        body=recorded("image"), after=late
    )
    kept = Kept(Settings(engine=docker.url, root=lay_container(tmp_path / "root")))
    kept.start(docker)
    assert kept.state.observation.image is None
    extras = kept.state.observation.extras
    assert extras is not None
    late.set()
    extras.wait(60)
    kept.wait_for_change(lambda: kept.state.observation.image == recorded("image"))
    assert len(docker.matching("/images/")) == 1
    kept.stop()


@pytest.mark.slow
def test_behind_a_proxy_that_buffers_the_past_is_asked_for(
    docker: CannedEngine, tmp_path: Path
) -> None:
    """At once for who begins to listen; the proxy is named once, with what mends it."""
    docker.holds_back = True
    docker.answers["/_ping"] = replace(PING, headers={**PING.headers, "Server": "nginx/1.22.1"})
    kept = Kept(Settings(engine=docker.url, root=lay_container(tmp_path / "root")))
    kept.thread.start()
    kept.wait_for(lambda: len(kept.events) == 3)
    docker.emit({**happened("pause"), "timeNano": time.time_ns()})
    asked = len(docker.matching("until="))
    with kept.audience.joined():
        kept.wait_for(lambda: "pause" in kept.actions)
    assert len(docker.matching("until=")) == asked + 2
    assert kept.snapshot.failure is None
    assert kept.state.followed
    assert kept.log.getvalue().count("events.held-back") == 1
    assert "in nginx's location for the engine: proxy_buffering off;" in kept.log.getvalue()
    kept.stop()


def test_an_engine_that_hangs_is_not_a_proxy(docker: CannedEngine, tmp_path: Path) -> None:
    """Where the past does not come, either, the engine is lost."""
    docker.answers["/_ping"] = replace(PING, headers={**PING.headers, "Server": "nginx/1.22.1"})
    docker.answers["/events"] = Answer(raw=b"")
    kept = Kept(Settings(engine=docker.url, root=lay_container(tmp_path / "root")))
    kept.thread.start()
    kept.wait_for(lambda: kept.looks >= 2)
    assert "events.held-back" not in kept.log.getvalue()
    assert not kept.state.followed
    kept.stop()


def test_what_happened_before_the_streams_opened_is_seen(
    docker: CannedEngine, tmp_path: Path
) -> None:
    """Renamed between the look and the subscription, it has its new name."""
    made = Kept(
        Settings(engine=docker.url, root=lay_container(tmp_path)),
        after_look=lambda: docker.knows({**recorded("inspect"), "Name": "/shop"}),
    )
    made.start(docker)
    assert made.name == "shop"
    made.stop()


def test_others_events_are_not_ours(docker: CannedEngine, kept: Kept) -> None:
    """An event of a network without us is ignored, the next one of ours reported."""
    docker.emit({"Type": "network", "Action": "create", "Actor": {"ID": "n"}, "timeNano": 1})
    docker.emit(happened("pause"))
    kept.wait_for(lambda: len(kept.events) == 1)
    assert kept.events == [("pause", "web")]


def test_an_inspect_that_fails_costs_no_event(docker: CannedEngine, kept: Kept) -> None:
    """A removed container cannot be inspected: the event is reported, the last inspect kept."""
    del docker.answers[f"/containers/{ID}/json"]
    docker.emit(happened("destroy"))
    kept.wait_for(lambda: len(kept.events) == 1)
    assert kept.events == [("destroy", "web")]
    assert "inspect.failed" in kept.log.getvalue()


def test_of_podmans_health_checks_the_changes_are_reported(
    docker: CannedEngine, kept: Kept
) -> None:
    """Podman has an event for each check; the first after a start is a change, too."""
    asked = len(docker.matching(r"/json$"))
    for status in ("starting", "healthy", "healthy", "unhealthy"):
        docker.emit(happened("health_status") | {"HealthStatus": status})
    docker.emit(happened("start"))
    docker.emit(happened("health_status") | {"HealthStatus": "unhealthy"})
    kept.wait_for(lambda: len(kept.events) >= 5)
    expected = ["health_status"] * 3 + ["start", "health_status"]
    assert [action for action, _ in kept.events] == expected
    assert asked < len(docker.matching(r"/json$")) <= asked + len(expected)
    assert [check.attributes["status"] for check in kept.checks] == ["healthy"]


@pytest.mark.parametrize("end", [CannedEngine.end_streams, CannedEngine.cut_streams])
def test_a_lost_engine_is_found_again(
    docker: CannedEngine, kept: Kept, end: Callable[[CannedEngine], None]
) -> None:
    """However the streams end, it looks again, follows again, and reports what it missed."""
    docker.knows({**recorded("inspect"), "Name": "/shop"})
    end(docker)
    kept.wait_for(lambda: kept.looks >= 3)
    docker.wait_for_streams(2)
    kept.wait_for(lambda: len(kept.events) == 1)
    docker.emit(happened("unpause"))
    kept.wait_for(lambda: len(kept.events) == 2)
    assert kept.events == [("rename", "shop"), ("unpause", "shop")]
    assert kept.snapshot.failure is None


def test_while_the_engine_is_away_the_last_document_stays(docker: CannedEngine, kept: Kept) -> None:
    """The last inspect is served with the reason why it is old, and is true again afterwards."""
    docker.stop()
    kept.wait_for(lambda: any(a.outcome == "missing" for a in kept.snapshot.tried))
    assert kept.name == "web"
    assert kept.snapshot.inspect is not None
    assert kept.snapshot.failure is not None
    assert "no engine socket at" in kept.snapshot.failure.detail
    assert not kept.state.followed


def test_an_engine_that_returns_is_followed(docker: CannedEngine, kept: Kept) -> None:
    """Refused for a while, the engine comes back; what changed meanwhile is reported."""
    docker.stop(unlink=False)
    kept.wait_for(lambda: any(a.outcome == "refused" for a in kept.snapshot.tried))
    assert kept.name == "web"
    docker.knows({**recorded("inspect"), "Name": "/shop"})
    docker.stop()
    docker.start()
    docker.wait_for_streams(2)
    kept.wait_for(lambda: len(kept.events) == 1)
    docker.emit(happened("unpause"))
    kept.wait_for(lambda: len(kept.events) == 2)
    assert kept.events == [("rename", "shop"), ("unpause", "shop")]
    assert kept.snapshot.failure is None
    assert kept.state.followed


def test_a_proxy_that_lets_no_events_through_is_reported(
    docker: CannedEngine, tmp_path: Path
) -> None:
    """What was found stays, with the denial, and nothing is asked again soon."""
    docker.answers["/events"] = Answer(403, b"no")
    kept = Kept(Settings(engine=docker.url, root=lay_container(tmp_path / "root")))
    kept.thread.start()
    kept.wait_for(lambda: kept.looks == 2)
    assert kept.name == "web"
    assert kept.snapshot.failure is not None
    assert kept.snapshot.failure.denied
    assert kept.snapshot.failure.hint is not None
    assert kept.snapshot.failure.hint.endswith("allow GET /events")
    assert delay(kept.state.observation, 0) == 600.0
    kept.stop()
    assert len(docker.matching("/_ping")) == 1


def test_an_engine_without_events_is_not_asked_again_soon(
    docker: CannedEngine, tmp_path: Path
) -> None:
    """What it cannot do it cannot do in a moment, either."""
    docker.answers["/events"] = Answer(501, b"no such thing")
    kept = Kept(Settings(engine=docker.url, root=lay_container(tmp_path / "root")))
    kept.thread.start()
    kept.wait_for(lambda: kept.looks == 2)
    assert delay(kept.state.observation, 0) == 600.0
    kept.stop()


def test_stopping_ends_it(docker: CannedEngine, kept: Kept) -> None:
    """Stopped while it follows, it ends, and reports no loss."""
    kept.stop()
    docker.wait_for_streams(0)
    assert not _away(kept)
    assert kept.looks == 1


def test_stopping_while_it_waits_for_an_engine(tmp_path: Path) -> None:
    """A minute's delay is not sat out."""
    kept = Kept(Settings(engine=f"unix://{tmp_path}/no.sock", root=lay_container(tmp_path)))
    kept.thread.start()
    kept.wait_for(lambda: kept.looks == 1)
    kept.stop()
    assert kept.snapshot.self is not None


def test_stopped_before_it_begins_it_does_nothing(docker: CannedEngine, tmp_path: Path) -> None:
    """A stop that comes first counts."""
    kept = Kept(Settings(engine=docker.url, root=tmp_path))
    kept.keeper.stop()
    kept.keeper.run()
    assert docker.requests == []
    assert kept.snapshot.identity == UNRESOLVED


def test_without_an_engine_to_look_for_it_looks_once(tmp_path: Path) -> None:
    """With `--engine off` no look finds more than the first."""
    kept = Kept(Settings(engine="off", root=lay_container(tmp_path)))
    kept.thread.start()
    kept.wait_for(lambda: kept.looks == 1)
    assert kept.snapshot.identity.id == ID
    assert delay(kept.state.observation, 0) == math.inf
    kept.stop()
    assert kept.looks == 1


@pytest.fixture
def other(docker: CannedEngine, tmp_path: Path) -> Iterator[Kept]:
    """A keeper that reports on the container called web, which is there."""
    docker.answers["/containers/web/json"] = Answer(body=recorded("inspect"))
    kept = Kept(Settings(engine=docker.url, root=lay_container(tmp_path / "root"), target="web"))
    kept.start(docker)
    yield kept
    kept.stop()


def _remove(docker: CannedEngine) -> None:
    for name in ("web", ID):
        del docker.answers[f"/containers/{name}/json"]
    docker.emit(happened("destroy"))


def test_a_target_that_is_removed_is_gone(docker: CannedEngine, other: Kept) -> None:
    """Its last document stays, with that state, and one stream waits for the next."""
    _remove(docker)
    docker.wait_for_requests(1, AWAITING)
    assert other.snapshot.self is not None
    assert (other.snapshot.self.id, other.snapshot.self.state) == (ID, "gone")
    assert other.snapshot.failure is not None
    assert other.snapshot.failure.detail == "the engine has no container web"
    document = engine_document(other.snapshot, reach(other.state.observation))
    assert member(document, "reachable") is True
    assert "destroy" in other.actions
    assert "target.gone" in other.log.getvalue()


def test_a_target_that_was_renamed_is_not_gone(docker: CannedEngine, other: Kept) -> None:
    """When its engine comes back it is the same container, whatever its name is by now."""
    del docker.answers["/containers/web/json"]
    docker.knows({**recorded("inspect"), "Name": "/web-old"})
    docker.stop()
    other.wait_for(lambda: _away(other))
    docker.start()
    docker.wait_for_streams(2)
    assert other.snapshot.self is not None
    assert (other.snapshot.self.id, other.snapshot.self.state) == (ID, "running")
    assert other.name == "web-old"
    assert not _away(other)


@pytest.mark.parametrize("action", ["create", "rename", "start"])
def test_the_next_of_a_targets_name_is_taken(
    docker: CannedEngine, other: Kept, action: str
) -> None:
    """As soon as one bears the name, whatever others of similar names do."""
    _remove(docker)
    docker.wait_for_requests(1, AWAITING)
    docker.wait_for_streams(1)
    lookups = len(docker.matching("/containers/web/json"))
    for name, unrelated in (("web-2", action), ("web", "die")):
        docker.emit(_of_another(unrelated, name))
    docker.knows({**recorded("inspect"), "Id": ANOTHER})
    docker.answers["/containers/web/json"] = Answer(
        body={**recorded("inspect"), "Id": ANOTHER, "State": {"Status": "running"}}
    )
    docker.emit(_of_another(action, "web"))
    other.wait_for(lambda: other.snapshot.identity.id == ANOTHER)
    docker.wait_for_streams(2)
    assert other.snapshot.self is not None
    assert other.snapshot.self.state == "running"
    assert len(docker.matching("/containers/web/json")) == lookups + 1


def test_stopping_while_a_target_is_awaited(docker: CannedEngine, other: Kept) -> None:
    """The stream that waits for it ends with the keeper."""
    _remove(docker)
    docker.wait_for_requests(1, AWAITING)
    docker.wait_for_streams(1)
    other.stop()
    docker.wait_for_streams(0)


def test_a_target_that_is_not_there_yet_is_awaited(docker: CannedEngine, tmp_path: Path) -> None:
    """An agent that starts before the app takes it as soon as it is made."""
    kept = Kept(Settings(engine=docker.url, root=lay_container(tmp_path / "root"), target="web"))
    kept.thread.start()
    docker.wait_for_streams(1)
    assert kept.snapshot.self is None
    docker.answers["/containers/web/json"] = Answer(body=recorded("inspect"))
    docker.emit(_of_another("create", "web"))
    kept.wait_for(lambda: kept.snapshot.identity.id == ID)
    kept.stop()


def test_an_engine_that_repeats_a_name_is_asked_less_and_less(
    docker: CannedEngine, tmp_path: Path
) -> None:
    """One whose clock is ahead repeats what is past; one that lies does so for ever."""
    expected = json.dumps(_of_another("create", "web")).encode() + b"\n"
    docker.answers["/events"] = Answer(body=expected)
    kept = Kept(Settings(engine=docker.url, root=lay_container(tmp_path / "root"), target="web"))
    begun = time.monotonic()
    kept.thread.start()
    docker.wait_for_requests(5, AWAITING)
    kept.stop()
    assert time.monotonic() - begun >= 0.05 + 0.1 + 0.2 + 0.4  # at least: halves of the pauses


def _of_another(action: str, name: str) -> dict[str, Json]:
    return {**happened(action), "Actor": {"ID": ANOTHER, "Attributes": {"name": name}}}


def _tried(*outcomes: AttemptOutcome, failure: EngineFailure | None = None) -> Observation:
    tried = tuple(Attempt("unix:///x.sock", outcome) for outcome in outcomes)
    return Observation(Snapshot(UNRESOLVED, tried=tried, failure=failure), Masking())


@pytest.mark.parametrize(
    ("failed", "longest"), [(0, 0.1), (1, 0.2), (5, 3.2), (9, 30.0), (10_000, 30.0)]
)
def test_the_delay_doubles_up_to_a_bound(failed: int, longest: float) -> None:
    """From a tenth of a second to half a minute, and never the same for every agent."""
    delays = {delay(_tried("refused"), failed) for _ in range(50)}
    assert all(longest / 2 <= one <= longest for one in delays)
    assert len(delays) > 1


@pytest.mark.parametrize(
    "observation",
    [
        _tried("missing", "denied"),
        _tried("unsupported"),
    ],
)
def test_what_waiting_cannot_mend_is_seldom_asked(observation: Observation) -> None:
    """No timer is faster than a minute where only a new container or proxy can help."""
    assert delay(observation, 0) == 60.0


def test_an_engine_out_of_reach_is_looked_for_again(docker: CannedEngine, kept: Kept) -> None:
    """An event that costs an inspect, which fails, is the end of the streams."""
    path = f"/containers/{ID}/json"
    inspect, docker.answers[path] = docker.answers[path], Answer(raw=b"")
    docker.emit(happened("rename", oldName="/web"))
    kept.wait_for(lambda: len(kept.events) == 1)
    docker.answers[path] = inspect
    kept.wait_for(lambda: kept.looks >= 3)
    docker.wait_for_streams(2)


def test_the_reason_of_a_refused_inspect_is_reported_first(
    docker: CannedEngine, kept: Kept
) -> None:
    """Not that the connection was lost: we closed it, and say why."""
    docker.answers[f"/containers/{ID}/json"] = Answer(raw=b"")
    docker.emit(happened("rename", oldName="/web"))
    kept.wait_for(lambda: kept.looks >= 2)
    lost = next(line for line in kept.reasons if line is not None)
    assert lost.endswith("it closed the connection without an answer")


def test_a_denial_is_believed_for_ten_minutes() -> None:
    """A proxy that was asked and said no is not asked every minute."""
    assert delay(_tried("answers", failure=EngineFailure("no", denied=True)), 0) == 600.0


def test_a_stranger_is_seldom_asked() -> None:
    """An engine that does not know us does not get to know us."""
    assert delay(_tried(STRANGER, "missing"), 0) == 600.0


def test_a_target_that_is_not_there_is_looked_for_soon() -> None:
    """A container of that name may be made at any time."""
    assert delay(_tried(NO_TARGET), 9) <= 30.0


def test_a_doubt_is_looked_at_again_soon_and_then_seldom() -> None:
    """An engine may be about to start us; a search among its containers is not to be repeated."""
    assert delay(_tried(UNPROVEN), 0) <= 0.1
    assert delay(_tried(UNPROVEN), 2) == 60.0


def test_a_gateway_that_nobody_named_is_seldom_asked() -> None:
    """Where no engine was ever found, the network is probed once a minute and no more."""
    guess = Attempt("tcp://172.17.0.1:2375", "refused", guessed=True)
    assert delay(Observation(Snapshot(UNRESOLVED, tried=(guess,)), Masking()), 0) == 60.0


def test_an_engine_that_was_there_may_come_back(kept: Kept) -> None:
    """A socket that went missing under us is looked for as soon as one that refuses."""
    assert delay(replace(_tried("missing"), client=kept.state.observation.client), 0) <= 0.1


@pytest.mark.parametrize("outcomes", [("missing", "refused"), ("timeout",), ("answers",)])
def test_what_may_come_back_is_asked_soon(outcomes: tuple[AttemptOutcome, ...]) -> None:
    """One place with hope is enough."""
    assert delay(_tried(*outcomes, failure=EngineFailure("away")), 0) <= 0.1


def test_the_run_before_is_reported_from_then_on(kept: Kept, docker: CannedEngine) -> None:
    """Through every new look; the same again changes nothing."""
    run = Run(1, None, "2026-11-21T12:00:00Z", 3, None, oom_killed=False, cause="exit")
    kept.state.add(lambda beside: replace(beside, runs=(run,), previous_run=run))
    expected = len(kept.names)
    kept.state.add(lambda beside: replace(beside, runs=(run,), previous_run=run))
    assert len(kept.names) == expected
    docker.knows({**recorded("inspect"), "Name": "/shop"})
    docker.emit(happened("rename"))
    kept.wait_for(lambda: "rename" in kept.actions)
    assert kept.snapshot.self is not None
    assert (kept.snapshot.self.name, kept.snapshot.self.previous_run) == ("shop", run)


def test_what_is_announced_is_shown_while_the_engine_is_asked(
    docker: CannedEngine, kept: Kept
) -> None:
    """PID 1's word comes in the event loop's thread, which must not wait for an engine."""
    path, late = f"/containers/{ID}/json", threading.Event()
    docker.answers[path] = replace(docker.answers[path], after=late)
    asked = len(docker.matching(r"/json$"))
    docker.emit(happened("rename", oldName="/web"))
    docker.wait_for_requests(asked + 1, r"/json$")
    stop = Stopping("SIGTERM", "2026-11-21T12:00:00Z", None)
    kept.state.add(lambda beside: replace(beside, stopping=stop))
    assert kept.actions == []
    late.set()
    kept.wait_for(lambda: "rename" in kept.actions)
    assert kept.snapshot.self is not None
    assert kept.snapshot.self.stopping == stop
    assert "inspect.failed" not in kept.log.getvalue()  # as it would had that waited for it


def test_the_journal_opens_before_the_identity_is_shown(kept: Kept) -> None:
    """Whoever sees it may write an event of it, and finds the agent ready."""
    found, shown = kept.found[0]
    assert found.snapshot.self is not None
    assert shown.self is None


def test_masking_keeps_nobody_waiting(kept: Kept, docker: CannedEngine) -> None:
    """A large document takes a second, in which PID 1 may announce the stop."""
    went_through: list[bool] = []

    class Slow(Masking):
        def inspect(self, document: Json) -> Json:
            other = threading.Thread(target=lambda: kept.state.add(lambda beside: beside))
            other.start()
            other.join(60)
            went_through.append(not other.is_alive())
            return super().inspect(document)

    kept.state.change(lambda last: replace(last, masking=Slow()))
    docker.knows({**recorded("inspect"), "Name": "/shop"})
    docker.emit(happened("rename"))
    kept.wait_for(lambda: "rename" in kept.actions)
    assert went_through
    assert all(went_through)
