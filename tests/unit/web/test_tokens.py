"""Bearer tokens and the files they stand in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from selfinspect.web.credentials import Tokens, is_exposed, read_tokens

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of one token."""
    path = tmp_path / "token"
    path.write_text("s3cret\n")
    return path


@pytest.fixture
def said() -> list[str]:
    """The failures reported."""
    return []


@pytest.fixture
def tokens(file: Path, said: list[str]) -> Tokens:
    """The tokens of that file."""
    return Tokens(lambda: read_tokens(file), said.append)


@pytest.mark.parametrize("header", [b"Bearer s3cret", b"bearer s3cret", b"BEARER  s3cret "])
def test_the_token_lets_in(tokens: Tokens, header: bytes) -> None:
    """The scheme's name is of any case; the white space of the file is none of the token's."""
    assert tokens.admit(header)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer wrong",
        b"Bearer s3cre",
        b"Bearer s3cret2",
        b"Bearer S3CRET",
        b"Bearer s3cret,s3cret",
        b"Basic s3cret",
        b"Digest s3cret",
        b"Basic czNjcmV0",
        b"s3cret",
        b"Bearer\xff",
    ],
)
def test_nothing_else_does(tokens: Tokens, header: bytes) -> None:
    """A wrong, missing or empty token, or another scheme."""
    assert not tokens.admit(header)


def test_any_of_several_lets_in(tokens: Tokens, file: Path) -> None:
    """One a line, so that a token can be changed without a moment in which neither holds."""
    file.write_bytes(b"\nold\r\n  new\t\n\xc3\xa9\n")
    assert [tokens.admit(b"Bearer " + each) for each in (b"old", b"new", b"\xc3\xa9")] == [True] * 3
    assert not tokens.admit(b"Bearer s3cret")
    assert not tokens.admit(b"Bearer old new")


def test_a_change_holds_from_the_next_request_on(tokens: Tokens, file: Path) -> None:
    """However soon it comes, and whatever it is changed by."""
    for number in range(3):
        file.write_text(f"token{number}")
        assert tokens.admit(b"Bearer token%d" % number)
    (file.parent / "next").write_text("swapped")
    (file.parent / "next").replace(file)
    assert tokens.admit(b"Bearer swapped")


@pytest.mark.parametrize("spoil", ["empty", "blank", "gone", "folder", "fifo", "endless", "huge"])
def test_a_file_without_a_token_lets_nobody_in(
    tokens: Tokens, file: Path, said: list[str], spoil: str
) -> None:
    """It is said once for as long as it lasts; with a token in it again, that one lets in."""
    file.unlink()
    match spoil:
        case "empty":
            file.touch()
        case "blank":
            file.write_text(" \n\n")
        case "folder":
            file.mkdir()
        case "fifo":
            os.mkfifo(file)
        case "endless":
            file.symlink_to("/dev/zero")
        case "huge":
            file.write_bytes(b"s3cret\n" * (1 << 20))
    for header in (b"", b"Bearer ", b"Bearer s3cret"):
        assert not tokens.admit(header)
    assert len(said) == 1
    if file.is_dir():
        file.rmdir()
    file.unlink(missing_ok=True)
    file.write_text("s3cret")
    assert tokens.admit(b"Bearer s3cret")
    file.write_text("")
    assert not tokens.admit(b"Bearer s3cret")
    assert len(said) == 2


@pytest.mark.parametrize(("mode", "exposed"), [(0o600, False), (0o640, False), (0o644, True)])
def test_a_file_that_everyone_may_read_is_known(file: Path, mode: int, exposed: bool) -> None:  # noqa: FBT001
    """Owner and group are no one else."""
    file.chmod(mode)
    assert is_exposed(file) is exposed
