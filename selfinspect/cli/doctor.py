"""`doctor`: what was tried, what was found, and the command that fixes what is wrong."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from selfinspect.agent.observe import observe, reach
from selfinspect.agent.past import names_of_journal
from selfinspect.cli.answers import agent_of, fetched
from selfinspect.cli.diagnosis import AgentsView, Facts, diagnose
from selfinspect.cli.options import journalling, observing, settings
from selfinspect.cli.streams import Streams, progress, streams_of
from selfinspect.cli.verb import ExitCode, Verb, exits
from selfinspect.client import ask, find
from selfinspect.documents import as_document
from selfinspect.engine import quirks
from selfinspect.engine.inspect.log import LogQuery
from selfinspect.errors import EngineError, EngineUnreachableError
from selfinspect.events.stream import held_back, patience
from selfinspect.journal.files import path_of
from selfinspect.jsonread import boolean, mapping, member
from selfinspect.kernel.files import text as kernel_text
from selfinspect.kernel.limits import is_of_user
from selfinspect.kernel.proc_self import UNIFIED, mounted_at, parse_mounts
from selfinspect.kernel.reader import CgroupReader
from selfinspect.model import Identity, Reach
from selfinspect.records import read_record
from selfinspect.terminal import in_colour, print_line, steer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TextIO

    from selfinspect.cli.diagnosis import Check, Status
    from selfinspect.client import AgentAddress
    from selfinspect.engine.api.client import Client
    from selfinspect.model import Capability
    from selfinspect.settings import Settings

_TIMEOUT = 5.0
_SIGNS: dict[Status, tuple[str, str]] = {
    "pass": ("✓", "\x1b[32m"),
    "warn": ("!", "\x1b[33m"),
    "fail": ("✗", "\x1b[31m"),
}
_NO_COLOUR = "\x1b[0m"


@click.command(
    cls=Verb,
    examples=("docker exec CONTAINER selfinspect doctor",),
    exits=exits(no="A check fails."),
)
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
@observing
@journalling
@streams_of
def doctor(streams: Streams, /, *, as_json: bool, **given: Any) -> int:
    """Check identity, engine and agent.

    Below a check that fails stands the command that fixes it. No agent is needed: doctor looks for
    itself, asks the engine once for everything that the agent may ask it for, and changes nothing.
    """
    chosen = settings(given, streams.environ)
    with progress(streams, "looking for an engine that knows this container") as show:
        checks = diagnose(_facts(chosen, streams, show, given))
    well = all(check.status != "fail" for check in checks)
    if as_json:
        streams.print_json({"ok": well, "checks": as_document(checks)})
    else:
        _print(streams, checks)
    return ExitCode.OK if well else ExitCode.NO


def _facts(
    chosen: Settings, streams: Streams, show: Callable[[str], None], given: Mapping[str, Any]
) -> Facts:
    """Look at everything once, and show what is being looked at."""
    observation = observe(chosen, streams.environ)
    failed: dict[Capability, EngineError] = {}
    held = False
    extras, info = observation.extras, None
    if observation.client is not None:
        failed |= extras.failures() if extras else observation.refused
        failed |= _try_all(observation.client, show)
        info = extras["info"] if extras else observation.info
        held = _is_held_back(observation.client, failed.get("events"))
    if held:
        del failed["events"]
    observation.close()
    folders = CgroupReader(chosen.root).folders
    agent = find(streams.environ, streams.uri_file)
    show("asking this container's agent")
    reply = ask(agent, "/healthz", timeout=_TIMEOUT) if agent else None
    folder = Path(streams.uri_file).parent
    denied = any(one.outcome == "denied" for one in observation.snapshot.tried)
    asked = agent_of(streams, given) if reply is not None and denied else None
    agents = _agents_view(asked) if asked else None
    return Facts(
        snapshot=observation.snapshot,
        reach=reach(observation),
        agent=agent.uri if agent else None,
        agent_answers=reply is not None,
        agents=agents,
        agent_silent=asked is not None and agents is None,
        cgroup=None if not folders else "cgroup v2" if set(folders) == {UNIFIED} else "cgroup v1",
        uri_folder=str(folder),
        uri_folder_writable=_can_be_written(folder) or Path(streams.uri_file).exists(),
        journal=str(chosen.journal),
        journal_writable=_can_be_kept(
            chosen.journal, names_of_journal(chosen, observation.snapshot)
        ),
        journal_owner=chosen.journal.stat().st_uid if os.access(chosen.journal, os.F_OK) else None,
        journal_mount=_mount_at(chosen.journal),
        journal_read_only=_is_read_only(chosen.journal),
        journal_space=_space(chosen.journal),
        read_only=_is_read_only(Path("/")),
        uid=os.geteuid(),
        failed=failed,
        held_back=held,
        proxy=observation.connection.proxy if observation.connection else None,
        warnings=chosen.warnings,
        kernel=kernel_text(f"{chosen.root}/proc/sys/kernel/osrelease").strip(),
        made_by=quirks.PODMAN if (chosen.root / "run/.containerenv").exists() else quirks.DOCKER,
        rootless=is_of_user(str(chosen.root).rstrip("/")),
        rootless_engine=quirks.is_rootless(info),
        without_cgroups=not quirks.gives_cgroups(info),
    )


def _agents_view(agent: AgentAddress) -> AgentsView | None:
    """What an agent has found of identity and engine, None where its API does not say."""
    identity, engine = (fetched(agent, f"/v1/{name}", _TIMEOUT) for name in ("identity", "engine"))
    try:
        found = read_record(Identity, identity)
        reach = read_record(Reach, {**mapping(engine), "engine": engine})
    except ValueError:
        return None
    # What answers need not be an agent, and a record has whatever stood there.
    named, allowed = member(identity, "id"), member(engine, "capabilities")
    if not (isinstance(named, str | None) and isinstance(allowed, dict)):
        return None
    return AgentsView(found, reach if boolean(engine, "reachable") else None)


def _can_be_written(folder: Path) -> bool:
    """Whether files can be made in a folder, or the folder itself."""
    return os.access(_existing(folder), os.W_OK | os.X_OK)


def _can_be_kept(folder: Path, names: tuple[str, str | None] | None) -> bool:
    """Whether a journal can be written: its folder, and its file where it exists.

    Without names it is unknown which file that is.
    """
    if not _can_be_written(folder):
        return False
    file = path_of(folder, names[0]) if names else None
    return file is None or not os.access(file, os.F_OK) or os.access(file, os.W_OK)


def _mount_at(folder: Path) -> str | None:
    """The type of what is mounted on a folder, None where nothing is."""
    mount = mounted_at(parse_mounts(kernel_text("/proc/self/mountinfo")), str(folder))
    return mount.type if mount else None


def _is_read_only(folder: Path) -> bool:
    """Whether its file system is; of one that cannot be reached nothing is known."""
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _space(folder: Path) -> int:
    """Bytes that are free where a folder is, or would be made."""
    state = os.statvfs(_existing(folder))
    return state.f_bavail * state.f_frsize


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(each for each in (folder, *folder.absolute().parents) if os.access(each, os.F_OK))


def _try_all(client: Client, show: Callable[[str], None]) -> Mapping[Capability, EngineError]:
    """Request once what the first look did not; returns what failed, and why."""
    connection = client.connection
    trials: dict[Capability, Callable[[], object]] = {
        "inspect": client.inspect,
        "stats": client.stats,
        "events": lambda: client.own_events(patience=patience(connection)).close(),
        "logs": lambda: client.logs(LogQuery(tail=0).parameters()).close(),
        "changes": client.changes,
        "top": lambda: client.top("-eo pid,comm"),
    }
    failed: dict[Capability, EngineError] = {}
    for name, trial in trials.items():
        show(f"asking the engine for {name}")
        try:
            trial()
        except EngineError as error:
            failed[name] = error
    return failed


def _is_held_back(client: Client, failure: EngineError | None) -> bool:
    """Whether a proxy holds back live events, after their request failed like this."""
    with suppress(EngineError):
        return isinstance(failure, EngineUnreachableError) and held_back(client, failure)
    return False


def _has_signs(terminal: TextIO) -> bool:
    """Whether the terminal's character set has them."""
    try:
        "".join(sign for sign, _ in _SIGNS.values()).encode(terminal.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _print(streams: Streams, checks: Sequence[Check]) -> None:
    """Print a line a check, in columns; what fixes it is on a line of its own."""
    width = max(len(check.name) for check in checks)
    signs = streams.out.isatty() and _has_signs(streams.out)
    colours = in_colour(streams.out, streams.environ)
    for check in checks:
        sign, colour = _SIGNS[check.status]
        status = sign if signs else check.status
        steer(streams.out, colour if colours else "")
        streams.out.write(status)
        steer(streams.out, _NO_COLOUR if colours else "")
        print_line(streams.out, f"  {check.name:{width}}  {check.seen}")
        if check.fix:
            print_line(streams.out, f"{'':{len(status)}}  {check.fix}")
