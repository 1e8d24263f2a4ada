"""A text that comes line by line."""

from __future__ import annotations

import pytest

from selfinspect.masking import LineMasking, Masking

BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"


def masked(*lines: str, secrets: frozenset[str] = frozenset()) -> list[str]:
    """The lines, one after another."""
    masking = LineMasking(Masking(secrets=secrets))
    return [masking.line(line) for line in lines]


def test_each_line_is_masked_by_itself() -> None:
    """By its shape, and by the secrets it was given."""
    assert masked(
        "GET /?token=abc123def456 200",
        "hello hunter2hunter2",
        "plain",
        secrets=frozenset({"hunter2hunter2"}),
    ) == ["GET /?token=[masked] 200", "hello [masked]", "plain"]


def test_what_is_announced_is_hidden_in_the_next_line() -> None:
    """A generated password stands alone below the line that announces it; sentences stay."""
    assert masked(
        "Please use the following password:",
        "",
        "0f1e2d3c4b5a69788796",
        "Enter password:",
        "welcome back, bob",
        "0f1e2d3c4b5a69788796",
    ) == [
        "Please use the following password:",
        "",
        "[masked]",
        "Enter password:",
        "welcome back, bob",
        "0f1e2d3c4b5a69788796",
    ]


@pytest.mark.parametrize("prefix", ["", "  ", "2026-11-21 INFO app: "])
def test_a_private_key_is_hidden_over_all_its_lines(prefix: str) -> None:
    """What a logger writes before each line stays; so does what comes after the key."""
    lines = masked(
        f"{prefix}-----BEGIN RSA PRIVATE KEY-----",
        f"{prefix}{BODY}",
        f"{prefix}{BODY[:40]}==",
        f"{prefix}-----END RSA PRIVATE KEY-----",
        f"{prefix}{BODY}",
    )
    assert not any(BODY[:40] in line for line in lines[:4])
    assert all("[masked]" in line for line in lines[:3])
    assert lines[4] == f"{prefix}{BODY}"


def test_a_short_last_line_of_a_key_is_hidden_as_well() -> None:
    """Where it is all there is in the line."""
    assert masked("-----BEGIN PRIVATE KEY-----", "dGhl")[1] == "[masked]"
    assert masked("-----BEGIN PRIVATE KEY-----", "not-base64")[1] == "[masked]"


def test_a_key_that_never_ends_hides_no_log_for_ever() -> None:
    """Nor anything in it that is not part of a key."""
    lines = masked("-----BEGIN PRIVATE KEY-----", *["listening on port 80"] * 5, *[BODY] * 200)
    assert lines[1:6] == ["listening on port 80"] * 5
    assert lines[6] == "[masked]"
    assert lines[-1] == BODY


def test_a_key_on_one_line_is_over_with_it() -> None:
    """As where the line breaks are escaped."""
    assert masked(f"-----BEGIN PRIVATE KEY-----\\n{BODY}\\n-----END PRIVATE KEY-----", BODY) == [
        "[masked]",
        BODY,
    ]
