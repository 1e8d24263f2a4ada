"""The parts of the help pages that come from the code's own tables.

`python -m tests.support.reference` writes them; a test compares them. In a page each stands between
`<!-- NAME -->` and `<!-- /NAME -->`, which `selfinspect help` does not print.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from selfinspect import errors
from selfinspect.cli.options import serve
from selfinspect.cli.verb import MEANINGS, Sectioned
from selfinspect.errors import SelfinspectError
from selfinspect.exports import own, size
from selfinspect.metrics import catalog
from selfinspect.supervise.arguments import HELP
from tests.support import troubles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

HELP_PAGES = Path(__file__).parents[2] / "selfinspect" / "help"
_COLUMN = 26
"""Where the text of an option of `run` begins, in its help."""


def table(*heading: str, rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The lines of a table; an empty heading is a column that needs none."""
    yield f"| {' | '.join(heading)} |"
    yield f"|{'---|' * len(heading)}"
    for row in rows:
        yield f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |"


def _agents_options() -> Iterator[str]:
    """The options of `serve`, a table for each heading of its help."""
    context = click.Context(serve)
    options = [each for each in serve.params if isinstance(each, Sectioned)]
    for section in dict.fromkeys(option.section for option in options):
        yield f"### {section}\n"
        yield from table(
            "option", "default", "what it is",
            rows=[
                _option(f"{each.opts[0]} {_value(each, context)}", each.help or "")
                for each in options
                if each.section == section
            ],
        )  # fmt: skip
        yield ""


def _value(option: click.Option, context: click.Context) -> str:
    return "" if option.is_flag else option.make_metavar(context)


def _option(name: str, text: str) -> tuple[str, str, str]:
    """An option's row."""
    said, _, default = text.removesuffix("]").partition(" [default: ")
    return f"`{name.strip()}`", default, said


def _runs_options() -> Iterator[str]:
    """The options of `run` alone, from its help."""
    options: list[tuple[str, list[str]]] = []
    for line in HELP.partition("Options:\n")[2].partition("\n\n")[0].splitlines():
        if line.startswith("  -"):
            options.append((line[:_COLUMN].strip(), []))
        options[-1][1].append(line[_COLUMN:])
    yield from table(
        "option", "default", "what it is",
        rows=[_option(name, " ".join(text)) for name, text in options if "--help" not in name],
    )  # fmt: skip


def _exits() -> Iterator[str]:
    rows = [(int(code), meaning) for code, meaning in MEANINGS.items()]
    yield from table("exit code", "what it means", rows=rows)


def _problems() -> Iterator[str]:
    """A row for each kind of error that has a slug of its own."""
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, SelfinspectError) and "slug" in vars(kind)
    ]
    first = {kind.slug: kind for kind in reversed(kinds)}
    rows = [(f"`{slug}`", kind.status, kind.title) for slug, kind in sorted(first.items())]
    yield from table("type", "status", "title", rows=rows)


def _facts() -> Iterator[str]:
    rows = [(f"`{row.name}`", row.source, row.absent) for row in own.rows()]
    yield from table("variable", "source", "absent", rows=rows)


def _sizes() -> Iterator[str]:
    rows = [
        (
            f"`{row.name}`",
            f"{row.runtime}{'' if row.usual else ', by name alone'}",
            row.source,
            row.absent,
        )
        for row in size.ROWS
    ]
    yield from table("variable", "runtime", "value", "absent", rows=rows)


def _metrics() -> Iterator[str]:
    for section, metrics in catalog.SECTIONS.items():
        yield f"## {section}\n"
        yield from table(
            "metric", "type", "unit", "what it is", "source", "absent",
            rows=[
                (_named(name, metric), catalog.kind(name), metric.unit, metric.help,
                 metric.source, metric.absent)
                for name, metric in metrics.items()
            ],
        )  # fmt: skip
        yield ""


def _named(name: str, metric: catalog.Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"`{name}` by {labels}" if labels else f"`{name}`"


def _troubles() -> Iterator[str]:
    rows = [(trouble, f"`{fix}`") for trouble, fix in troubles.fixes()]
    yield from table("what is wrong", "`doctor` prints", rows=rows)


PARTS: Mapping[str, Callable[[], Iterator[str]]] = {
    "agent's options": _agents_options,
    "run's options": _runs_options,
    "exit codes": _exits,
    "problems": _problems,
    "facts": _facts,
    "sizes": _sizes,
    "metrics": _metrics,
    "troubles": _troubles,
}
"""What writes each part, by its name in the page."""


def renewed(page: str) -> str:
    """The page with its parts as the code has them now."""
    for name, lines in PARTS.items():
        part = re.compile(f"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)
        text = "\n".join(lines()).strip("\n")
        page = part.sub(lambda _, text=text: f"{text}\n", page)  # type: ignore[misc]
    return page


def main() -> None:
    """Write every page."""
    for page in HELP_PAGES.glob("*.md"):
        page.write_text(renewed(page.read_text()))


if __name__ == "__main__":
    main()
