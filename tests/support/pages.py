"""What the pages for people hold: headings, links, blocks of code, commands."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
HELP = sorted((ROOT / "selfinspect" / "help").glob("*.md"))
PAGES = [
    README,
    *HELP,
    *sorted((ROOT / ".github").glob("*.md")),
    *sorted((ROOT / "deploy").rglob("README.md")),
    *sorted((ROOT / "examples").rglob("README.md")),
]
"""Those that speak of what is: the change log, which speaks of what was, is none of them."""

_BLOCK = re.compile(
    r"^(?:<!-- (?P<remark>[^\n]+) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_EXEC_FORM = re.compile(r"(?:ENTRYPOINT|CMD) (\[.*\])")
_END_OF_COMMAND = re.compile(r"[;&|()<>]+")
_VERB = re.compile(r"[a-z]+|-[a-z-]+")
_PROGRAM = "selfinspect"


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    Attributes:
        language: as the fence names it.
        text: its lines.
        remark: the comment in the line above, which no reader sees; empty for none.
    """

    language: str
    text: str
    remark: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [
        Block(match["language"], match["text"], match["remark"] or "")
        for match in _BLOCK.finditer(page.read_text())
    ]


def spans(page: Path) -> list[str]:
    """What stands between backticks in its prose and tables."""
    prose = _BLOCK.sub("", page.read_text())
    return [" ".join(span.split()).replace("\\|", "|") for span in _SPAN.findall(prose)]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives its headings."""
    prose = _BLOCK.sub("", page.read_text())
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> list[tuple[str, str]]:
    """The file and the anchor of each link that does not leave the tree; the file may be empty."""
    prose = _BLOCK.sub("", page.read_text())
    targets = re.findall(r"\]\(([^)\s]+)\)", prose)
    inside = [target for target in targets if not target.startswith(("http", "mailto:"))]
    return [(path, anchor) for path, _, anchor in (target.partition("#") for target in inside)]


def commands(page: Path) -> Iterator[list[str]]:
    """The words after `selfinspect` of each command line with a verb, wherever it stands."""
    lines = [span for span in spans(page) if _PROGRAM in span]
    for block in blocks(page):
        lines += block.text.replace("\\\n", " ").splitlines()
    for line in lines:
        if exec_form := _EXEC_FORM.search(line):
            yield from _of_words(json.loads(exec_form[1]))
        else:
            yield from _of_words(_words(line.removeprefix("$ ")))


def _words(line: str) -> list[str]:
    """The words of a shell's line; none where it is no such line."""
    unquoted = re.sub(r'"\$\((.*?)\)"', r"( \1 )", line)
    lexer = shlex.shlex(unquoted, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:
        return []


def _of_words(words: list[str]) -> Iterator[list[str]]:
    for place, word in enumerate(words):
        if word != _PROGRAM and not word.endswith(("/bin/selfinspect", "/selfinspect.pyz")):
            continue
        image = words[:place][-1:] == ["--entrypoint"]
        rest = words[place + 1 + image :]
        end = next((i for i, each in enumerate(rest) if _END_OF_COMMAND.fullmatch(each)), len(rest))
        if rest[:end] and _VERB.fullmatch(rest[0]):
            yield [each.strip("[]") for each in rest[:end]]
