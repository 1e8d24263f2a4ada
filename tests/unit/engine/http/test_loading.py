"""How requests and urllib3 are loaded: lighter than they load themselves, and the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from selfinspect.engine.http import Pattern

URLS = (
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/v1.41/info",
    "http://[fe80::1%25eth0]:2375/_ping?a=%7e&b=%zz#c",
    "https://user:pass@[::ffff:10.0.0.1]:2376",
    "http://engine.example:02375/a/../b c",
    "http://10.0.0.1:65536",
    "http://[::g]",
    "HTTP://ENGINE",
    "//x",
)
"""One for each of the patterns that urllib3 reads a URL with."""

PARSED = """
import sys, json
if sys.argv[1] == "lightly":
    import selfinspect.engine.http
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url
def parsed(url):
    try:
        return str(parse_url(url))
    except LocationParseError as error:
        return str(error)
print(json.dumps([parsed(url) for url in sys.argv[2:]]))
"""


def in_a_fresh_interpreter(program: str, *arguments: str) -> object:
    command = [sys.executable, "-c", program, *arguments]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def test_a_url_is_read_alike() -> None:
    """Patterns that are compiled when they are first used match what they always did."""
    usual = in_a_fresh_interpreter(PARSED, "as usual", *URLS)
    assert in_a_fresh_interpreter(PARSED, "lightly", *URLS) == usual


LOADED = """
import sys, json, re
usual = re.compile
import selfinspect.engine.http
from selfinspect.engine.http import Pattern
left = "importlib.metadata" in sys.modules
import importlib.metadata, urllib3.http2, requests
def late(module):
    return {id(value) for value in vars(module).values() if isinstance(value, Pattern)}
of_urls = late(urllib3.util.url)
others = [name for name, module in list(sys.modules.items()) if late(module) - of_urls]
print(json.dumps({
    "compiles": re.compile is usual,
    "left": left,
    "version": urllib3.http2.version("requests") == requests.__version__,
    "of URLs": len(of_urls),
    "others": others,
}))
"""


def test_nothing_else_is_loaded_differently() -> None:
    """The stand-ins are gone once urllib3 is loaded; what it took of them still works.

    The patterns of every other module are compiled: they may be given to `re.sub` and the like.
    """
    found = in_a_fresh_interpreter(LOADED)
    assert isinstance(found, dict)
    assert found.pop("of URLs") > 10
    assert found == {"compiles": True, "left": False, "version": True, "others": []}


def test_a_pattern_is_compiled_once() -> None:
    """A method of it is the compiled pattern's own, with its flags."""
    pattern = Pattern(r"a\.b", re.IGNORECASE)
    assert pattern.fullmatch("A.B")
    assert pattern.fullmatch is pattern.fullmatch
    assert pattern.sub("c", "a.b") == "c"
    with pytest.raises(AttributeError):
        _ = pattern.unknown
