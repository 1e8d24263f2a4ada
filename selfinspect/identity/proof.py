"""The three proofs that a candidate is this container, by what only the two of us can show.

The *layer*: the writable layer of our `/` is the one the engine gave the candidate. The *stamp*:
our `/.dockerenv` and the candidate's were made in the same nanosecond. The *nonce*: our process
takes a random name for a moment, and the engine lists it, in our own mount namespace, beside the
candidate's first process in the same. One is enough; the cheapest is tried first, and each is
asked for at most once of a candidate. A capability that was denied is not asked for again.

Layer and stamp are read in whatever file system we have at `/`, and anybody on the engine's
machine can read the candidate's: `root` says when ours counts, and they count only at an engine
that somebody named. A name can be copied from any `/proc` of the machine within milliseconds; the
number of a mount namespace cannot be chosen. Our row alone is not enough: a container's list holds
the processes of containers inside it, too.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from selfinspect.engine.quirks import hides_processes, lister
from selfinspect.errors import UnknownContainerError
from selfinspect.identity.mounts import layer_id
from selfinspect.identity.nonce import Sought, read
from selfinspect.identity.questions import Finding, Questions, Unanswered
from selfinspect.identity.search import (
    STAMPED,
    has_volumes,
    is_running,
    pids_contradict,
    start_agrees,
)
from selfinspect.jsonread import text
from selfinspect.times import nanoseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from selfinspect.engine.inspect.listings import Process
    from selfinspect.errors import EngineAnswerError
    from selfinspect.identity.evidence import Evidence
    from selfinspect.identity.nonce import OwnProcess
    from selfinspect.identity.questions import Prober
    from selfinspect.model import Candidate, Capability

MOST_ROWS = 512
"""Processes of one container that are looked at where nobody named the engine."""

_FULL = re.compile(r"[0-9a-f]{64}")
_HEX = re.compile(r"[0-9a-f]{12,64}")
_SECOND = 10**9
_MOST_TWINS = 8
_OVER = ("exited", "dead", "removing", "stopped")
_NOT_MOUNTED = ("cgroup", "ecs")
_NO_SUCH_COLUMN = (HTTPStatus.BAD_REQUEST, HTTPStatus.INTERNAL_SERVER_ERROR)


class Examiner:
    """Asks the engine about candidates, remembering every answer.

    Args:
        evidence: what the kernel's files say of us.
        prober: the engine.
        process: our process, whose name the nonce borrows.
        named: whether somebody named this engine. Where nobody did, who listens there may be
            anybody who can read the machine's `/proc`: only the nonce counts.
        nonce: makes a name that nobody can guess.
    """

    def __init__(
        self,
        evidence: Evidence,
        prober: Prober,
        process: OwnProcess,
        *,
        named: bool = True,
        nonce: Callable[[], str] = lambda: f"si-{secrets.token_hex(6)}",
    ) -> None:
        self._evidence = evidence
        self._prober = prober
        self._process = process
        self._nonce = nonce
        self._findings: dict[str, Finding] = {}
        self._examined: set[str | None] = set()
        self._questions = Questions()
        self._ask = self._questions.ask
        self._listed: Mapping[str, int] | Unanswered | None = None
        self._root = evidence.root.standing(own_pids=evidence.own_pids) if named else "unknown"
        self.named = named
        self.namespaces = True
        """Whether the engine's machine tells the namespaces of processes, as far as is known."""

    @property
    def denied(self) -> Mapping[Capability, EngineAnswerError]:
        """The capabilities that were denied, each with the engine's or a proxy's answer."""
        return self._questions.denied

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
        """Inspect a candidate, which that may disprove already.

        Args:
            name: a full ID, the first twelve digits of one, or a container's name.
        """
        return self.known(name) or self._keep(name, self._inspected(name))

    def known(self, name: str) -> Finding | None:
        """What was found so far of a candidate, without asking."""
        if name in self._findings or not _HEX.fullmatch(name):
            return self._findings.get(name)
        found = (one for key, one in self._findings.items() if (one.id or key).startswith(name))
        return next(found, None)

    def names(self, identifier: str | None) -> bool:
        """Whether what only we have names a container."""
        return any(
            one.scope == "container" and one.id == identifier for one in self._evidence.candidates
        )

    def vouches(self, one: Candidate) -> bool:
        """Whether a candidate is named by what only we have, and by nothing that may be around us.

        What our mounts name is theirs whose file system we have at `/`: where that was entered,
        only our cgroup speaks for us.
        """
        evidence = self._evidence
        if one.scope != "container" or evidence.inside or one.id in evidence.unsure:
            return False
        return not evidence.root.entered(own_pids=evidence.own_pids) or one.source in _NOT_MOUNTED

    def running(self) -> Mapping[str, int] | Unanswered:
        """The running containers, asked for once."""
        if self._listed is None:
            self._listed = self._ask("list", self._prober.running)
        return self._listed

    def _inspected(self, name: str) -> Finding:
        try:
            document = self._ask("inspect", lambda: self._prober.inspect(name))
        except UnknownContainerError:
            return Finding("disproved", "the engine does not know it", stranger=True)
        if isinstance(document, Unanswered):
            return Finding("unknown", document.reason)
        identifier = text(document, "Id") or ""
        finding = Finding("unknown", "inspect knows it", identifier, inspect=document)
        if not _FULL.fullmatch(identifier):
            return Finding("unknown", "the engine's answer has no ID")
        against = self._against(name, finding)
        return _disproved(finding, against) if against else finding

    def _against(self, name: str, finding: Finding) -> str | None:
        """Why a candidate that goes by a name cannot be us, as far as inspect tells."""
        if _HEX.fullmatch(name) and not (finding.id or "").startswith(name):
            return "is the name of a container, not its ID"
        if text(finding.inspect, "State", "Status") in _OVER:
            return "is not running"
        if finding.id in self._evidence.outer:
            return "is a container around ours"
        if self._of_another_layer(finding):
            return "its writable layer is not ours"
        return pids_contradict(self._evidence, finding.inspect)

    # The layer

    def _of_another_layer(self, finding: Finding) -> bool:
        """Whether it has a layer, we have one, and they differ.

        Where our `/` is only perhaps ours, that says nothing against what our cgroup names.
        """
        ours, theirs = self._evidence.layer, _layer(finding)
        if not ours or not theirs or ours == theirs or self._root == "unknown":
            return False
        return self._root == "ours" or not self.names(finding.id)

    def _by_layer(self, finding: Finding) -> Finding:
        ours = self._evidence.layer
        if not ours or ours != _layer(finding):
            return finding
        whole = None if self._evidence.root.whole else "our / is a folder of that layer"
        if doubt := whole or self._doubt(finding):
            return replace(finding, reason=f"its writable layer is ours, but {doubt}")
        reason = "its writable layer is ours"
        return replace(finding, verdict="proven", method="layer", reason=reason)

    def _doubt(self, finding: Finding) -> str | None:
        """Why what our `/` and the candidate's have in common proves nothing."""
        late = start_agrees(self._evidence, finding.inspect) is False
        alone = self._root == "perhaps" and not self._cgroup_names(finding.id)
        doubts = (
            (not self.named, "nobody named this engine"),
            (self._root == "unknown", "our / may be another container's"),
            (not is_running(finding.inspect), "the engine does not say that it runs"),
            (late, "it did not start when we did"),
            (alone, "PID 1 is not ours to compare with"),
        )
        return next((why for doubted, why in doubts if doubted), None) or self._rival(finding)

    def _rival(self, finding: Finding) -> str | None:
        """Who else runs here that what only we have names."""
        for one in self._evidence.candidates:
            if one.scope == "container" and one.id != finding.id:
                other = self.look(one.id)
                if other.id != finding.id and is_running(other.inspect):
                    return f"{one.source} names another that runs"
        return None

    def _cgroup_names(self, identifier: str | None) -> bool:
        """Whether our cgroup does. Mounts are no second witness: they came with the same `/`."""
        return any(
            one.source == "cgroup" and one.id == identifier and self.vouches(one)
            for one in self._evidence.candidates
        )

    # The stamp

    def _by_stamp(self, finding: Finding) -> Finding:
        ours = self._stamp
        if ours is None or has_volumes(finding.inspect):
            return finding
        theirs = self._stamp_of(finding.id or "")
        if isinstance(theirs, str):
            return replace(finding, reason=f"{finding.reason}; {theirs}")
        if theirs != ours:
            reason = f"its {STAMPED} is another's"
            decisive = self._root == "ours" or not self.names(finding.id)
            return _disproved(finding, reason) if decisive else replace(finding, reason=reason)
        if doubt := self._doubt(finding) or self._chance(finding, ours):
            return replace(finding, reason=f"{STAMPED} is the same, but {doubt}")
        return replace(finding, verdict="proven", method="stamp", reason=f"{STAMPED} is the same")

    @property
    def _stamp(self) -> int | None:
        """Our stamp, None where it cannot be one that only our container has."""
        ours, root = self._evidence.stamp, self._evidence.root
        # A file system that keeps whole seconds gives two containers the same stamp.
        usable = self._root != "unknown" and (root.whole or not root.overlay)
        return ours if usable and ours and ours % _SECOND else None

    def _stamp_of(self, identifier: str) -> int | str:
        """When a container's file was made, or why that is not known."""
        answer = self._ask("archive", lambda: self._prober.stamp(identifier, STAMPED))
        if isinstance(answer, Unanswered):
            return answer.reason
        try:
            return nanoseconds(answer or "")
        except ValueError:
            return f"it has no {STAMPED}"

    def _chance(self, finding: Finding, ours: int) -> str | None:
        """Why an equal stamp may be chance: two made in one tick of the kernel's clock have one.

        If the candidate is not us then we run, too, and were created in the same second or the
        one beside it: each of those must have another stamp. Where what only we have names the
        candidate as well, it is no chance.
        """
        if any(one.id == finding.id and self.vouches(one) for one in self._evidence.candidates):
            return None
        listed = self.running()
        if isinstance(listed, Unanswered):
            return f"it is not known whose else is ({listed.reason})"
        created = listed.get(finding.id or "")
        if created is None:
            return "the engine does not list it as running"
        if ours < (created - 1) * _SECOND:  # Podman makes none, and leaves one of an image
            return "it is older than the container"
        twins = [
            identifier
            for identifier, moment in listed.items()
            if identifier != finding.id and abs(moment - created) <= 1
        ]
        if len(twins) > _MOST_TWINS or not all(self._stamp_differs(one, ours) for one in twins):
            return "it may be that of a container made with it, too"
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
        nonce = self._nonce()
        try:
            with self._process.named(nonce):
                rows = self._processes(finding.id or "")
        except OSError as error:
            return replace(finding, reason=f"{finding.reason}; nonce: {error}")
        if isinstance(rows, Unanswered):
            return replace(finding, reason=f"{finding.reason}; {rows.reason}")
        if not self.named and len(rows) > MOST_ROWS:
            return replace(finding, reason=f"the engine lists more than {MOST_ROWS} processes")
        sought = Sought(
            nonce,
            self._process.mount_namespace(),
            own_pids=self._evidence.own_pids is True,
            hidden=self._evidence.gvisor or hides_processes(finding.inspect),
        )
        by = lister(self._prober.engine, finding.inspect)
        reading = read(rows, sought, by, finding.inspect)
        return replace(
            finding,
            verdict=reading.verdict,
            reason=reading.reason,
            method="nonce" if reading.verdict == "proven" else None,
            seen=reading.seen,
        )

    def _processes(self, identifier: str) -> Sequence[Process] | Unanswered:
        """With their namespaces, else, where the machine's `ps` refuses those columns, without."""

        def ask(*, namespaces: bool) -> Sequence[Process] | Unanswered:
            return self._ask(
                "top", lambda: self._prober.processes(identifier, namespaces=namespaces)
            )

        if not self.namespaces:
            return ask(namespaces=False)
        told = ask(namespaces=True)
        if not (self.named and isinstance(told, Unanswered) and told.code in _NO_SUCH_COLUMN):
            return told
        names = ask(namespaces=False)
        self.namespaces = isinstance(names, Unanswered)
        return names

    def _keep(self, name: str, finding: Finding) -> Finding:
        self._findings[name] = finding
        if finding.id:
            self._findings[finding.id] = finding
        return finding


def _layer(finding: Finding) -> str | None:
    return layer_id(text(finding.inspect, "GraphDriver", "Data", "UpperDir"))


def _disproved(finding: Finding, reason: str) -> Finding:
    return replace(finding, verdict="disproved", reason=reason, method=None)
