"""What masking takes for texts that are made to be slow.

Read it for this: each of the slowest stays under a second a MiB, and four times the text takes four
times the time.
"""

from __future__ import annotations

import json
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from selfinspect.masking import Masking
from tests.benchmarks.figures import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parents[1]
MIB = 1 << 20
SHORT = (1 << 16) + 1
"""Enough to tell; of the slowest the whole MiB is measured."""

# What patterns are tried at again and again, or scan far from.
HOSTILE = [
    "a", "A", "A1-", " ", "_", "+", "&", "(", "\\", '"', "'", "`", "$", "\n", "\x1b[0m", "%25",
    "%41", "&amp;", "\\u0041", '\\"', '"\\', "a+%41", "%//:", "://a:", "a:b@", "a@", "a/b@//",
    "x:y,", "a:*:", "a,b:", ":A", "key=", "key: ", "key=[", "key='", 'key="\\', "key:\n",
    "key: |\n a", "key:\n - a", "key_a=b,", "name key,value", "name: key, value: ", "<key>",
    "&lt;key&gt;", "authorization: a a=", "Bearer a", "password is ", "password\t", "token ",
    "login a password ", "AUTH ", "auth(", "define('key',", "echo a | ", "echo a|",
    "echo a > token ", "printf ", "chpasswd <", "sed s/a/b/ ", "s/key", "-p ", "-p x ", "-u a:",
    "--user ", "--a=b:c ", "mysql ", "mysql -p x ", "curl -u a:b ", "redis-cli -a ",
    "mc alias set a b ", "vault a=", "bash -c '", "a | b ; ", "ENV key=", "ENV a=b ", "|1 a=b ",
    "#(nop) ", "https://a/hooks/", "https://a/", "discord://", "npm_", "ghp_aaaaaaaaaaaaaa",
    "eyJa.", "-eyJaaaaaaa", "-----BEGIN PRIVATE KEY-----", "aGVsbG8g", "YWFhYWFhYWFhYWFhYWFh ",
    "dXNlcjogYQpwYXNzd29yZDogYjY0WQ== ", "[masked]", "zoo ", "1.1.1.1:80:", "bob:a1b2c3,",
]  # fmt: skip


def samples() -> list[str]:
    """A line of each sample that the tests have."""
    lines = [*HOSTILE]
    for name in ("hide", "leave"):
        for case in json.loads((TESTS / "fixtures" / "masking" / f"{name}.json").read_text()):
            given = case["given"]
            mark = "=" if case["where"] in {"env", "label"} else " "
            lines.append((given if isinstance(given, str) else mark.join(given)) + "\n")
    rows = tomllib.loads((TESTS / "unit" / "masking" / "samples.toml").read_text())
    lines += [
        sample.replace("«", "").replace("»", "") + "\n"
        for rules in rows.values()
        for rule in rules.values()
        for sample in (*rule["hide"], *rule["leave"])
    ]
    return lines


def seconds(line: str, size: int) -> float:
    """CPU time of masking this line, repeated to a text of so many characters."""
    masking = Masking(secrets=frozenset({"hunter2-secret", "postgres"}))
    text = (line * (size // len(line) + 1))[:size]
    begun = time.process_time()
    masking.text(text)
    return time.process_time() - begun


def measured() -> Iterator[Row]:
    """A MiB of each of the slowest ten, and the three that grow most with their length."""
    slowest = sorted(samples(), key=lambda line: seconds(line, SHORT), reverse=True)[:10]
    for line in slowest:
        taken = (seconds(line, MIB), seconds(line, MIB))
        yield Row("masking, CPU a MiB", repr(line), "s", taken)
    grown = {line: seconds(line, MIB) / max(seconds(line, MIB // 4), 0.01) for line in HOSTILE}
    for line in sorted(grown, key=lambda line: grown[line], reverse=True)[:3]:
        yield Row("masking, CPU for four times the text", repr(line), "times", (grown[line],))
