"""More secrets than a regular expression holds: every one of them is found again."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfinspect.jsonread import mapping
from selfinspect.masking import MASK, Masking
from selfinspect.masking.learnt import Fingerprints, portions

if TYPE_CHECKING:
    from selfinspect.model import Json

COUNT = 5000
SECRETS = [f"s3cret-{number:06d}-of-{number * 7919 % 1_000_003:06d}" for number in range(COUNT)]
ENV: list[Json] = [f"TOKEN_{number}={secret}" for number, secret in enumerate(SECRETS)]


@pytest.fixture(scope="module")
def masking() -> Masking:
    """What is learnt of a container with thousands of secrets."""
    return Masking().learn({"Config": {"Env": ENV}})


@pytest.mark.parametrize("number", [0, 1, COUNT // 2, COUNT - 1])
@pytest.mark.parametrize(
    "dress", [str, str.upper, lambda secret: b64encode(secret.encode()).decode(), "say '{}'".format]
)
def test_each_is_found_in_any_dress(masking: Masking, number: int, dress: object) -> None:
    """As it is, in capitals, in base64, in a sentence; however many came before."""
    assert callable(dress)
    secret = SECRETS[number]
    masked = masking.text(f"it prints {dress(secret)} and goes on")
    assert secret.lower()[16:] not in masked.lower()
    assert MASK in masked
    assert masked.startswith("it prints ")
    assert masked.endswith(" and goes on")


def test_what_is_no_secret_stays(masking: Masking) -> None:
    """An ordinary line is as it was."""
    line = "GET /index.html 200 in 3 ms, s3cret handshake ok"
    assert masking.text(line) == line


def test_those_that_reveal_opens_stay_hidden_to_others() -> None:
    """However many they are: readable here, and not on the metrics listener."""
    masking = Masking(reveal=("TOKEN_*",)).learn({"Config": {"Env": ENV}})
    assert masking.text(SECRETS[-1]) == SECRETS[-1]
    assert SECRETS[-1] not in masking.unrevealed().text(f"x {SECRETS[-1]}")


def test_a_second_document_adds_to_the_first(masking: Masking) -> None:
    """What an image says is learnt besides, and the first is as it was."""
    more = masking.learn({"Config": {"Env": [f"{entry}-img" for entry in ENV]}})
    assert MASK in more.text(f"x {SECRETS[-1]}-img")
    assert MASK in more.text(SECRETS[0])


def test_a_short_word_is_found_where_it_stands_alone() -> None:
    """Inside another word it is part of that."""
    many = Fingerprints()
    many.add("walnut")
    assert [*many.found("a walnut, walnuts")] == [(2, 8)]


@given(st.lists(st.text("abcXYZ019-_/ é", min_size=6, max_size=40), min_size=1, max_size=30))
def test_whatever_was_added_is_found(secrets: list[str]) -> None:
    """From its first character on, unless it is a word that stands inside another."""
    many = Fingerprints()
    for secret in secrets:
        many.add(secret)
    for secret in secrets:
        spans = [*many.found(f"<{secret}>")]
        assert spans
        assert spans[0][0] == 1


_JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=5), inner, max_size=8)
    ),
)


@given(_JSON, st.integers(1, 3000))
def test_the_parts_of_a_document_say_all_of_it(inner: object, count: int) -> None:
    """Each entry is in one of them, in its place, with its neighbours before it."""
    words = [str(number) for number in range(count)]
    document = {"Path": "x", "Config": {"Env": words, "Odd": inner}, "Labels": dict.fromkeys(words)}
    seen: set[str] = set()
    labels: set[str] = set()
    for part in portions(document):  # type: ignore[arg-type]
        assert isinstance(part, dict)
        config = part.get("Config") or {}
        assert isinstance(config, dict)
        env = config.get("Env", [])
        assert isinstance(env, list)
        assert [int(str(one)) + 1 for one in env[:-1]] == [int(str(one)) for one in env[1:]]
        seen.update(map(str, env))
        labels.update(mapping(part, "Labels"))
    assert seen == labels == set(words)


def test_a_long_text_comes_in_pieces_that_overlap() -> None:
    """What stands at a cut is whole in one of them."""
    text = "".join(f"{number:07d}," for number in range(50_000))
    pieces = [str(piece) for piece in portions(text)]
    assert all(len(piece) <= 65_536 for piece in pieces)
    assert all(any(f"{number:07d}," in piece for piece in pieces) for number in range(0, 50_000, 7))
