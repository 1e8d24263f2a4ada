"""README, the pages of help and the other pages: short, linked, and true of paths and commands."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import click
import pytest

from selfinspect.cli import selfinspect
from selfinspect.cli.options import serve
from selfinspect.exports import own
from selfinspect.model import Self
from selfinspect.supervise.arguments import Arguments
from tests.support.pages import HELP, PAGES, README, ROOT, anchors, blocks, commands, links, spans

TOPICS = {page.stem for page in HELP}
GUIDES = [README, *HELP]
PATHS = json.loads((ROOT / "selfinspect" / "web" / "openapi.json").read_text())["paths"]


def named(page: Path) -> str:
    """How a page is called in a test's name."""
    return str(page.relative_to(ROOT))


def code(page: Path) -> str:
    """All code of a page."""
    return "\n".join([*spans(page), *(block.text for block in blocks(page))])


def test_readme_is_read_in_three_minutes() -> None:
    """Ten kilobytes; what is longer is a page of help."""
    assert README.stat().st_size <= 10_000


def test_the_help_is_no_burden_on_an_image() -> None:
    """All its pages together."""
    assert sum(page.stat().st_size for page in HELP) <= 150_000


def test_every_topic_is_linked() -> None:
    """From README, by its file."""
    linked = {Path(path).stem for path, _ in links(README) if path.startswith("selfinspect/help/")}
    assert linked == TOPICS


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=named)
def test_no_link_is_dead(page: Path) -> None:
    """Neither its file nor its heading; nothing is asked of the network."""
    for path, anchor in links(page):
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    """Those of `deploy/`, `examples/` and `tests/`."""
    for path in re.findall(r"(?<![\w./-])(?:deploy|examples|tests)/[\w./-]*\w", code(page)):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_exists(page: Path) -> None:
    """Its verb or topic, and each of its options."""
    for words in commands(page):
        check(*words)


def check(verb: str, *words: str) -> None:
    """Fail where the command line does not take these words."""
    root = click.Context(selfinspect, info_name="selfinspect")
    if verb.startswith("-"):
        selfinspect.make_parser(root).parse_args([verb])
    elif verb == "run":
        split = words if "--" in words else (*words, "--")
        check("serve", *Arguments([*split, "app"], {}).agent_options)
    else:
        command = serve if verb == "serve" else selfinspect.get_command(root, verb)
        assert command is not None, verb
        command.make_parser(click.Context(command, root, verb)).parse_args(list(words))
        if verb == "help":
            names = {*TOPICS, *selfinspect.list_commands(root)}
            assert all(word in names or word.isupper() for word in words), words


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_path_is_served(page: Path) -> None:
    """And every member of `/v1/self` is in the document."""
    members = {each.name for each in fields(Self)}
    for path in re.findall(r"/v1/\w[\w/]*|/(?:metrics|healthz|readyz|openapi\.json)\b", code(page)):
        known = [each for each in PATHS if re.fullmatch(re.sub(r"{\w+}", ".+", each), path)]
        assert known or path.rstrip("/") in PATHS, path
        if member := re.match(r"/v1/self/(\w+)", path):
            assert member[1] in members, path


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_variable_of_ours_is_read_or_set(page: Path) -> None:
    """An option's, or one that the app is given."""
    options = [param.envvar for param in serve.params if isinstance(param.envvar, str)]
    text = (ROOT / "selfinspect" / "supervise" / "arguments.py").read_text()
    flags = re.findall(r"^  (?:-\w, )?--([a-z-]+)", text, re.MULTILINE)
    known = {*options, *(f"SELFINSPECT_{flag.replace('-', '_').upper()}" for flag in flags)}
    for name in re.findall(r"\bSELFINSPECT_[A-Z0-9_]*[A-Z0-9]\b(?!…)", code(page)):
        assert name in known or name in OTHERS or own.is_exported(name), name


OTHERS = {
    "SELFINSPECT_URI",
    "SELFINSPECT_IMAGE",  # a build's argument
}


@pytest.mark.parametrize("page", GUIDES, ids=named)
def test_a_block_of_commands_is_run_or_says_why_not(page: Path) -> None:
    """`tests/engine/test_readme.py` runs the others."""
    for block in blocks(page):
        if block.language in ("sh", "console") and block.remark:
            assert re.match(r"not run: \w+|in the container$", block.remark), block.remark


@pytest.mark.parametrize("page", GUIDES, ids=named)
def test_a_block_says_what_it_is(page: Path) -> None:
    """So that it is run, or read by what reads its kind."""
    known = {"sh", "console", "dockerfile", "python", "js", "yaml", "json", "nginx", "ini"}
    assert {block.language for block in blocks(page)} <= known


@pytest.mark.parametrize("page", GUIDES, ids=named)
def test_every_line_of_the_log_that_is_named_is_logged(page: Path) -> None:
    """By its event, such as `agent.given-up`."""
    source = "".join(module.read_text() for module in (ROOT / "selfinspect").rglob("*.py"))
    for event in re.findall(r"`((?=[a-z.]*-)[a-z-]+\.[a-z-]+)`", page.read_text()):
        assert f'"{event}"' in source or event.endswith((".sh", ".yml", ".json")), event
