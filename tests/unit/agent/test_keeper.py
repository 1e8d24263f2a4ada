"""What is known of ourselves, kept true while an engine comes, speaks, goes and returns."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from selfinspect.agent.keeper import delay
from selfinspect.agent.observe import NOT_KNOWN_YET, Observation, reach
from selfinspect.documents import engine_document
from selfinspect.engine.tried import NO_TARGET, STRANGER, UNPROVEN
from selfinspect.jsonread import member
from selfinspect.masking import Masking
from selfinspect.model import Attempt, EngineFailure, Run, Snapshot
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
def known(engine: CannedEngine) -> CannedEngine:
    """An engine that knows the container."""
    engine.knows(recorded("inspect"), image=recorded("image"))
    engine.answers["/info"] = Answer(body=recorded("info"))
    return engine


@pytest.fixture
def kept(known: CannedEngine, tmp_path: Path) -> Iterator[Kept]:
    """A keeper that follows the engine's events already."""
    made = Kept(Settings(engine=known.url, root=lay_container(tmp_path / "root")))
    made.start(known)
    yield made
    made.stop()


def _away(kept: Kept) -> bool:
    return kept.snapshot.failure is not None


def test_an_event_is_told_after_what_it_changed_is_known(known: CannedEngine, kept: Kept) -> None:
    """Who hears of a rename asks for the name and gets the new one."""
    known.knows({**recorded("inspect"), "Name": "/shop"})
    known.emit(happened("rename", oldName="/web"))
    kept.wait_for(lambda: len(kept.events) == 1)
    assert kept.events == [("rename", "shop")]


def test_a_change_is_told_before_its_event_and_once(known: CannedEngine, kept: Kept) -> None:
    """Who waits for one hears of it as soon as it is known; a quiet event is none."""
    kept.names.clear()
    known.emit(happened("top"))
    known.knows({**recorded("inspect"), "Name": "/shop"})
    known.emit(happened("rename", oldName="/web"))
    kept.wait_for(lambda: len(kept.events) == 2)
    assert kept.names == ["shop"]


def test_following_costs_nothing_but_the_two_streams(known: CannedEngine, kept: Kept) -> None:
    """The engine's past and one more inspect close the gap; then nothing is asked."""
    known.emit(happened("exec_create: true"))
    kept.wait_for(lambda: len(kept.events) == 1)
    asked = [request.split(" ")[1].split("?")[0] for request in known.requests]
    image = recorded("inspect")["Image"]
    inspect = f"/v1.41/containers/{ID}/json"
    beside = {"/v1.41/info", f"/v1.41/images/{image}/json", "/v1.41/version"}
    assert asked[:2] == ["/_ping", inspect]
    assert set(asked[2:5]) == beside
    assert asked[5:] == [
        "/v1.41/events",
        "/v1.41/events",
        "/v1.41/events",
        "/v1.41/events",
        inspect,
    ]


def test_what_the_engine_says_late_is_shown_when_it_comes(
    known: CannedEngine, tmp_path: Path
) -> None:
    """Without an event and without another question."""
    late = threading.Event()
    known.answers[f"/images/{recorded('inspect')['Image']}/json"] = Answer(
        body=recorded("image"), after=late
    )
    kept = Kept(Settings(engine=known.url, root=lay_container(tmp_path / "root")))
    kept.start(known)
    assert kept.keeper.observation.image is None
    extras = kept.keeper.observation.extras
    assert extras is not None
    late.set()
    extras.wait(20)
    kept.wait_for_change(lambda: kept.keeper.observation.image == recorded("image"))
    assert len(known.matching("/images/")) == 1
    kept.stop()


@pytest.mark.slow
def test_behind_a_proxy_that_buffers_the_past_is_asked_for(
    known: CannedEngine, tmp_path: Path
) -> None:
    """At once for who begins to listen; the proxy is named once, with what mends it."""
    known.holds_back = True
    known.answers["/_ping"] = replace(PING, headers={**PING.headers, "Server": "nginx/1.22.1"})
    kept = Kept(Settings(engine=known.url, root=lay_container(tmp_path / "root")))
    kept.thread.start()
    kept.wait_for(lambda: len(kept.events) == 3)
    known.emit({**happened("pause"), "timeNano": time.time_ns()})
    asked = len(known.matching("until="))
    kept.listening = True
    kept.keeper.hurry()
    kept.wait_for(lambda: "pause" in kept.actions)
    assert len(known.matching("until=")) == asked + 2
    assert kept.snapshot.failure is None
    assert kept.keeper.following
    assert kept.log.getvalue().count("events.held-back") == 1
    assert "in nginx's location for the engine: proxy_buffering off;" in kept.log.getvalue()
    kept.stop()


def test_an_engine_that_hangs_is_no_proxy(known: CannedEngine, tmp_path: Path) -> None:
    """Where the past does not come, either, the engine is lost."""
    known.answers["/_ping"] = replace(PING, headers={**PING.headers, "Server": "nginx/1.22.1"})
    known.answers["/events"] = Answer(raw=b"")
    kept = Kept(Settings(engine=known.url, root=lay_container(tmp_path / "root")))
    kept.thread.start()
    kept.wait_for(lambda: kept.looks >= 2)
    assert "events.held-back" not in kept.log.getvalue()
    assert not kept.keeper.following
    kept.stop()


def test_what_happened_before_the_streams_opened_is_seen(
    known: CannedEngine, tmp_path: Path
) -> None:
    """Renamed between the look and the subscription, it is known by its new name."""
    made = Kept(
        Settings(engine=known.url, root=lay_container(tmp_path)),
        after_look=lambda: known.knows({**recorded("inspect"), "Name": "/shop"}),
    )
    made.start(known)
    assert made.name == "shop"
    made.stop()


def test_others_events_are_not_ours(known: CannedEngine, kept: Kept) -> None:
    """An event of a network without us is passed over, the next one of ours told."""
    known.emit({"Type": "network", "Action": "create", "Actor": {"ID": "n"}, "timeNano": 1})
    known.emit(happened("pause"))
    kept.wait_for(lambda: len(kept.events) == 1)
    assert kept.events == [("pause", "web")]


def test_an_inspect_that_fails_costs_no_event(known: CannedEngine, kept: Kept) -> None:
    """A removed container cannot be inspected: the event is told, the last inspect kept."""
    del known.answers[f"/containers/{ID}/json"]
    known.emit(happened("destroy"))
    kept.wait_for(lambda: len(kept.events) == 1)
    assert kept.events == [("destroy", "web")]
    assert "inspect.failed" in kept.log.getvalue()


def test_of_podmans_health_checks_the_changes_are_told(known: CannedEngine, kept: Kept) -> None:
    """Podman has an event for each check; the first after a start tells of a change, too."""
    asked = len(known.matching(r"/json$"))
    for status in ("starting", "healthy", "healthy", "unhealthy"):
        known.emit(happened("health_status") | {"HealthStatus": status})
    known.emit(happened("start"))
    known.emit(happened("health_status") | {"HealthStatus": "unhealthy"})
    kept.wait_for(lambda: len(kept.events) >= 5)
    told = ["health_status"] * 3 + ["start", "health_status"]
    assert [action for action, _ in kept.events] == told
    assert asked < len(known.matching(r"/json$")) <= asked + len(told)
    assert [check.attributes["status"] for check in kept.checks] == ["healthy"]


@pytest.mark.parametrize("end", [CannedEngine.end_streams, CannedEngine.cut_streams])
def test_a_lost_engine_is_found_again(
    known: CannedEngine, kept: Kept, end: Callable[[CannedEngine], None]
) -> None:
    """However the streams end, it looks anew, follows again, and tells what it missed."""
    known.knows({**recorded("inspect"), "Name": "/shop"})
    end(known)
    kept.wait_for(lambda: kept.looks >= 3)
    known.wait_for_streams(2)
    kept.wait_for(lambda: len(kept.events) == 1)
    known.emit(happened("unpause"))
    kept.wait_for(lambda: len(kept.events) == 2)
    assert kept.events == [("rename", "shop"), ("unpause", "shop")]
    assert kept.snapshot.failure is None


def test_while_the_engine_is_away_what_was_known_stays(known: CannedEngine, kept: Kept) -> None:
    """The last inspect is served with the reason why it is old, and is true again afterwards."""
    known.stop()
    kept.wait_for(lambda: any(a.outcome == "missing" for a in kept.snapshot.tried))
    assert kept.name == "web"
    assert kept.snapshot.inspect is not None
    assert kept.snapshot.failure is not None
    assert "no engine socket at" in kept.snapshot.failure.detail
    assert not kept.keeper.following


def test_an_engine_that_returns_is_followed(known: CannedEngine, kept: Kept) -> None:
    """Refused for a while, the engine comes back; what changed meanwhile is told."""
    known.stop(unlink=False)
    kept.wait_for(lambda: any(a.outcome == "refused" for a in kept.snapshot.tried))
    assert kept.name == "web"
    known.knows({**recorded("inspect"), "Name": "/shop"})
    known.stop()
    known.start()
    known.wait_for_streams(2)
    kept.wait_for(lambda: len(kept.events) == 1)
    known.emit(happened("unpause"))
    kept.wait_for(lambda: len(kept.events) == 2)
    assert kept.events == [("rename", "shop"), ("unpause", "shop")]
    assert kept.snapshot.failure is None
    assert kept.keeper.following


def test_a_proxy_that_lets_no_events_through_is_told(known: CannedEngine, tmp_path: Path) -> None:
    """What was found stays, with the denial, and nothing is asked again soon."""
    known.answers["/events"] = Answer(403, b"no")
    kept = Kept(Settings(engine=known.url, root=lay_container(tmp_path / "root")))
    kept.thread.start()
    kept.wait_for(lambda: kept.looks == 2)
    assert kept.name == "web"
    assert kept.snapshot.failure is not None
    assert kept.snapshot.failure.denied
    assert kept.snapshot.failure.hint is not None
    assert kept.snapshot.failure.hint.endswith("allow GET /events")
    assert delay(kept.keeper.observation, 0) == 600.0
    kept.stop()
    assert len(known.matching("/_ping")) == 1


def test_an_engine_without_events_is_not_asked_again_soon(
    known: CannedEngine, tmp_path: Path
) -> None:
    """What it cannot do it cannot do in a moment, either."""
    known.answers["/events"] = Answer(501, b"no such thing")
    kept = Kept(Settings(engine=known.url, root=lay_container(tmp_path / "root")))
    kept.thread.start()
    kept.wait_for(lambda: kept.looks == 2)
    assert delay(kept.keeper.observation, 0) == 600.0
    kept.stop()


def test_stopping_ends_it(known: CannedEngine, kept: Kept) -> None:
    """Stopped while it follows, it ends, and nothing is told of a loss."""
    kept.stop()
    known.wait_for_streams(0)
    assert not _away(kept)
    assert kept.looks == 1


def test_stopping_while_it_waits_for_an_engine(tmp_path: Path) -> None:
    """A minute's delay is not sat out."""
    kept = Kept(Settings(engine=f"unix://{tmp_path}/no.sock", root=lay_container(tmp_path)))
    kept.thread.start()
    kept.wait_for(lambda: kept.looks == 1)
    kept.stop()
    assert kept.snapshot.self is not None


def test_stopped_before_it_begins_it_does_nothing(known: CannedEngine, tmp_path: Path) -> None:
    """A stop that comes first counts."""
    kept = Kept(Settings(engine=known.url, root=tmp_path))
    kept.keeper.stop()
    kept.keeper.run()
    assert known.requests == []
    assert kept.snapshot.identity == NOT_KNOWN_YET


def test_without_an_engine_to_look_for_it_ends_by_itself(tmp_path: Path) -> None:
    """With `--engine off` there is nothing to wait for."""
    kept = Kept(Settings(engine="off", root=lay_container(tmp_path)))
    kept.keeper.run()
    assert (kept.looks, kept.snapshot.identity.id) == (1, ID)


@pytest.fixture
def other(known: CannedEngine, tmp_path: Path) -> Iterator[Kept]:
    """A keeper that reports on the container called web, which is there."""
    known.answers["/containers/web/json"] = Answer(body=recorded("inspect"))
    kept = Kept(Settings(engine=known.url, root=lay_container(tmp_path / "root"), target="web"))
    kept.start(known)
    yield kept
    kept.stop()


def _remove(known: CannedEngine) -> None:
    for name in ("web", ID):
        del known.answers[f"/containers/{name}/json"]
    known.emit(happened("destroy"))


def test_a_target_that_is_removed_is_gone(known: CannedEngine, other: Kept) -> None:
    """What was known of it stays, with that state, and one stream waits for the next."""
    _remove(known)
    known.wait_for_requests(1, AWAITING)
    assert other.snapshot.self is not None
    assert (other.snapshot.self.id, other.snapshot.self.state) == (ID, "gone")
    assert other.snapshot.failure is not None
    assert other.snapshot.failure.detail == "the engine has no container web"
    document = engine_document(other.snapshot, reach(other.keeper.observation))
    assert member(document, "reachable") is True
    assert "destroy" in other.actions
    assert "target.gone" in other.log.getvalue()


def test_a_target_that_was_renamed_is_not_gone(known: CannedEngine, other: Kept) -> None:
    """When its engine comes back it is the same container, whatever it is called by now."""
    del known.answers["/containers/web/json"]
    known.knows({**recorded("inspect"), "Name": "/web-old"})
    known.stop()
    other.wait_for(lambda: _away(other))
    known.start()
    known.wait_for_streams(2)
    assert other.snapshot.self is not None
    assert (other.snapshot.self.id, other.snapshot.self.state) == (ID, "running")
    assert other.name == "web-old"
    assert not _away(other)


@pytest.mark.parametrize("action", ["create", "rename", "start"])
def test_the_next_of_a_targets_name_is_taken(known: CannedEngine, other: Kept, action: str) -> None:
    """As soon as one bears the name, whatever others of similar names do."""
    _remove(known)
    known.wait_for_requests(1, AWAITING)
    known.wait_for_streams(1)
    lookups = len(known.matching("/containers/web/json"))
    for name, unrelated in (("web-2", action), ("web", "die")):
        known.emit(_of_another(unrelated, name))
    known.knows({**recorded("inspect"), "Id": ANOTHER})
    known.answers["/containers/web/json"] = Answer(
        body={**recorded("inspect"), "Id": ANOTHER, "State": {"Status": "running"}}
    )
    known.emit(_of_another(action, "web"))
    other.wait_for(lambda: other.snapshot.identity.id == ANOTHER)
    known.wait_for_streams(2)
    assert other.snapshot.self is not None
    assert other.snapshot.self.state == "running"
    assert len(known.matching("/containers/web/json")) == lookups + 1


def test_stopping_while_a_target_is_awaited(known: CannedEngine, other: Kept) -> None:
    """The stream that waits for it ends with the keeper."""
    _remove(known)
    known.wait_for_requests(1, AWAITING)
    known.wait_for_streams(1)
    other.stop()
    known.wait_for_streams(0)


def test_a_target_that_is_not_there_yet_is_awaited(known: CannedEngine, tmp_path: Path) -> None:
    """An agent that starts before the app takes it as soon as it is made."""
    kept = Kept(Settings(engine=known.url, root=lay_container(tmp_path / "root"), target="web"))
    kept.thread.start()
    known.wait_for_streams(1)
    assert kept.snapshot.self is None
    known.answers["/containers/web/json"] = Answer(body=recorded("inspect"))
    known.emit(_of_another("create", "web"))
    kept.wait_for(lambda: kept.snapshot.identity.id == ID)
    kept.stop()


def test_an_engine_that_tells_of_a_name_again_is_asked_less_and_less(
    known: CannedEngine, tmp_path: Path
) -> None:
    """One whose clock is ahead repeats what is past; one that lies does so for ever."""
    told = json.dumps(_of_another("create", "web")).encode() + b"\n"
    known.answers["/events"] = Answer(body=told)
    kept = Kept(Settings(engine=known.url, root=lay_container(tmp_path / "root"), target="web"))
    begun = time.monotonic()
    kept.thread.start()
    known.wait_for_requests(5, AWAITING)
    kept.stop()
    assert time.monotonic() - begun >= 0.05 + 0.1 + 0.2 + 0.4  # at least: halves of the pauses


def _of_another(action: str, name: str) -> dict[str, Json]:
    return {**happened(action), "Actor": {"ID": ANOTHER, "Attributes": {"name": name}}}


def _tried(*outcomes: AttemptOutcome, failure: EngineFailure | None = None) -> Observation:
    tried = tuple(Attempt("unix:///x.sock", outcome) for outcome in outcomes)
    return Observation(Snapshot(NOT_KNOWN_YET, tried=tried, failure=failure), Masking())


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


def test_an_engine_out_of_reach_is_looked_for_anew(known: CannedEngine, kept: Kept) -> None:
    """An event that costs an inspect, which fails, is the end of the streams."""
    path = f"/containers/{ID}/json"
    inspect, known.answers[path] = known.answers[path], Answer(raw=b"")
    known.emit(happened("rename", oldName="/web"))
    kept.wait_for(lambda: len(kept.events) == 1)
    known.answers[path] = inspect
    kept.wait_for(lambda: kept.looks >= 3)
    known.wait_for_streams(2)


def test_the_reason_of_a_refused_inspect_is_told_first(known: CannedEngine, kept: Kept) -> None:
    """Not that the engine went away: we left it, and why is known."""
    known.answers[f"/containers/{ID}/json"] = Answer(raw=b"")
    known.emit(happened("rename", oldName="/web"))
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
    assert delay(Observation(Snapshot(NOT_KNOWN_YET, tried=(guess,)), Masking()), 0) == 60.0


def test_an_engine_that_was_there_may_come_back(kept: Kept) -> None:
    """A socket that went missing under us is looked for as soon as one that refuses."""
    assert delay(replace(_tried("missing"), client=kept.keeper.observation.client), 0) <= 0.1


@pytest.mark.parametrize("outcomes", [("missing", "refused"), ("timeout",), ("answers",)])
def test_what_may_come_back_is_asked_soon(outcomes: tuple[AttemptOutcome, ...]) -> None:
    """One place with hope is enough."""
    assert delay(_tried(*outcomes, failure=EngineFailure("away")), 0) <= 0.1


def test_the_run_before_is_told_from_then_on(kept: Kept, known: CannedEngine) -> None:
    """Through every new look; telling the same again changes nothing."""
    run = Run(1, None, None, 3, None, oom_killed=False, cause="exit")
    kept.keeper.add(lambda beside: replace(beside, previous_run=run))
    told = len(kept.names)
    kept.keeper.add(lambda beside: replace(beside, previous_run=run))
    assert len(kept.names) == told
    known.knows({**recorded("inspect"), "Name": "/shop"})
    known.emit(happened("rename"))
    kept.wait_for(lambda: "rename" in kept.actions)
    assert kept.snapshot.self is not None
    assert (kept.snapshot.self.name, kept.snapshot.self.previous_run) == ("shop", run)
