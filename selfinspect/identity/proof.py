"""The three proofs that a candidate is this container, by what only the two of us can know.

The *layer*: the writable layer of our `/` is the one the engine gave the candidate. The *stamp*:
our `/.dockerenv` and the candidate's were made in the same nanosecond. The *nonce*: a random
name that our process takes for a moment is among the candidate's processes. One is enough, and
each is asked at most once of a candidate; a capability that was denied is not asked again.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.engine.access import member, text
from selfinspect.errors import UnknownContainerError
from selfinspect.identity.compare import STAMPED, has_volumes, pids_contradict, start_matches
from selfinspect.identity.mounts import layer_id
from selfinspect.identity.questions import Finding, Questions, Unanswered
from selfinspect.times import nanoseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from selfinspect.identity.evidence import Evidence
    from selfinspect.identity.process import OwnProcess
    from selfinspect.identity.questions import Prober

_FULL = re.compile(r"[0-9a-f]{64}")
_HEX = re.compile(r"[0-9a-f]{12,64}")
_SECOND = 10**9
_MOST_TWINS = 8
_DEFUNCT = " <defunct>"
_OVER = ("exited", "dead", "removing", "stopped")


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
        self._questions = Questions()
        self._ask = self._questions.ask
        self._listed: Mapping[str, int] | Unanswered | None = None

    @property
    def denied(self) -> Mapping[str, str]:
        """The capabilities that were denied, each with the engine's or a proxy's words."""
        return self._questions.denied

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
        if isinstance(commands, Unanswered):
            return replace(finding, reason=f"{finding.reason}; {commands.reason}")
        if not commands:
            return replace(
                finding, reason=f"{finding.reason}; the engine lists none of its processes"
            )
        names = {command.removesuffix(_DEFUNCT) for command in commands}
        if nonce not in names:
            return _disproved(finding, "our process is not among its processes")
        proven = replace(
            finding, verdict="proven", method="nonce", reason="our process is among its processes"
        )
        return self._nonce_doubt(finding, names - visible - {nonce}) or proven

    def _nonce_doubt(self, finding: Finding, hidden: set[str]) -> Finding | None:
        """Processes of a container inside a container are among those of the outer one, too."""
        strangers = any(_FULL.fullmatch(name) for name in self.strangers)
        own_pids = self._evidence.own_pids
        if own_pids and not hidden and not strangers:
            return None
        inside = self._shares_mounts(finding)
        if inside is not None:
            reason = "our process is in a container inside it"
            return None if inside else _disproved(finding, reason)
        if own_pids:
            late = start_matches(self._evidence, finding.inspect) is False
            if (late and hidden) or (strangers and (late or hidden)):
                return _disproved(finding, "has processes that we cannot see: it is around ours")
        elif strangers:
            reason = "has our process, but so would a container around one the engine doesn't know"
            return replace(finding, reason=reason)
        return None

    def _shares_mounts(self, finding: Finding) -> bool | None:
        """Whether our mount namespace is that of its first process; None where nobody tells."""
        ours = self._process.mount_namespace()
        first = member(finding.inspect, "State", "Pid")
        spaces = self._ask("mntns", lambda: self._prober.mount_namespaces(finding.id or ""))
        theirs = None if isinstance(spaces, Unanswered) else spaces.get(str(first))
        return ours == theirs if ours and theirs and theirs.isdecimal() else None

    def _by_stamp(self, finding: Finding) -> Finding:
        ours = self._evidence.stamp
        # A file system that keeps whole seconds gives two containers the same stamp.
        if ours is None or ours % _SECOND == 0 or has_volumes(finding.inspect):
            return finding
        answer = self._ask("archive", lambda: self._prober.stamp(finding.id or "", STAMPED))
        if isinstance(answer, Unanswered):
            return replace(finding, reason=f"{finding.reason}; {answer.reason}")
        try:
            theirs = nanoseconds(answer or "")
        except ValueError:
            return replace(finding, reason=f"{finding.reason}; it has no {STAMPED}")
        if theirs != ours:
            return _disproved(finding, f"its {STAMPED} is another's")
        if doubt := self._stamp_doubt(finding, ours):
            return replace(finding, reason=doubt)
        return replace(finding, verdict="proven", method="stamp", reason=f"{STAMPED} is the same")

    def _stamp_doubt(self, finding: Finding, ours: int) -> str | None:
        """Why an equal stamp may be chance: two made in one tick of the kernel's clock have one.

        If the candidate is not us then we run, too, and were created in the same second or the
        one beside it: each of those must have another stamp. Where what only we have names the
        candidate as well, it is no chance.
        """
        if any(
            one.scope == "container" and one.id == finding.id for one in self._evidence.candidates
        ):
            return None
        listed = self.running()
        if isinstance(listed, Unanswered):
            return f"{STAMPED} is the same, but it is not known whose else is ({listed.reason})"
        created = listed.get(finding.id or "")
        if created is None:
            return f"{STAMPED} is the same, but the engine does not list it as running"
        if ours < (created - 1) * _SECOND:  # Podman makes none, and leaves one of an image
            return f"{STAMPED} is the same, but older than the container"
        twins = [
            identifier
            for identifier, moment in listed.items()
            if identifier != finding.id and abs(moment - created) <= 1
        ]
        if len(twins) > _MOST_TWINS or not all(self._stamp_differs(one, ours) for one in twins):
            return f"{STAMPED} is the same, but may be that of a container made with it, too"
        return None

    def _stamp_differs(self, identifier: str, ours: int) -> bool:
        other = self.look(identifier)
        if other.verdict == "disproved":
            return True
        if has_volumes(other.inspect):
            return False
        answer = self._ask("archive", lambda: self._prober.stamp(identifier, STAMPED))
        try:
            return not isinstance(answer, Unanswered) and nanoseconds(answer or "") != ours
        except ValueError:
            return False

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

    def _keep(self, name: str, finding: Finding) -> Finding:
        self._findings[name] = finding
        if finding.id:
            self._findings[finding.id] = finding
        return finding


def _disproved(finding: Finding, reason: str) -> Finding:
    return replace(finding, verdict="disproved", reason=reason, method=None)
