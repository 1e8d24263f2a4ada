"""The table of engines in `help engines`: features down, engines across, findings in its cells."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PAGE = Path(__file__).parents[2] / "selfinspect" / "help" / "engines.md"
BEGIN, END = "<!-- engines -->\n", "<!-- /engines -->\n"

ENGINES = {
    "Docker 20.10": None,
    "Docker 26.1": "docker-trixie",
    "Docker 28.5": "docker-sid",
    "Docker 28.5, containerd's images": "docker-sid-containerd",
    "Docker 20.10, rootless": "docker-bookworm-rootless",
    "Podman 4.3": "podman-bookworm",
    "Podman 4.3, rootless": "podman-bookworm-rootless",
    "Podman 5.8": "podman-sid",
}
"""The engines, and what `lab.sh` calls them; the first is the one of every test."""


@dataclass
class Table:
    """The cells, by feature and engine."""

    cells: dict[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def read(cls) -> Self:
        """The table as it stands there."""
        lines = PAGE.read_text().partition(BEGIN)[2].partition(END)[0].splitlines()
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        if not rows:
            return cls()
        (_, *names), _, *features = rows
        return cls(
            {
                (feature, name): cell
                for feature, *found in features
                for name, cell in zip(names, found, strict=True)
            }
        )

    def write(self, features: Sequence[str]) -> None:
        """Put it into the page, in the order of these features."""
        before, begin, rest = PAGE.read_text().partition(BEGIN)
        _, end, after = rest.partition(END)
        PAGE.write_text(f"{before}{begin}{''.join(self._lines(features))}{end}{after}")

    def _lines(self, features: Sequence[str]) -> Iterator[str]:
        yield f"| | {' | '.join(ENGINES)} |\n"
        yield f"|---|{'---|' * len(ENGINES)}\n"
        for feature in features:
            found = (self.cells.get((feature, name), "?") for name in ENGINES)
            yield f"| {feature} | {' | '.join(found)} |\n"
