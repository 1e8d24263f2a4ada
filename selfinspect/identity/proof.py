"""The three proofs that a candidate is this container, by what only the two of us can know.

The *layer*: the writable layer of our `/` is the one the engine gave the candidate. The *stamp*:
our `/.dockerenv` and the candidate's were made in the same nanosecond. The *nonce*: a random
name that our process takes for a moment is among the candidate's processes. One is enough, and
each is asked at most once of a candidate; a capability that was denied is not asked again.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from selfinspect.engine.access import text
from selfinspect.errors import (
    EngineAnswerError,
    EngineDeniedError,
    EngineUnsupportedError,
    UnknownContainerError,
)
from selfinspect.identity.compare import STAMPED, has_volumes, pids_contradict, start_matches
from selfinspect.identity.mounts import layer_id
from selfinspect.times import nanoseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selfinspect.identity.evidence import Evidence
    from selfinspect.identity.process import OwnProcess
    from selfinspect.model import Json, Method, Verdict

_Answer = TypeVar("_Answer")

_FULL = re.compile(r"[0-9a-f]{64}")
_HEX = re.compile(r"[0-9a-f]{12,64}")
_SECOND = 10**9
_DEFUNCT = " <defunct>"
_OVER = ("exited", "dead", "removing", "stopped")


class Prober(Protocol):
    """What may be asked of an engine before the identity stands.

    Each method raises UnknownContainerError, EngineDeniedError or another EngineAnswerError where
    the engine answers that, and EngineUnreachableError where it does not answer.
    """

    def inspect(self, container: str) -> Json:
        """A container's inspect document."""
        ...

    def commands(self, container: str) -> Sequence[str]:
        """The name of each of a container's processes."""
        ...

    def stamp(self, container: str, path: str) -> str | None:
        """When a file of a container was modified, RFC 3339; None where there is no such file."""
        ...

    def running(self) -> Sequence[str]:
        """The full IDs of the running containers."""
        ...


@dataclass(frozen=True, slots=True)
class _Unanswered:
    """Why the engine gave no answer."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What the engine's answers say of one candidate.

    Attributes:
        verdict: `proven`, `disproved`, or `unknown` where no proof could be had.
        id: the full ID, None where the engine knows no such container or does not tell.
        stranger: the engine does not know it.
    """

    verdict: Verdict
    reason: str
    id: str | None = None
    method: Method | None = None
    inspect: Json = None
    stranger: bool = False

    @property
    def open(self) -> bool:
        """Whether the engine knows it and nothing is decided yet."""
        return self.verdict == "unknown" and self.id is not None


class Examiner:
    """Asks the engine about candidates, remembering every answer."""

    def __init__(
        self,
        evidence: Evidence,
        prober: Prober,
        process: OwnProcess,
        nonce: Callable[[], str] = lambda: f"si-{secrets.token_hex(6)}",
    ) -> None:
        self._evidence = evidence
        self._prober = prober
        self._process = process
        self._nonce = nonce
        self._findings: dict[str, Finding] = {}
        self._examined: set[str | None] = set()
        self.denied: dict[str, str] = {}

    @property
    def strangers(self) -> frozenset[str]:
        """What the engine was asked about and does not know."""
        return frozenset(name for name, finding in self._findings.items() if finding.stranger)

    def examine(self, name: str) -> Finding:
        """Try every proof on a candidate, the cheapest first."""
        finding = self.look(name)
        if finding.id in self._examined:
            return finding
        for proof in (self._by_stamp, self._by_nonce):
            if finding.open:
                finding = proof(finding)
        self._examined.add(finding.id)
        return self._keep(name, finding)

    def look(self, name: str) -> Finding:
        """Inspect a candidate, which the layer may decide already.

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

    def _by_nonce(self, finding: Finding) -> Finding:
        """Take a random name and look for it among the candidate's processes."""
        nonce = self._nonce()
        try:
            with self._process.named(nonce):
                commands = self._ask("top", lambda: self._prober.commands(finding.id or ""))
                visible = self._process.commands() if self._evidence.own_pids else frozenset()
        except OSError as error:
            return replace(finding, reason=f"{finding.reason}; nonce: {error}")
        if isinstance(commands, _Unanswered):
            return replace(finding, reason=f"{finding.reason}; {commands.reason}")
        names = {command.removesuffix(_DEFUNCT) for command in commands}
        if nonce not in names:
            return _disproved(finding, "our process is not among its processes")
        if doubt := self._nonce_doubt(finding, names - visible - {nonce}):
            return doubt
        return replace(
            finding, verdict="proven", method="nonce", reason="our process is among its processes"
        )

    def _nonce_doubt(self, finding: Finding, hidden: set[str]) -> Finding | None:
        """Processes of a container inside a container are among those of the outer one, too."""
        strangers = any(_FULL.fullmatch(name) for name in self.strangers)
        if self._evidence.own_pids:
            late = start_matches(self._evidence, finding.inspect) is False
            if (late and hidden) or (strangers and (late or hidden)):
                return _disproved(finding, "has processes that we cannot see: it is around ours")
        elif strangers:
            reason = "has our process, but so would a container around one the engine doesn't know"
            return replace(finding, reason=reason)
        return None

    def _by_stamp(self, finding: Finding) -> Finding:
        ours = self._evidence.stamp
        # A file system that keeps whole seconds gives two containers the same stamp.
        if ours is None or ours % _SECOND == 0 or has_volumes(finding.inspect):
            return finding
        answer = self._ask("archive", lambda: self._prober.stamp(finding.id or "", STAMPED))
        if isinstance(answer, _Unanswered):
            return replace(finding, reason=f"{finding.reason}; {answer.reason}")
        try:
            theirs = nanoseconds(answer or "")
        except ValueError:
            return replace(finding, reason=f"{finding.reason}; it has no {STAMPED}")
        if theirs != ours:
            return _disproved(finding, f"its {STAMPED} is another's")
        return replace(finding, verdict="proven", method="stamp", reason=f"{STAMPED} is the same")

    def _inspected(self, name: str) -> Finding:
        try:
            document = self._ask("inspect", lambda: self._prober.inspect(name))
        except UnknownContainerError:
            return Finding("disproved", "the engine does not know it", stranger=True)
        if isinstance(document, _Unanswered):
            return Finding("unknown", document.reason)
        identifier = text(document, "Id") or ""
        finding = Finding("unknown", "inspect knows it", identifier, inspect=document)
        if not _FULL.fullmatch(identifier):
            return Finding("unknown", "the engine's answer has no ID")
        if _HEX.fullmatch(name) and not identifier.startswith(name):
            return _disproved(finding, "is the name of a container, not its ID")
        if identifier in self._evidence.outer:
            return _disproved(finding, "is a container around ours")
        return self._by_layer(finding)

    def _by_layer(self, finding: Finding) -> Finding:
        ours = self._evidence.layer
        theirs = layer_id(text(finding.inspect, "GraphDriver", "Data", "UpperDir"))
        if ours and theirs and ours == theirs:
            reason = "its writable layer is ours"
            return replace(finding, verdict="proven", method="layer", reason=reason)
        if ours and theirs:
            return _disproved(finding, "its writable layer is not ours")
        if text(finding.inspect, "State", "Status") in _OVER:
            return _disproved(finding, "is not running")
        if doubt := pids_contradict(self._evidence, finding.inspect):
            return _disproved(finding, doubt)
        return finding

    def _ask(self, capability: str, question: Callable[[], _Answer]) -> _Answer | _Unanswered:
        """The answer, or why there is none; a denial holds for every candidate."""
        if capability in self.denied:
            return _Unanswered(self.denied[capability])
        try:
            return question()
        except UnknownContainerError as error:
            if capability == "inspect":
                raise
            return _Unanswered(error.detail)
        except EngineAnswerError as error:
            if isinstance(error, EngineDeniedError | EngineUnsupportedError):
                self.denied[capability] = error.detail
            return _Unanswered(error.detail)

    def _keep(self, name: str, finding: Finding) -> Finding:
        self._findings[name] = finding
        if finding.id:
            self._findings[finding.id] = finding
        return finding


def _disproved(finding: Finding, reason: str) -> Finding:
    return replace(finding, verdict="disproved", reason=reason, method=None)
