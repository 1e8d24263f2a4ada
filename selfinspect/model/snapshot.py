"""All that is known at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selfinspect.model.engine import Attempt, Engine, EngineFailure
    from selfinspect.model.identity import Identity
    from selfinspect.model.json import Json
    from selfinspect.model.own import Kubernetes, Self


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that is known at one moment; swapped whole, never changed.

    `inspect` is the engine's own JSON, already masked. `failure` is why there is no engine.
    `kubernetes` is what the kubelet's mounts tell, whoever we are.
    """

    identity: Identity
    self: Self | None = None
    inspect: Json = None
    engine: Engine | None = None
    tried: tuple[Attempt, ...] = ()
    failure: EngineFailure | None = None
    kubernetes: Kubernetes | None = None
