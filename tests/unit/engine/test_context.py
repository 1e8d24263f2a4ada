"""The engine of Docker's current context: read only from files that the app cannot write."""

from __future__ import annotations

import codecs
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from selfinspect.agent.observe import observe
from selfinspect.engine.locate import context_host
from selfinspect.settings import Settings
from tests.support.canned_container import lay_container
from tests.support.canned_engine import Answer, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.model import Json
    from tests.support.canned_engine import CannedEngine

HOST = "tcp://build:2376"
OTHER = "cd" * 32


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home whose `.docker` is root's, looked at by another user; its context is called there."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to be another user")
    _context(tmp_path, "there", {"Endpoints": {"docker": {"Host": HOST}}})
    _config(tmp_path, {"currentContext": "there"})
    _allow(tmp_path)
    codecs.lookup("utf-8-sig")  # loaded when it is first used, from a folder that may be root's
    os.seteuid(65534)
    yield tmp_path
    os.seteuid(0)


def _context(home: Path, name: str, meta: Json) -> None:
    folder = home / ".docker/contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "meta.json").write_text(json.dumps(meta))


def _config(home: Path, config: Json) -> None:
    (home / ".docker").mkdir(exist_ok=True)
    (home / ".docker/config.json").write_text(json.dumps(config))


def _allow(folder: Path) -> None:
    """Let others read all above a folder, and nobody but root write it."""
    for each in (folder, *folder.parents[:-2]):
        each.chmod(0o755)


def _host(home: Path, **environ: str) -> str | None:
    return context_host({"HOME": str(home), **environ})


def test_the_current_context_names_the_engine(home: Path) -> None:
    """Where nobody but root can write what says so."""
    assert _host(home) == HOST


def test_the_variable_comes_before_the_file(home: Path) -> None:
    """And `default` is no context."""
    assert _host(home, DOCKER_CONTEXT="there") == HOST
    assert _host(home, DOCKER_CONTEXT="elsewhere") is None
    assert _host(home, DOCKER_CONTEXT="default") is None


@pytest.mark.parametrize("name", ["config.json", "contexts", "contexts/meta", ".", ".."], ids=str)
def test_what_the_app_can_write_is_not_read(home: Path, name: str) -> None:
    """Neither the file nor a folder that leads to it may be another's than root's."""
    os.seteuid(0)
    os.chown(home / ".docker" / name, 1000, -1)
    os.seteuid(65534)
    assert _host(home) is None
    os.seteuid(0)
    os.chown(home / ".docker" / name, 0, -1)
    (home / ".docker" / name).chmod(0o777)
    os.seteuid(65534)
    assert _host(home) is None


def test_as_root_only_what_nobody_can_write_is_read(home: Path) -> None:
    """The app may be root, too: then only a read-only mount counts."""
    os.seteuid(0)
    assert _host(home) is None
    seen = subprocess.run(
        [
            "unshare", "--mount", "sh", "-ec",
            'mount --bind "$0/.docker" "$0/.docker"; mount -o remount,bind,ro "$0/.docker"; "$@"',
            home, sys.executable, "-c",
            "import os, selfinspect.engine.locate as it; print(it.context_host(os.environ))",
        ],
        env={**os.environ, "HOME": str(home)},
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )  # fmt: skip
    assert seen.stdout == f"{HOST}\n"


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"currentContext": 7}', '{"currentContext": "there", "a": "' + "x" * 2**16],
    ids=["empty", "array", "broken", "number", "long"],
)
def test_a_file_that_says_nothing_is_passed_over(home: Path, content: str) -> None:
    """As is one of more than 64 KiB."""
    os.seteuid(0)
    (home / ".docker/config.json").write_text(content)
    os.seteuid(65534)
    assert _host(home) is None


@pytest.mark.parametrize("meta", [None, [], {"Endpoints": {}}, {"Endpoints": {"docker": []}}])
def test_a_context_without_an_endpoint_is_none(home: Path, meta: Json) -> None:
    """Whatever else stands there."""
    os.seteuid(0)
    _context(home, "there", meta)
    os.seteuid(65534)
    assert _host(home) is None


def test_no_home_has_no_context() -> None:
    """Nor has one that cannot be looked into."""
    assert context_host({}) is None
    assert context_host({"HOME": "/proc/1/root/nowhere"}) is None


@pytest.mark.parametrize("proven", [True, False])
def test_a_contexts_engine_counts_where_it_proves_who_we_are(
    engine: CannedEngine, home: Path, *, proven: bool
) -> None:
    """A file on disk is the weakest hint: one that only knows our ID may be another's engine."""
    root = _leads_to(engine, home, proven=proven)
    found = observe(Settings(root=root), {"HOME": str(home)})
    found.close()
    assert (found.client is not None) is proven
    outcomes = {one.endpoint: one.outcome for one in found.snapshot.tried}
    assert outcomes[engine.url] == ("answers" if proven else "not proven to be this container's")
    assert found.snapshot.identity.level == ("proven" if proven else "observed")


@pytest.mark.parametrize("proven", [True, False])
def test_a_target_is_taken_from_a_context_where_we_are_proven(
    engine: CannedEngine, home: Path, *, proven: bool
) -> None:
    """Whoever proves which of its containers we are may speak of another; nobody else."""
    root = _leads_to(engine, home, proven=proven)
    engine.answers["/containers/db/json"] = Answer(body={"Id": OTHER, "Name": "/db"})
    found = observe(Settings(root=root, target="db"), {"HOME": str(home)})
    found.close()
    outcomes = {one.endpoint: one.outcome for one in found.snapshot.tried}
    assert outcomes[engine.url] == ("answers" if proven else "not proven to be this container's")
    assert found.snapshot.identity.id == (OTHER if proven else None)
    assert (found.client is not None) is proven


def test_a_contexts_engine_that_does_not_know_the_target_is_waited_at(
    engine: CannedEngine, home: Path
) -> None:
    """It is ours: the target may come."""
    root = _leads_to(engine, home, proven=True)
    found = observe(Settings(root=root, target="db"), {"HOME": str(home)})
    outcomes = {one.endpoint: one.outcome for one in found.snapshot.tried}
    assert (outcomes[engine.url], found.missing) == ("does not know the target", True)


def _leads_to(engine: CannedEngine, home: Path, *, proven: bool) -> Path:
    """Make the context lead to an engine that knows us, and a root to look at."""
    os.seteuid(0)
    root = lay_container(home / "root")
    Path(engine.url.removeprefix("unix://")).chmod(0o666)
    _context(home, "there", {"Endpoints": {"docker": {"Host": engine.url}}})
    document = recorded("inspect")
    if not proven:
        document |= {"GraphDriver": {"Name": "overlayfs", "Data": None}, "Mounts": []}
    engine.knows(document)
    os.seteuid(65534)
    return root
