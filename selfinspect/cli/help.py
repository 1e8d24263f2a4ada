"""`help`: the reference, a topic at a time."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import click

from selfinspect.cli.streams import Streams, streams_of
from selfinspect.cli.verb import Verb

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_ENDING = ".md"


@click.command("help", cls=Verb, examples=("selfinspect help security",))
@click.argument("topic", required=False)
@streams_of
def help_(streams: Streams, /, topic: str | None) -> None:
    """Print a topic of the reference.

    It is Markdown. Without a topic the verbs and the topics are listed.
    """
    topics = _topics()
    if topic is None:
        above = click.get_current_context().find_root()
        print(above.get_help(), f"\nTopics: {', '.join(topics)}", sep="\n", file=streams.out)
    elif topic in topics:
        print(topics[topic].read_text(encoding="utf-8"), end="", file=streams.out)
    else:
        raise click.UsageError(f"no topic {topic!r}: takes {', '.join(topics)}")


def _topics() -> dict[str, Traversable]:
    """The files of the reference by their names, be they in a folder or in an archive."""
    folder = files("selfinspect").joinpath("help")
    return {
        file.name.removesuffix(_ENDING): file
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(_ENDING)
    }
