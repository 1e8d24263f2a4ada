"""An engine's events as what happened to this container."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.events.lifecycle import Lifecycle
from selfinspect.events.translate import EVERY_NAME, translate
from selfinspect.jsonread import text
from selfinspect.masking import Masking
from selfinspect.model import Actor, Occurrence
from tests.support.canned_engine import recorded, recorded_events

if TYPE_CHECKING:
    from collections.abc import Container

    from selfinspect.model import Json

ID = "7badd33650b90e2d3003590fc6629ed48dba2d0b1541a2c7ae760d252d3b182d"
OTHER = "22" * 32
LABELS = ("exitCode", "signal", "team", "api_token")


def _event(action: str, *, kind: str = "container", actor: str = ID, **attributes: str) -> Json:
    given: dict[str, Json] = {**attributes}
    return {
        "Type": kind,
        "Action": action,
        "Actor": {"ID": actor, "Attributes": given},
        "timeNano": 1_795_264_561_447_859_168,
    }


def _translated(raw: Json, *, labels: Container[str] = ()) -> Occurrence:
    found = translate(raw, container=ID, labels=labels, masking=Masking())
    assert found is not None
    return found


def _foreign(raw: Json) -> bool:
    return translate(raw, container=ID, labels=LABELS, masking=Masking()) is None


def test_the_plain_parts_of_an_event() -> None:
    """Type, action, actor and the time to the nanosecond, with attributes in our spelling."""
    found = _translated(_event("rename", name="shop", oldName="/web", image="base"))
    assert (found.type, found.action, found.source) == ("container", "rename", "live")
    assert found.actor == Actor(id=ID, name="shop")
    assert found.time == "2026-11-21T12:36:01.447859168Z"
    assert found.attributes == {"old_name": "/web", "image": "base"}


@pytest.mark.parametrize(
    ("whole", "action", "attributes"),
    [
        ("health_status: healthy", "health_status", {"status": "healthy"}),
        ("health_status", "health_status", {"status": None}),
        ("exec_create: sh -c true", "exec_create", {"command": ["sh", "-c", "true"]}),
        ("exec_start: ls", "exec_start", {"command": ["ls"]}),
        ("exec_create: ", "exec_create", {}),
        ("odd: rest", "odd", {"detail": "rest"}),
        ("exec_start: a: b", "exec_start", {"command": ["a:", "b"]}),
    ],
)
def test_the_action_is_the_word_before_the_colon(
    whole: str, action: str, attributes: dict[str, Json]
) -> None:
    """What stands behind it is an attribute with a name."""
    found = _translated(_event(whole))
    assert (found.action, found.attributes) == (action, attributes)


def test_of_a_script_its_beginning_is_kept() -> None:
    """An event may have a MiB, and ten thousand are kept: the disk must not be full of scripts."""
    found = _translated(_event(f"exec_start: sh -c {'echo x; ' * 100_000}"))
    command = found.attributes["command"]
    assert isinstance(command, list)
    assert command[:3] == ["sh", "-c", "echo"]
    assert str(command[-1]).endswith("…")
    assert 4000 < len(" ".join(map(str, command))) < 4200


@pytest.mark.parametrize(
    "raw",
    [
        _event(f"odd: {'x' * 10**6}"),
        _event("x" * 10**6),
        _event(f"exec_start: {'x' * 10**6}"),
        _event("rename", name="x" * 10**6),
        _event("rename", image="x" * 10**6, **{"x" * 10**6: "1"}),
        _event("rename", kind="x" * 10**6, container=ID),
    ],
    ids=["detail", "action", "command", "name", "attribute", "type"],
)
def test_no_part_of_an_event_is_kept_whole_whatever_its_length(raw: Json) -> None:
    """A cut one says so."""
    found = _translated(raw)
    kept = f"{found.type}{found.action}{found.actor}{found.attributes}"
    assert len(kept) < 10_000
    assert "…" in kept


@pytest.mark.parametrize("place", range(15_000, 17_000, 70))
def test_no_half_of_a_secret_is_kept_where_a_text_is_cut(place: int) -> None:
    """However short what stands before it has become by masking."""
    masking = Masking(secrets=frozenset({"correct-horse-battery"}))
    long = "password=" + "p" * (place - 10)
    found = translate(
        _event(f"exec_start: {long} correct-horse-battery {'y' * 10**5}"),
        container=ID,
        labels=(),
        masking=masking,
    )
    assert found is not None
    assert "corr" not in str(found.attributes)


def test_of_many_attributes_few_are_kept() -> None:
    """No engine has more than a dozen of its own; labels are left out before."""
    labels = [f"l{number}" for number in range(1000)]
    raw = _event("rename", **dict.fromkeys(labels, "1"), oldName="/web")
    assert _translated(raw, labels=labels).attributes == {"old_name": "/web"}
    assert len(_translated(raw).attributes) == 64


def test_the_command_of_an_exec_is_masked() -> None:
    """Secrets of a command line do not reach the journal, learnt ones neither."""
    masking = Masking().learn(recorded("inspect"))
    raw = _event("exec_create: login --password swordfish-9 hunter2-correct-horse user")
    found = translate(raw, container=ID, labels=(), masking=masking)
    assert found is not None
    assert "swordfish" not in str(found.attributes)
    assert "hunter2" not in str(found.attributes)
    assert found.attributes["command"] == ["login", "--password", "[masked]", "[masked]", "user"]


@pytest.mark.parametrize(
    "command",
    [
        "curl -H Authorization: Bearer swordfish http://h",
        "curl -H X-Api-Key: swordfish http://h",
        "psql -c ALTER ROLE a PASSWORD 'swordfish'",
        "app --note able baker swordfish",
    ],
)
def test_a_secret_of_several_words_is_masked_in_a_command(command: str) -> None:
    """The engine writes words side by side; a header or a phrase is more than one of them."""
    masking = Masking().learn({"Config": {"Env": ["PASSPHRASE=able baker swordfish"]}})
    raw = _event(f"exec_start: {command}")
    found = translate(raw, container=ID, labels=(), masking=masking)
    assert found is not None
    assert "swordfish" not in str(found.attributes)
    assert "[masked]" in str(found.attributes)


def test_other_text_behind_the_colon_is_masked() -> None:
    """An action of the future may carry anything."""
    found = _translated(_event("odd: PASSWORD=swordfish-9"))
    assert found.attributes == {"detail": "PASSWORD=[masked]"}


def test_attributes_are_masked_by_name() -> None:
    """An attribute whose name says that it is a secret is hidden."""
    found = _translated(_event("mount", kind="volume", actor="v", container=ID, password="swordf1"))
    assert found.attributes["password"] == "[masked]"


def test_labels_are_no_attributes() -> None:
    """An engine copies a container's labels among the attributes; they say nothing new."""
    found = _translated(_event("start", team="blue", image="base"), labels=LABELS)
    assert found.attributes == {"image": "base"}


@pytest.mark.parametrize(("name", "ours"), [("exitCode", "exit_code"), ("signal", "signal")])
def test_what_stands_under_a_labels_name_is_not_the_engines_word(name: str, ours: str) -> None:
    """A container labelled `exitCode=99` did not exit with 99: it is unknown."""
    raw = _event("die", **{name: "99"})
    assert _translated(raw, labels=LABELS).attributes == {ours: None}
    assert _translated(raw, labels=()).attributes == {ours: "99"}


def test_where_labels_were_cut_off_any_name_may_be_one() -> None:
    """What a label could overwrite is unknown, and what only a label says is left out."""
    found = _translated(_event("die", exitCode="0", team="blue"), labels=EVERY_NAME)
    assert found.attributes == {"exit_code": None}


def test_our_labels_shadow_only_our_own_events() -> None:
    """A network's or a volume's attributes are the engine's, whatever we are labelled."""
    raw = _event("connect", kind="network", actor="n1", container=ID, type="bridge", name="front")
    found = _translated(raw, labels=("type", "container"))
    assert found.attributes == {"container": ID, "type": "bridge"}
    assert found.actor == Actor(id="n1", name="front")


@pytest.mark.parametrize(
    "raw",
    [
        _event("die", actor=OTHER),
        _event("die", actor=OTHER, container=ID),
        _event("die", actor=ID[:12]),
        _event("connect", kind="network", actor="n1", container=OTHER),
        _event("create", kind="network", actor="n1"),
        _event("reload", kind="daemon", actor="d1"),
    ],
    ids=[
        "another container",
        "another container labelled with our ID",
        "the beginning of our ID",
        "another container's network",
        "nobody's network",
        "the engine",
    ],
)
def test_what_is_about_others_is_dropped(raw: Json) -> None:
    """Only our own full ID counts: as the actor, or as the container of a network or volume."""
    assert _foreign(raw)


def test_podman_names_the_container_as_a_networks_actor() -> None:
    """There the actor of a network's event is the container itself."""
    assert not _foreign(_event("connect", kind="network", actor=ID))


@pytest.mark.parametrize(
    ("podmans", "dockers"),
    [("died", "die"), ("exec", "exec_start"), ("exec_died", "exec_die"), ("remove", "destroy")],
)
def test_podmans_words_are_reported_as_dockers(podmans: str, dockers: str) -> None:
    """Who reads our events need not know which engine it was."""
    assert _translated(_event(podmans)).action == dockers


@pytest.mark.parametrize("version", ["4.3", "5.8"])
def test_a_recorded_life_on_podman(version: str) -> None:
    """The same words as Docker's, exit codes where something ended, and nothing of Podman's own."""
    events = recorded_events(f"events-podman-{version}")
    [identifier] = {str(text(raw, "Actor", "ID")) for raw in events}
    found = [translate(raw, container=identifier, labels=(), masking=Masking()) for raw in events]
    seen = [one for one in found if one is not None]
    assert len(seen) == len(events)
    assert {"rename", "pause", "connect", "exec_start", "exec_die", "health_status", "die"} <= {
        one.action for one in seen
    }
    codes = {one.action: one.attributes.get("exit_code") for one in seen}
    assert {action for action, code in codes.items() if code is not None} == {"exec_die", "die"}
    assert not any({"pod_id", "container_exit_code"} & {*one.attributes} for one in seen)
    checks = [one.attributes["status"] for one in seen if one.check]
    assert {*checks} == {"starting", "healthy"}


@pytest.mark.parametrize("missing", ["Type", "Action", "timeNano"])
@pytest.mark.parametrize("junk", [None, [], 1.5])
def test_a_line_that_is_not_an_event_is_dropped(missing: str, junk: Json) -> None:
    """A line without type, action or time says nothing."""
    raw = _event("die")
    assert isinstance(raw, dict)
    assert _foreign({**raw, missing: junk})
    assert _foreign({**raw, "timeNano": -1})
    assert _foreign({**raw, "timeNano": 2**63})
    assert _foreign(junk)


def test_each_event_has_a_key_of_its_own() -> None:
    """A replay of an event has its key, any other event another one."""
    events = recorded_events("events")
    found = [
        translate(raw, container=ID, labels=LABELS, masking=Masking()) for raw in (*events, *events)
    ]
    kept = [one.key for one in found if one is not None]
    assert len(set(kept)) == len(kept) // 2


def test_an_exec_is_reported_from_another_at_the_same_time() -> None:
    """Two equal commands in one nanosecond differ in the ID of their exec."""
    first, second = (_translated(_event("exec_die", execID=one)) for one in ("a", "b"))
    assert first.key != second.key


def test_the_source_is_reported() -> None:
    """What was replayed is marked as such."""
    found = translate(_event("die"), container=ID, labels=(), masking=Masking(), source="replay")
    assert found is not None
    assert found.source == "replay"


@pytest.mark.parametrize("action", ["exec_create: ls", "exec_die", "top", "attach", "resize"])
def test_a_quiet_event_changes_nothing_in_inspect(action: str) -> None:
    """A health check's exec every second must not cost an inspect each."""
    assert not Lifecycle().changes_inspect(_translated(_event(action)))


@pytest.mark.parametrize("action", ["rename", "die", "health_status: unhealthy", "update", "new"])
def test_any_other_event_may_change_inspect(action: str) -> None:
    """Any action that is not listed as quiet leads to an inspect."""
    assert Lifecycle().changes_inspect(_translated(_event(action)))


def test_a_recorded_life() -> None:
    """Of an engine's stream our own events remain, in order, with nothing of our labels."""
    seen = [
        found
        for raw in recorded_events("events")
        if (found := translate(raw, container=ID, labels=LABELS, masking=Masking()))
    ]
    loud = [f"{found.type} {found.action}" for found in seen if Lifecycle().changes_inspect(found)]
    assert loud == [
        "network connect",
        "volume mount",
        "container start",
        "container health_status",
        "container rename",
        "container pause",
        "container unpause",
        "network connect",
        "network disconnect",
        "network disconnect",
        *loud[10:],
    ]
    assert loud[-5:] == [
        "container kill",
        "container die",
        "network disconnect",
        "volume unmount",
        "container destroy",
    ]
    assert not any("blue" in str(found.attributes) for found in seen)
    assert {found.attributes["exit_code"] for found in seen if found.action == "die"} == {None}


def test_events_of_the_newest_api_are_the_same() -> None:
    """API 1.52 left out members that we do not read."""
    old, new = (
        [
            translate(raw, container=ID, labels=LABELS, masking=Masking())
            for raw in recorded_events(name)
        ]
        for name in ("events", "events-api-1.52")
    )
    assert old == new
