"""What the tree promises of itself, read from its modules."""

from __future__ import annotations

import ast

import pytest

from tests.engine.conftest import ROOT

PACKAGE = ROOT / "selfinspect"
MODULES = sorted(PACKAGE.rglob("*.py"))
IO = {"asyncio", "logging", "os", "requests", "selectors", "socket", "structlog", "subprocess"} | {
    "threading",
    "time",
    "urllib3",
}


def says_pure(source: str) -> bool:
    """Whether a module's docstring has the sentence."""
    return "Pure." in (ast.get_docstring(ast.parse(source)) or "")


PURE = [
    module
    for module in MODULES
    if says_pure(module.read_text()) or says_pure((module.parent / "__init__.py").read_text())
]


@pytest.mark.parametrize("module", PURE, ids=lambda each: str(each.relative_to(PACKAGE)))
def test_a_pure_module_does_no_io(module: object) -> None:
    """It imports nothing that could, not even for a type."""
    imported: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / str(module)).read_text())):
        if isinstance(node, ast.Import):
            imported |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.partition(".")[0])
    assert not imported & IO


def test_most_of_it_is_pure() -> None:
    """A module that begins to do I/O is not just struck off: this number goes down then."""
    assert len(PURE) >= 60


def test_a_newcomer_finds_few_rooms() -> None:
    """Fewer than 170 files; whoever adds one looks first where it belongs."""
    assert len(MODULES) < 170
