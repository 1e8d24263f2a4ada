"""The records that travel: frozen, slotted, without behaviour. Unknown is None, never zero.

Times are RFC 3339 in UTC with nine digits and `Z`; sizes are bytes; durations are seconds.
"""

from __future__ import annotations

from selfinspect.model.engine import CAPABILITIES, Access, Attempt, Engine, EngineFailure, Reach
from selfinspect.model.event import Actor, Event, EventSource
from selfinspect.model.identity import (
    Candidate,
    Identity,
    IdentitySummary,
    Level,
    Method,
    Scope,
    Source,
    Verdict,
)
from selfinspect.model.json import Json
from selfinspect.model.own import (
    Compose,
    Health,
    HealthCheck,
    Host,
    Image,
    Kubernetes,
    Limits,
    Mount,
    Network,
    PortBinding,
    RestartPolicy,
    Self,
    Stop,
    StopSource,
    Swarm,
)
from selfinspect.model.run import Cause, Run, RunRecord
from selfinspect.model.sample import (
    Cpu,
    Detail,
    Device,
    Filesystem,
    Interface,
    Memory,
    Pids,
    Pressure,
    Processes,
    Sample,
    Specification,
    Stall,
    StatsSource,
    Transfer,
)
from selfinspect.model.snapshot import Snapshot

__all__ = [
    "CAPABILITIES",
    "Access",
    "Actor",
    "Attempt",
    "Candidate",
    "Cause",
    "Compose",
    "Cpu",
    "Detail",
    "Device",
    "Engine",
    "EngineFailure",
    "Event",
    "EventSource",
    "Filesystem",
    "Health",
    "HealthCheck",
    "Host",
    "Identity",
    "IdentitySummary",
    "Image",
    "Interface",
    "Json",
    "Kubernetes",
    "Level",
    "Limits",
    "Memory",
    "Method",
    "Mount",
    "Network",
    "Pids",
    "PortBinding",
    "Pressure",
    "Processes",
    "Reach",
    "RestartPolicy",
    "Run",
    "RunRecord",
    "Sample",
    "Scope",
    "Self",
    "Snapshot",
    "Source",
    "Specification",
    "Stall",
    "StatsSource",
    "Stop",
    "StopSource",
    "Swarm",
    "Transfer",
    "Verdict",
]
