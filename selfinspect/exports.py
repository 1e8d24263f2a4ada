"""What `run --export-env` adds to the command's environment, and `selfinspect env` prints. Pure.

PID 1 loads this module, so it loads nothing by itself.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from selfinspect.model import Self

_ID = "SELFINSPECT_CONTAINER_ID"
_NAME = "SELFINSPECT_CONTAINER_NAME"
_IMAGE = "SELFINSPECT_CONTAINER_IMAGE"
_HOST_PORT = "SELFINSPECT_HOST_PORT_"


def exported(own: Self) -> dict[str, str]:
    """The variables that tell of a container; what is not known or not published has none.

    `SELFINSPECT_HOST_PORT_8080_TCP` is the host port that leads to 8080/tcp.
    """
    facts = {_ID: own.id, _NAME: own.name, _IMAGE: own.image.reference}
    variables = {name: value for name, value in facts.items() if value is not None}
    for port, protocols in (own.ports or {}).items():
        for protocol, host_port in protocols.items():
            if host_port is not None:
                variables[f"{_HOST_PORT}{port}_{protocol.upper()}"] = str(host_port)
    return variables


def is_exported(name: str) -> bool:
    """Whether a variable of this name is one of those."""
    return name in (_ID, _NAME, _IMAGE) or name.startswith(_HOST_PORT)
