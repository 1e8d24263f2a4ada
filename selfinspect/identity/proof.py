"""The three proofs that a candidate is this container, by what only the two of us can show.

The *layer*: the writable layer of our `/` is the one that the engine gave the candidate. The
*stamp*: our `/.dockerenv` and the candidate's were made in the same nanosecond. The *nonce*: our
process takes a random name for a moment, and the engine lists it among the candidate's processes.
One is enough; the cheapest is tried first, and each is asked for at most once of a candidate. A
capability that was denied is not asked for again.

Layer and stamp are read in whatever file system we have at `/`, and anybody on the engine's machine
can read the candidate's: `mounts.Root` says when ours counts, and they count only at an engine that
somebody named. What the list of processes proves is in `findings`.
"""

from __future__ import annotations

import re
import secrets
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from selfinspect.engine.api.capabilities import Capabilities
from selfinspect.engine.quirks import hides_processes, lister
from selfinspect.errors import EngineAnswerError, UnknownContainerError
from selfinspect.identity.findings import (
    STAMPED,
    Finding,
    Sought,
    by_processes,
    has_volumes,
    is_running,
    pids_contradict,
    start_agrees,
)
from selfinspect.identity.mounts import layer_id
from selfinspect.jsonread import text
from selfinspect.times import SECOND, nanoseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from selfinspect.engine.api.client import Prober
    from selfinspect.engine.inspect.listings import Process
    from selfinspect.identity.evidence import Evidence
    from selfinspect.model import Candidate, Capability

    Answered = TypeVar("Answered")

MOST_ROWS = 512
"""Processes of one container that are looked at where nobody named the engine."""

FULL_ID = re.compile(r"[0-9a-f]{64}")
_HEX = re.compile(r"[0-9a-f]{12,64}")
_MOST_TWINS = 8
_OVER = ("exited", "dead", "removing", "stopped")
_NOT_MOUNTED = ("cgroup", "ecs")
_NO_SUCH_COLUMN = (HTTPStatus.BAD_REQUEST, HTTPStatus.INTERNAL_SERVER_ERROR)


class OwnProcess:
    """Our own process: its name, which the nonce replaces for a moment, and its mounts."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._comm = proc / "self/comm"

    @contextmanager
    def named(self, name: str) -> Iterator[None]:
        """Have another name, of at most 15 bytes, for a while: that of the main thread.

        Any thread of ours may do this.

        Raises:
            OSError: the name cannot be read or set.
        """
        before = self._comm.read_bytes().removesuffix(b"\n")
        self._comm.write_bytes(name.encode())
        try:
            yield
        finally:
            self._comm.write_bytes(before)

    def mount_namespace(self) -> str | None:
        """The number of our mount namespace, which no two containers share."""
        try:
            name = str((self._proc / "self/ns/mnt").readlink())  # mnt:[4026531841]
        except OSError:
            return None
        return name.removeprefix("mnt:[").removesuffix("]")


class Examiner:
    """Asks the engine about candidates, and remembers every answer.

    Args:
        evidence: from the kernel's files.
        api: the engine's.
        process: ours, whose name the nonce replaces.
        named: whether somebody named this engine. Where nobody did, anybody who can read the
            machine's `/proc` may be listening there: only the nonce counts.
    """

    def __init__(
        self, evidence: Evidence, api: Prober, process: OwnProcess, *, named: bool
    ) -> None:
        self.evidence = evidence
        self.named = named
        self.namespaces = True
        """Whether the host's `ps` shows mount namespaces, as far as it was asked."""
        self._api = api
        self._process = process
        self._capabilities = Capabilities()
        self._findings: dict[str, Finding] = {}
        self._examined: set[str | None] = set()
        self._listed: Mapping[str, int] | EngineAnswerError | None = None
        self._root = evidence.root.owner(own_pids=evidence.own_pids) if named else "unknown"

    @property
    def denied(self) -> Mapping[Capability, EngineAnswerError]:
        """The capabilities that were denied, each with the answer of the engine or a proxy."""
        return self._capabilities.refusals()

    def examine(self, name: str) -> Finding:
        """Try every proof on a candidate, the cheapest first."""
        finding = self.compare(name)
        if finding.id in self._examined:
            return finding
        for proof in (self._by_stamp, self._by_nonce):
            if finding.open:
                finding = proof(finding)
        self._examined.add(finding.id)
        return self._keep(name, finding)

    def compare(self, name: str) -> Finding:
        """Try the proof that costs no more than the candidate's inspect document."""
        finding = self.look(name)
        return self._keep(name, self._by_layer(finding)) if finding.open else finding

    def look(self, name: str) -> Finding:
        """Inspect a candidate, which may disprove it already.

        Args:
            name: a full ID, the first twelve digits of one, or a container's name.
        """
        return self.found(name) or self._keep(name, self._inspected(name))

    def found(self, name: str) -> Finding | None:
        """The finding so far on a candidate, without asking."""
        if name in self._findings or not _HEX.fullmatch(name):
            return self._findings.get(name)
        found = (one for key, one in self._findings.items() if (one.id or key).startswith(name))
        return next(found, None)

    def names(self, identifier: str | None) -> bool:
        """Whether container-scoped evidence names a container."""
        return any(
            one.scope == "container" and one.id == identifier for one in self.evidence.candidates
        )

    def vouches(self, one: Candidate) -> bool:
        """Whether a candidate is container-scoped, and cannot be a container around ours.

        Our mounts are those of the file system that we have at `/`: where that was entered, only
        our cgroup is evidence of ourselves.
        """
        evidence = self.evidence
        if one.scope != "container" or evidence.inside or one.id in evidence.unsure:
            return False
        return not evidence.root.entered(own_pids=evidence.own_pids) or one.source in _NOT_MOUNTED

    def running(self) -> Mapping[str, int] | EngineAnswerError:
        """The running containers, asked for once."""
        if self._listed is None:
            self._listed = self._ask("list", self._api.running)
        return self._listed

    def _ask(
        self, capability: Capability, question: Callable[[], Answered]
    ) -> Answered | EngineAnswerError:
        """The answer, or the error that the engine answered with, now or before."""
        try:
            return self._capabilities.ask(capability, question)
        except EngineAnswerError as error:
            return error

    def _inspected(self, name: str) -> Finding:
        document = self._ask("inspect", lambda: self._api.inspect(name))
        if isinstance(document, UnknownContainerError):
            return Finding("disproved", "the engine has no such container", stranger=True)
        if isinstance(document, EngineAnswerError):
            return Finding("unknown", document.detail)
        identifier = text(document, "Id") or ""
        if not FULL_ID.fullmatch(identifier):
            return Finding("unknown", "the engine's answer has no ID")
        finding = Finding("unknown", "the engine has this container", identifier, inspect=document)
        against = self._against(name, finding)
        return finding.disproved(against) if against else finding

    def _against(self, name: str, finding: Finding) -> str | None:
        """Why we cannot be a candidate that goes by a name, according to its inspect document."""
        if _HEX.fullmatch(name) and not (finding.id or "").startswith(name):
            return "this is a container's name, not an ID"
        if text(finding.inspect, "State", "Status") in _OVER:
            return "it is not running"
        if finding.id in self.evidence.outer:
            return "it is a container around ours"
        layers = {self.evidence.layer, _layer(finding)} - {None}
        if len(layers) > 1 and self._decisive(finding):
            return "its writable layer differs from ours"
        return pids_contradict(self.evidence, finding.inspect)

    def _keep(self, name: str, finding: Finding) -> Finding:
        self._findings[name] = finding
        if finding.id:
            self._findings[finding.id] = finding
        return finding

    def _decisive(self, finding: Finding) -> bool:
        """Whether a difference between our `/` and the candidate's disproves it.

        Where `/` is only perhaps ours, that disproves nothing that container-scoped evidence names.
        """
        return self._root == "ours" or (self._root == "perhaps" and not self.names(finding.id))

    # The layer

    def _by_layer(self, finding: Finding) -> Finding:
        ours = self.evidence.layer
        if not ours or ours != _layer(finding):
            return finding
        whole = None if self.evidence.root.whole else "our / is only a folder of that layer"
        if doubt := whole or self._doubt(finding):
            return finding.undecided(f"its writable layer matches ours, but {doubt}")
        return finding.proven("layer", "its writable layer matches ours")

    def _doubt(self, finding: Finding) -> str | None:
        """Why what our `/` and the candidate's have in common proves nothing."""
        late = start_agrees(self.evidence, finding.inspect) is False
        # Mounts are no second witness: they came with the same `/`.
        witnessed = any(
            one.source == "cgroup" and one.id == finding.id and self.vouches(one)
            for one in self.evidence.candidates
        )
        doubts = (
            (not self.named, "this engine is not configured, only guessed"),
            (self._root == "unknown", "our / may be another container's"),
            (not is_running(finding.inspect), "the engine does not report it as running"),
            (late, "it started at another time than we did"),
            (
                self._root == "perhaps" and not witnessed,
                "PID 1 is not ours, so our / cannot be checked",
            ),
        )
        return next((why for doubted, why in doubts if doubted), None) or self._rival(finding)

    def _rival(self, finding: Finding) -> str | None:
        """Which other running container our container-scoped evidence names."""
        for one in self.evidence.candidates:
            if one.scope == "container" and one.id != finding.id:
                other = self.look(one.id)
                if other.id != finding.id and is_running(other.inspect):
                    return f"{one.source} names another running container"
        return None

    # The stamp

    def _by_stamp(self, finding: Finding) -> Finding:
        ours = self._stamp
        if ours is None or has_volumes(finding.inspect):
            return finding
        theirs = self._stamp_of(finding.id or "")
        if isinstance(theirs, str):
            return finding.undecided(f"{finding.reason}; {theirs}")
        if theirs != ours:
            reason = f"its {STAMPED} was made at another time than ours"
            return (
                finding.disproved(reason) if self._decisive(finding) else finding.undecided(reason)
            )
        same = f"its {STAMPED} was made at the same moment as ours"
        if doubt := self._doubt(finding) or self._chance(finding, ours):
            return finding.undecided(f"{same}, but {doubt}")
        return finding.proven("stamp", same)

    @property
    def _stamp(self) -> int | None:
        """Our stamp, None where it cannot be one that only our container has."""
        ours, root = self.evidence.stamp, self.evidence.root
        # A file system that keeps whole seconds gives two containers the same stamp.
        usable = self._root != "unknown" and (root.whole or not root.overlay)
        return ours if usable and ours and ours % SECOND else None

    def _stamp_of(self, identifier: str) -> int | str:
        """When a container's file was made, or why that cannot be said."""
        answer = self._ask("archive", lambda: self._api.stamp(identifier, STAMPED))
        if isinstance(answer, EngineAnswerError):
            return answer.detail
        try:
            return nanoseconds(answer or "")
        except ValueError:
            return f"it has no {STAMPED}"

    def _chance(self, finding: Finding, ours: int) -> str | None:
        """Why an equal stamp may be chance: two made in one tick of the kernel's clock have one.

        If we are not the candidate, then we run as well, and were created in the same second or
        the one before or after: each container created then must have another stamp. Where
        container-scoped evidence names the candidate as well, it is not chance.
        """
        if any(one.id == finding.id and self.vouches(one) for one in self.evidence.candidates):
            return None
        listed = self.running()
        if isinstance(listed, EngineAnswerError):
            return f"other containers may have the same ({listed.detail})"
        created = listed.get(finding.id or "")
        if created is None:
            return "the engine does not list it as running"
        if ours < (created - 1) * SECOND:  # Podman makes none, and leaves one of an image
            return "it is older than the container"
        twins = [
            identifier
            for identifier, moment in listed.items()
            if identifier != finding.id and abs(moment - created) <= 1
        ]
        if len(twins) > _MOST_TWINS or not all(self._stamp_differs(one, ours) for one in twins):
            return "a container that was created with it may have the same"
        return None

    def _stamp_differs(self, identifier: str, ours: int) -> bool:
        other = self.look(identifier)
        if other.verdict == "disproved":
            return True
        if has_volumes(other.inspect):
            return False
        theirs = self._stamp_of(identifier)
        return isinstance(theirs, int) and theirs != ours

    # The nonce

    def _by_nonce(self, finding: Finding) -> Finding:
        """Take a random name and look for it among the candidate's processes."""
        nonce = f"si-{secrets.token_hex(6)}"
        try:
            with self._process.named(nonce):
                rows = self._processes(finding.id or "")
        except OSError as error:
            return finding.undecided(f"{finding.reason}; our process cannot be renamed: {error}")
        if isinstance(rows, EngineAnswerError):
            return finding.undecided(f"{finding.reason}; {rows.detail}")
        if not self.named and len(rows) > MOST_ROWS:
            return finding.undecided(f"the engine lists more than {MOST_ROWS} processes")
        sought = Sought(
            nonce,
            self._process.mount_namespace(),
            own_pids=self.evidence.own_pids is True,
            hidden=self.evidence.gvisor or hides_processes(finding.inspect),
        )
        return by_processes(finding, rows, sought, lister(self._api.engine(), finding.inspect))

    def _processes(self, identifier: str) -> Sequence[Process] | EngineAnswerError:
        """With their namespaces; without, where the host's `ps` refuses that column."""

        def ask(*, namespaces: bool) -> Sequence[Process] | EngineAnswerError:
            return self._ask("top", lambda: self._api.processes(identifier, namespaces=namespaces))

        answer = ask(namespaces=self.namespaces)
        refused = isinstance(answer, EngineAnswerError) and answer.code in _NO_SUCH_COLUMN
        if not (self.namespaces and self.named and refused):
            return answer
        answer = ask(namespaces=False)
        self.namespaces = isinstance(answer, EngineAnswerError)
        return answer


def _layer(finding: Finding) -> str | None:
    return layer_id(text(finding.inspect, "GraphDriver", "Data", "UpperDir"))
