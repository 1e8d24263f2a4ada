"""Which variables are wanted: the value of `--export-env` and of `env --what`. Pure."""

from __future__ import annotations

from selfinspect.exports.own import RESOURCE, fitting, is_exported
from selfinspect.exports.size import RUNTIMES, USUAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SETS = ("self", "otel", "size")


class Wanted:
    """The sets that are asked for.

    Attributes:
        own: whether the container's facts are (`self`).
        otel: whether OpenTelemetry's resource attributes are.
        runtimes: whose sizes are; empty for none.
    """

    __slots__ = ("otel", "own", "runtimes")

    def __init__(
        self, *, own: bool = False, otel: bool = False, runtimes: Iterable[str] = ()
    ) -> None:
        self.own = own
        self.otel = otel
        self.runtimes = frozenset(runtimes)

    def __bool__(self) -> bool:
        return self.needs_agent or bool(self.runtimes)

    @property
    def needs_agent(self) -> bool:
        """Whether anything is wanted that only the agent can tell: sizes PID 1 reads itself."""
        return self.own or self.otel

    def admitted(self, offered: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
        """What an environment gets of the variables that the agent offers: only known names.

        What an engine says reaches the agent, and must not set a variable that runs code.

        Args:
            offered: the agent's.
            environ: the environment as it is; its resource attributes have to come first.
        """
        own = {name: offered[name] for name in offered if self.own and is_exported(name)}
        given, attributes = environ.get(RESOURCE, ""), offered.get(RESOURCE, "")
        if self.otel and attributes.strip() and attributes.startswith(given.rstrip()):
            own[RESOURCE] = attributes
        return fitting(own)


def parse_wanted(text: str) -> Wanted:
    """What a list such as `self,otel,size` or `size:go,web` asks for.

    `size` is every runtime's usual variables; `size:` and names narrow it to those, and are the
    only way to get what is not usual.

    Raises:
        ValueError: a word is neither a set nor, after `size:`, a runtime.
    """
    chosen: set[str] = set()
    runtimes: set[str] = set()
    narrowed = False
    for word in text.split(","):
        name = word.strip()
        if name.startswith("size:"):
            narrowed = True
            name = name.removeprefix("size:")
        if narrowed and name in RUNTIMES:
            runtimes.add(name)
        elif name in SETS:
            chosen.add(name)
        else:
            takes = f"{', '.join(SETS)}, and size:RUNTIME with {', '.join(RUNTIMES)}"
            raise ValueError(f"{name!r} is unknown: it takes {takes}")
    if "size" in chosen:
        runtimes.add(USUAL)
    return Wanted(own="self" in chosen, otel="otel" in chosen, runtimes=runtimes)
