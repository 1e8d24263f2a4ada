"""What an engine lists of a container and its image, as the documents that are answered. Pure.

Of processes, too: which arguments of `ps` are allowed, and what its rows mean.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from selfinspect import times
from selfinspect.errors import BadRequestError
from selfinspect.frozen import dataclass
from selfinspect.jsonread import integer, sequence, text, text_mapping, texts

if TYPE_CHECKING:
    from selfinspect.masking import Masking
    from selfinspect.model import Json


_KINDS = {0: "modified", 1: "added", 2: "deleted"}
"""As the Engine API numbers them."""

_EPOCH = range(1, 253_402_300_800)
"""Unix seconds up to the year 9999, without the 0 that stands for none."""

_NAMES = (
    "%cpu|%mem|args|bsdstart|bsdtime|cgroupns|cgroup|class|cls|cmd|command|comm|cputime|cpu|cp|c"
    "|egid|egroup|etimes|etime|euid|euser|flags|f|gid|group|ipcns|lstart|lwp|maj_flt|majflt"
    "|min_flt|minflt|mntns|netns|nice|ni|nlwp|pcpu|pgid|pgrp|pidns|pid|pmem|policy|ppid|priority"
    "|pri|psr|rgid|rgroup|rssize|rss|rsz|rtprio|ruid|ruser|sched|sess|sid|size|start_time|start"
    "|stat|state|stime|sz|s|tgid|thcount|tid|time|tname|tty|tt|ucmd|uid|userns|user|utsns|vsize|vsz"
    "|wchan"
)
_WORD = (
    f"(-[AFHLMTZadefjlwy]{{1,12}}|[afjlsuvwx]{{1,8}}|(-[Ae]?o|o) (({_NAMES}),)*pid(,({_NAMES}))*)"
)
LONGEST_ARGUMENTS: Final = 256
ARGUMENTS: Final = f"^{_WORD}( {_WORD})*$"
"""What `ps` is asked with, as a regular expression: its own forms, or columns with the PID."""


def changes(listed: Json, masking: Masking) -> Json:
    """What `/v1/changes` answers. An engine returns `null` where nothing has changed."""
    return {
        "changes": [
            {
                "path": masking.text(text(change, "Path") or ""),
                "kind": _KINDS.get(kind) if (kind := integer(change, "Kind")) is not None else None,
            }
            for change in sequence(listed)
        ]
    }


def image(inspect: Json, history: Json, *, reference: str | None, masking: Masking) -> Json:
    """What `/v1/image` answers.

    Args:
        inspect: the image's inspect document.
        history: its layers, the newest first; null where the engine did not return them.
        reference: as it was typed when the container was made.
        masking: of the container; what is secret in the image or its history is learnt here.
    """
    masking = masking.learn([inspect, history])
    masked = masking.inspect(inspect)
    return {
        "reference": reference,
        "id": text(masked, "Id"),
        "digests": list(texts(masked, "RepoDigests")),
        "created_at": times.normalized(text(masked, "Created")),
        "size_bytes": integer(masked, "Size"),
        "architecture": text(masked, "Architecture"),
        "os": text(masked, "Os"),
        "labels": dict(text_mapping(masked, "Config", "Labels")),
        "history": None if history is None else [_layer(one, masking) for one in sequence(history)],
    }


def _layer(layer: Json, masking: Masking) -> Json:
    created = integer(layer, "Created")
    return {
        "created_at": times.rfc3339(created * 10**9) if created and created in _EPOCH else None,
        "created_by": masking.text(text(layer, "CreatedBy") or "") or None,
        "size_bytes": integer(layer, "Size"),
    }


@dataclass(frozen=True, slots=True)
class Process:
    """A row: `mount_namespace` is the inode's number, None where `ps` may not see it."""

    pid: str
    name: str
    mount_namespace: str | None = None


def listed(top: Json, *, namespaces: bool) -> tuple[Process, ...]:
    """The processes in an engine's answer to `pid,comm,mntns`, or to `pid,comm`.

    Engines cut rows at spaces, of which a name may have some: the last word is the namespace's.
    """
    found = []
    for row in sequence(top, "Processes"):
        words = " ".join(map(str, row)).split() if isinstance(row, list) else []
        if len(words) > 1:
            pid, *rest = words
            space = rest.pop() if namespaces else ""
            found.append(Process(pid, " ".join(rest), space if space.isdecimal() else None))
    return tuple(found)


def arguments(text: str) -> str:
    """The arguments of `ps`, unchanged, where all they do is choose columns.

    `ps` runs on the engine's machine, as root: what selects processes, prints environments or
    renames columns does not get there. The engine needs the PIDs.

    Raises:
        BadRequestError: they would do more, or leave out the PID.
    """
    if len(text) > LONGEST_ARGUMENTS or not re.fullmatch(ARGUMENTS.strip("^$"), text):
        raise BadRequestError(
            f"args {text[:LONGEST_ARGUMENTS]!r} are not allowed",
            hint="args may only choose the columns of ps: -ef, aux, -eo pid,comm (with the pid)",
        )
    return text


def processes(top: Json, masking: Masking) -> Json:
    """What `/v1/top` answers, of the engine's answer."""
    return {
        "titles": list(texts(top, "Titles")),
        "processes": [
            [masking.text(str(cell)) for cell in row]
            for row in sequence(top, "Processes")
            if isinstance(row, list)
        ],
    }
