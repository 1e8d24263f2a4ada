"""The page's files: what is served, with which headers, and to which pages."""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import selfinspect.web
from selfinspect.web import assets
from selfinspect.web.guard import is_asset

if TYPE_CHECKING:
    from tests.unit.web.conftest import Ask

FOLDER = Path(selfinspect.web.__file__).with_name("page")
REFERENCE = re.compile(r"""(?:src|href)="(/page/[^"]+)"|from "(\./[^"]+)";""")


def served() -> list[str]:
    """The files of the folder that a browser may want."""
    files = (path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file())
    return sorted(name for name in files if not name.endswith(("LICENSE", "NOTICE")))


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/page/page.css", "text/css; charset=utf-8"),
        ("/page/main.js", "text/javascript; charset=utf-8"),
        ("/page/icon.svg", "image/svg+xml"),
    ],
)
def test_each_file_has_its_type(ask: Ask, path: str, media_type: str) -> None:
    """A browser that gets `nosniff` takes a file for nothing else."""
    reply = ask(path)
    assert (reply.status, reply.headers["content-type"]) == (200, media_type)


@pytest.mark.parametrize("name", served())
def test_every_file_of_the_folder_is_served_as_it_is(ask: Ask, name: str) -> None:
    """None is forgotten, none is changed on the way."""
    assert ask(f"/page/{name}").body == (FOLDER / name).read_bytes()


def test_the_page_is_small() -> None:
    """All its files together, unpacked: it opens at once over a slow line, too."""
    assert sum((FOLDER / name).stat().st_size for name in served()) <= 160 * 1024


def test_the_schemes_differ_in_colours_alone() -> None:
    """So what is looked at by day for all that may keep people out, by night is for its colours."""
    style = (FOLDER / "page.css").read_text()
    [light, dark] = re.findall(r":root \{([^}]*)\}", style)
    assert style.count("prefers-color-scheme") == 1
    assert f"@media (prefers-color-scheme: dark) {{\n  :root {{{dark}}}\n}}\n" in style
    colours = [dict(re.findall(r"(--[a-z-]+): (#[0-9a-f]{6});", each)) for each in (light, dark)]
    assert len(colours[1]) == dark.count(";")
    assert colours[1].keys() == colours[0].keys()


def test_every_file_that_the_page_names_is_served(ask: Ask) -> None:
    """Scripts, styles, the icon, and what the scripts import."""
    for source in [*FOLDER.glob("*.html"), *FOLDER.glob("*.js")]:
        for absolute, relative in REFERENCE.findall(source.read_text()):
            path = absolute or f"/page/{relative.removeprefix('./')}"
            assert ask(path).status == 200, f"{source.name} names {path}"


def test_a_browser_may_load_nothing_from_elsewhere(ask: Ask) -> None:
    """The policy starts from nothing, allows the own origin, and never what stands in the page."""
    policy = ask("/").headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for directive in ("script-src", "img-src", "connect-src"):
        assert f" {directive} 'self';" in policy
    for directive in ("base-uri", "form-action", "frame-ancestors"):
        assert f" {directive} 'none';" in policy
    assert ask("/").headers["referrer-policy"] == "no-referrer"


def test_the_style_stands_in_the_page(ask: Ask) -> None:
    """So that it is painted once it is there; the policy allows this style and no other."""
    style = (FOLDER / "page.css").read_bytes()
    page = ask("/")
    assert page.body.count(b"<style>%s</style>" % style) == 1
    assert b"stylesheet" not in page.body
    digest = base64.b64encode(hashlib.sha256(style).digest()).decode()
    assert f" style-src 'sha256-{digest}';" in page.headers["content-security-policy"]


def test_a_browser_learns_of_all_modules_at_once(ask: Ask) -> None:
    """Those that main.js imports, and those import, are fetched with it instead of after it."""
    found = {"main.js"}
    while (
        new := {
            name
            for module in found
            for name in re.findall(r'from "\./([^"]+)";', (FOLDER / module).read_text())
        }
        - found
    ):
        found |= new
    links = ask("/").headers["link"].split(", ")
    assert sorted(links) == sorted(f"</page/{name}>; rel=modulepreload" for name in found)


@pytest.mark.parametrize("path", ["/", "/page/main.js"])
def test_an_unchanged_file_is_not_sent_again(ask: Ask, path: str) -> None:
    """A browser asks each time, by the tag of what it has."""
    first = ask(path)
    assert first.headers["cache-control"] == "no-cache"
    tag = first.headers["etag"]
    for cached in (tag, f'"other", W/{tag}', "*"):
        again = ask(path, headers={"if-none-match": cached})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert ask(path, headers={"if-none-match": '"other"'}).status == 200


@pytest.mark.parametrize(
    "path", ["/page/", "/page/none.js", "/page/../assets.py", "/page/%2e%2e/assets.py", "/page"]
)
def test_nothing_but_those_files_is_served(ask: Ask, path: str) -> None:
    """A name is looked up, never made into a path."""
    assert ask(path).problem["type"] == "urn:selfinspect:problem:not-found"


@pytest.mark.parametrize("path", ["/", "/page/main.js"])
def test_the_metrics_listener_has_no_page(ask_metrics: Ask, path: str) -> None:
    """The network sees metrics alone."""
    assert ask_metrics(path).status == 404


@pytest.mark.parametrize(
    ("path", "is_one"),
    [("/", True), ("/page/main.js", True), ("/pages", False), ("/v1/self", False), ("//", False)],
)
def test_what_needs_no_token(path: str, *, is_one: bool) -> None:
    """The page and its files, and nothing that only begins like them."""
    assert is_asset(path) is is_one


def test_the_files_are_read_from_an_archive_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A zipapp has no folder."""
    archive = tmp_path / "app.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for name in ("web_in_zip/__init__.py", "web_in_zip/page/page.css"):
            zipped.writestr(name, "/* zipped */" if name.endswith("css") else "")
    monkeypatch.syspath_prepend(str(archive))
    assert assets.read_file("page/page.css", "web_in_zip") == b"/* zipped */"


def test_uplot_comes_with_its_licence() -> None:
    """Its terms and its version stand beside it."""
    banner = (FOLDER / "uplot" / "uPlot.iife.min.js").read_text().splitlines()[0]
    version = re.search(r"v(\d+\.\d+\.\d+)", banner)
    assert version
    assert f"uPlot {version[1]} " in (FOLDER / "uplot" / "NOTICE").read_text()
    assert "MIT License" in (FOLDER / "uplot" / "LICENSE").read_text()
