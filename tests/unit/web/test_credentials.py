"""Who may ask, as the settings have it."""

from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING

import pytest

from selfinspect.logs import logger
from selfinspect.settings import Settings
from selfinspect.web.credentials import credentials
from tests.support.certificates import Authority, client, handshake

if TYPE_CHECKING:
    from pathlib import Path

    from selfinspect.model import Json
    from selfinspect.web.credentials import Credentials


class Log:
    """A log, and the lines in it."""

    def __init__(self) -> None:
        self._stream = StringIO()
        self.log = logger(self._stream, level="info", form="json", mask=str)

    @property
    def lines(self) -> list[dict[str, Json]]:
        """What was logged."""
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]


@pytest.fixture
def log() -> Log:
    """An empty log."""
    return Log()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of one token, for its owner alone."""
    path = tmp_path / "token"
    path.write_text("s3cret\n")
    path.chmod(0o600)
    return path


def made(log: Log, settings: Settings, token: bytes | None = None) -> Credentials:
    """The credentials of these settings."""
    return credentials(settings.checked(), token, log.log)


def test_by_default_nothing_is_needed(log: Log) -> None:
    """No token, no certificate, and nothing to say about it."""
    assert made(log, Settings()) == (None, None, None)
    assert log.lines == []


def test_each_option_has_its_own_file(log: Log, file: Path, tmp_path: Path) -> None:
    """The API's and the metrics' tokens are distinguished."""
    other = tmp_path / "other"
    other.write_text("scrape")
    other.chmod(0o440)
    got = made(log, Settings(token_file=file, metrics_token_file=other))
    assert got.tokens is not None
    assert got.metrics_tokens is not None
    assert [got.tokens.admit(each) for each in (b"Bearer s3cret", b"Bearer scrape")] == [
        True,
        False,
    ]
    assert got.metrics_tokens.admit(b"Bearer scrape")
    assert log.lines == []


def test_a_file_for_everyone_is_warned_of(log: Log, file: Path) -> None:
    """Not refused: Swarm and Kubernetes mount them so. The token is not in the log."""
    file.chmod(0o444)
    assert made(log, Settings(metrics_token_file=file)).metrics_tokens is not None
    [line] = log.lines
    assert (line["event"], line["level"]) == ("token.exposed", "warning")
    assert (line["option"], line["path"]) == ("--metrics-token-file", str(file))
    assert "s3cret" not in json.dumps(line)


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file or directory"), ("", "empty"), (" \n", "empty")]
)
def test_a_file_without_a_token_is_refused_at_the_start(
    log: Log, file: Path, content: str | None, said: str
) -> None:
    """The message names the option and the file."""
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    for settings in (Settings(token_file=file), Settings(metrics_token_file=file)):
        with pytest.raises(ValueError, match=f"-token-file {file}: .*{said}"):
            made(log, settings)


def test_a_file_that_loses_its_token_is_told_once(log: Log, file: Path) -> None:
    """Nobody is let in by then, and the log says why."""
    got = made(log, Settings(token_file=file)).tokens
    file.unlink()
    assert got is not None
    assert [got.admit(b"Bearer s3cret") for _ in range(3)] == [False] * 3
    [line] = log.lines
    assert (line["event"], line["option"]) == ("token.missing", "--token-file")
    assert (line["path"], line["reason"]) == (str(file), "No such file or directory")


def test_the_token_of_pid_1_opens_the_api(log: Log) -> None:
    """`auto` stands for it, and takes it: `serve` alone has none."""
    got = made(log, Settings(token_file="auto"), b"minted").tokens
    assert got is not None
    assert got.admit(b"Bearer minted")
    assert not got.admit(b"Bearer auto")
    with pytest.raises(ValueError, match=r"--token-file auto: .*`run`"):
        made(log, Settings(token_file="auto"))


def test_the_renewal_of_a_certificate_is_told(log: Log, tmp_path: Path) -> None:
    """And so is one that cannot be used, while the old one still is."""
    authority = Authority(tmp_path / "ca")
    pair = authority.signs("server")
    context = made(log, Settings(tls_cert=pair.cert, tls_key=pair.key)).tls
    assert context is not None
    pair.cert.write_bytes(authority.cert.read_bytes())
    assert handshake(context, client(authority)) == "server"
    authority.signs("server")
    assert handshake(context, client(authority)) == "server"
    assert [line["event"] for line in log.lines] == ["certificate.failed", "certificate.renewed"]
    assert "--tls-key" in str(log.lines[0]["reason"])
