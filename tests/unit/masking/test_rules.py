"""Each rule by itself: what it must hide, and what it must leave."""

from __future__ import annotations

import re
import shlex
import tomllib
from itertools import chain
from pathlib import Path

import pytest

from selfinspect.masking import Masking
from selfinspect.masking.names import is_secret
from selfinspect.masking.rules import Rule, taken
from selfinspect.masking.rules.programs import PROGRAMS
from selfinspect.masking.rules.settings import NAMES, NameRule
from selfinspect.masking.texts import IN_SETTINGS, TEXTS

SETTINGS = tuple(rule for _, rules in IN_SETTINGS for rule in rules)
ROWS = (*(rule for _, rules in TEXTS for rule in rules), *SETTINGS, *PROGRAMS)
SAMPLES: dict[str, dict[str, dict[str, list[str]]]] = tomllib.loads(
    (Path(__file__).parent / "samples.toml").read_text()
)
SECRET = re.compile("«(.*?)»", re.DOTALL)


def where(rule: Rule) -> str:
    """Where a row is looked for: its samples stand under that."""
    return "setting" if rule in SETTINGS else "command" if rule in PROGRAMS else "text"


def named(value: Rule | str) -> str:
    """The row's name, for a test's report; its sample has none."""
    return f"{where(value)}.{value.name}" if isinstance(value, Rule) else ""


def sampled(kind: str) -> list[tuple[Rule, str]]:
    """Each row with each of its samples."""
    return [(rule, sample) for rule in ROWS for sample in SAMPLES[where(rule)][rule.name][kind]]


def hidden(rule: Rule, text: str) -> str:
    """The text with what this row alone finds in it taken out."""
    if where(rule) == "command":
        words = shlex.split(text)
        text = "\0".join(words)
        starts = [0, *(at + 1 for at, letter in enumerate(text) if letter == "\0")]
        matches = (re.compile(rule.pattern).match(text, at) for at in starts)
        found = [match.span(group) for match in matches if match for group in range(1, 9)
                 if group <= match.re.groups and match.start(group) >= 0]  # fmt: skip
    else:
        lowered = text.lower()
        hinted = any(hint in lowered for hint in rule.hint)
        spans = map(taken, re.finditer(rule.pattern, text) if hinted else ())
        found = [*chain.from_iterable(spans)]
    for start, end in sorted(found, reverse=True):
        text = text[:start] + text[end:]
    return text


def masked(rule: Rule, text: str) -> str:
    """The text as the agent shows it, where this row applies."""
    if where(rule) == "command":
        return shlex.join(Masking().arguments(shlex.split(text)))
    if where(rule) == "setting":
        name, _, value = text.partition("=")
        return Masking().value(name, value)
    return Masking().text(text)


def test_every_row_has_samples_and_every_sample_a_row() -> None:
    """A row without a sample may hide nothing; names are unique where they apply."""
    rows = [(where(rule), rule.name) for rule in ROWS]
    assert len(rows) == len(set(rows))
    assert {(kind, name) for kind, rules in SAMPLES.items() for name in rules} == set(rows)
    samples = [rule for rules in SAMPLES.values() for rule in rules.values()]
    assert all(rule["hide"] and rule["leave"] for rule in samples)


@pytest.mark.parametrize(("rule", "sample"), sampled("hide"), ids=named)
def test_a_row_hides_its_samples(rule: Rule, sample: str) -> None:
    """The row by itself finds what is marked in the sample, and so it is masked."""
    text = SECRET.sub(r"\1", sample)
    for secret in SECRET.findall(sample):
        assert secret not in hidden(rule, text)
        assert secret not in masked(rule, text)


@pytest.mark.parametrize(("rule", "sample"), sampled("leave"), ids=named)
def test_a_row_leaves_what_only_looks_alike(rule: Rule, sample: str) -> None:
    """The row finds nothing in it, and nor does any other."""
    text = "\0".join(shlex.split(sample)) if where(rule) == "command" else sample
    assert hidden(rule, sample) == text
    assert "[masked]" not in masked(rule, sample)


@pytest.mark.parametrize("rule", ROWS, ids=named)
def test_a_row_can_be_read(rule: Rule) -> None:
    """Its hints are in small letters, as texts are when they are looked for."""
    assert rule.hint
    assert all(hint == hint.lower() for hint in rule.hint)


@pytest.mark.parametrize(
    ("needs", "rule"),
    [(needs, rule) for needs, rules in (*TEXTS, *IN_SETTINGS) for rule in rules],
    ids=lambda value: value.name if isinstance(value, Rule) else "",
)
def test_what_a_group_needs_stands_in_what_its_rows_hide(needs: str, rule: Rule) -> None:
    """The test before all hints of a group passes over none of the samples."""
    for sample in SAMPLES[where(rule)][rule.name]["hide"]:
        assert re.search(needs, SECRET.sub(r"\1", sample))


@pytest.mark.parametrize(
    ("language", "word"),
    [(rule, word) for rule in NAMES for word in (rule.words + " " + rule.keys).split()],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_word_of_each_language_makes_a_name_secret(language: NameRule, word: str) -> None:
    """Alone, behind what the secret is of, and in the cases in which names are written."""
    for name in (word.upper(), f"DB_{word}", f"shop.{word.replace('_', '-')}"):
        assert is_secret(name, "corr3ct-horse"), language.name


@pytest.mark.parametrize("language", NAMES, ids=lambda language: language.name)
def test_each_word_is_found_in_a_text(language: NameRule) -> None:
    """The quick look whether a text may name a secret passes over none of them."""
    for word in f"{language.words} {language.keys}".split():
        text = f"log: db_{word}: corr3ct-horse9"
        assert Masking().text(text) == f"log: db_{word}: [masked]"


@pytest.mark.parametrize("language", NAMES, ids=lambda language: language.name)
def test_what_a_key_is_of_may_make_it_no_secret(language: NameRule) -> None:
    """A key by which data is sorted, and a public one; the word comes behind the key."""
    for key in language.keys.split():
        for about in language.about.split():
            assert not is_secret(f"{key}_{about}", "created-at")


@pytest.mark.parametrize(
    "name", ["DB_CONTRASEÑA", "hasło", "clé_secrète", "Schlüssel", "mot-de-passe", "dbSenha"]
)
def test_accents_and_case_make_no_difference(name: str) -> None:
    """Names are written as their language is."""
    assert is_secret(name, "corr3ct-horse")


@pytest.mark.parametrize(
    "name",
    ["CLAVEL", "CHIAVENNA", "CLEMENT", "GEHEIMRAT_BUS", "HASLOP", "SENHOR", "ENCLAVE", "MONKEY",
     "COMPASS", "TOKENIZER", "KEYBOARD", "BYPASS", "AUTHOR", "HOTKEY", "SECRETARY"],
)  # fmt: skip
def test_a_word_that_only_begins_alike_is_no_secret(name: str) -> None:
    """Whole words count, not parts of them."""
    assert not is_secret(name, "corr3ct-horse")
