"""The records that travel: frozen, slotted, without behaviour. Unknown is None, never zero.

Times are RFC 3339 in UTC with nine digits and `Z`; sizes are bytes; durations are seconds.

Pure.
"""

from __future__ import annotations

from selfinspect.jsonread import Json as Json
from selfinspect.model.event import (
    Actor as Actor,
    Cause as Cause,
    Event as Event,
    EventSource as EventSource,
    Occurrence as Occurrence,
    Run as Run,
    RunRecord as RunRecord,
    RunSource as RunSource,
)
from selfinspect.model.identity import (
    CAPABILITIES as CAPABILITIES,
    SHORT_ID as SHORT_ID,
    Access as Access,
    Attempt as Attempt,
    AttemptOutcome as AttemptOutcome,
    Candidate as Candidate,
    Capability as Capability,
    Engine as Engine,
    EngineFailure as EngineFailure,
    Identity as Identity,
    IdentitySummary as IdentitySummary,
    Level as Level,
    Method as Method,
    Reach as Reach,
    Scope as Scope,
    Source as Source,
    Unusable as Unusable,
    Verdict as Verdict,
)
from selfinspect.model.own import (
    Compose as Compose,
    Health as Health,
    HealthCheck as HealthCheck,
    Host as Host,
    Image as Image,
    Kubernetes as Kubernetes,
    Limits as Limits,
    MemoryEvents as MemoryEvents,
    Mount as Mount,
    Network as Network,
    PortBinding as PortBinding,
    RestartPolicy as RestartPolicy,
    Self as Self,
    Snapshot as Snapshot,
    Stop as Stop,
    Stopping as Stopping,
    StopSource as StopSource,
    Swarm as Swarm,
)
from selfinspect.model.sample import (
    HISTORY_FIELDS as HISTORY_FIELDS,
    Cpu as Cpu,
    Detail as Detail,
    Device as Device,
    Filesystem as Filesystem,
    Interface as Interface,
    Machine as Machine,
    Memory as Memory,
    Pids as Pids,
    Pressure as Pressure,
    Processes as Processes,
    Sample as Sample,
    Specification as Specification,
    Stall as Stall,
    StatsSource as StatsSource,
    TaskState as TaskState,
    Transfer as Transfer,
)
