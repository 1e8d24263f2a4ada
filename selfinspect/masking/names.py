"""Which name says that its value is secret, and which value is plainly none all the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    Judge: TypeAlias = "Callable[[str, str], bool]"

# A text without any of these names no secret: most do not, and are passed over quickly.
_STEMS = """
    pass pwd pw psw secret token key auth cred dsn cookie sess sid private salt sig jwt psk otp pin
    pat bearer hmac pepper csrf xsrf sas phrase mnemonic identified
    sudo kinit cryptsetup netrc
""".split()  # noqa: SIM905

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_SECRET = frozenset(
    """
    auth authentication authorization bearer cookie cookies cred credential credentials creds csrf
    dsn hmac jwt key keys mnemonic oauth otp pass passkey password passwords pat pepper phrase pin
    private psk psw pswd pw pwd salt salts sas secret secrets sess session sessions sid sig
    signature token tokens totp xsrf
    """.split()  # noqa: SIM905
)

# Words that people join without a mark between them.
_JOINED = re.compile(
    r"""
      hmac .* | .* (?: password(?!less) | passwd | passphrase | passcode | passwort | credential
           | secret(?!ar) | apikey | jwt ) .*
    | .+ (?: token | dsn | pwd | cookie ) s? | .+ creds
    | .+ (?<!by)(?<!com)(?<!tres)(?<!sur)(?<!over)(?<!under)(?<!im) pass
    | [a-z]{2,8} pw
    | (?: basic | db | digest | docker | ftp | git | http | ldap | mail | master | mqtt | npm
        | proxy | redis | registry | smtp | web | x ) auth
    | (?: access | account | activation | admin | aes | app | application | auth | aws | azure
        | client | consumer | crypt | crypto | data | db | deploy | encrypt | encryption | gpg
        | hmac | host | ingest | ingestion | integration | license | master | pgp | priv | private
        | project | root | rsa | s | security | server | service | session | shared | sign | signing
        | ssh | ssl | storage | tls | token | user | write ) keys?
    | (?: php | j | asp )? sess (?: ion )? id
    """,
    re.VERBOSE,
)

# Words that, after the last secret one, say that the value is about a secret and not the secret.
_ABOUT = frozenset(
    """
    addr address age alg algo algorithm algorithms alias allow allowed audience backend backends
    bits bucket certresolver check checking class cluster column columns converter cost count
    database days db debug deserializer dir directory disable disabled domain domains driver
    drivers email enable enabled encoding endpoint engine entrypoint entrypoints error errors exp
    expiration expire expires expiry file files flow folder format grace group handler hasher
    hashers header headers helper host hostname hosts hours httponly index interval ip iss issuer
    iterations kind label len length level lifetime limit location log logging login manager max
    maxage mechanism mechanisms method methods middleware middlewares min minutes mirror mode mount
    ms name names network optional origin origins path paths period plugin plugins policy port
    ports prefix priority protocol provider providers queue realm region registry repo repository
    require required role roles rotation rounds rule rules samesite schema scheme scope scopes
    seconds secs secure serializer server service size sock socket source store strategy subnet
    suffix table timeout topic ttl type types upstream upstreams uri url urls user username
    validation verify version versions vhost zone
    """.split()  # noqa: SIM905
)
_COUNTING = frozenset("count length limit max min num number per size total".split())  # noqa: SIM905

_WORDLESS = frozenset(
    """
    true false yes no on off none null nil enabled disabled required optional default auto always
    never ok success successful succeeded failed failure valid invalid expired missing denied
    granted accepted rejected unknown [] {}
    """.split()  # noqa: SIM905
)
_SMALL = re.compile(r"-?\d{1,2}")
_SHORTEST_NUMBER = 6
_NUMBER = re.compile(r"-?\d{1,12}(?:\.\d{1,6})? ?[A-Za-z%]{0,7}")
_PATH = re.compile(
    r"(?:(?:file:/{2,3}|unix:(?:path=)?)?/(?:app|bin|certs?|config|data|dev|etc|home|keys?|lib|mnt|opt|proc|root|run"
    r"|sbin|secrets?|srv|ssl|sys|tmp|usr|var|vault|workspace)|\.{1,2}|~)(?:/[\w.@+-]{1,64})+/?"
    r"|[\w.@-]{1,64}/[\w.@/-]{1,128}\.(?:cer|conf|crt|jks|json|key|p12|pem|pfx|pub|toml|txt|ya?ml)"
)
# Words, hosts, URLs, paths and rules; letters behind digits look random, and are not plain.
_PIECES = r"[A-Za-z]{0,24}\d{0,5}(?>(?:[-_.,/*`()&|?=@ ][A-Za-z]{0,24}\d{0,5})*)"
_PLAIN = re.compile(rf"{_PIECES}(?>(?::(?://|\d{{1,5}}(?![A-Za-z0-9])){_PIECES})*):?")
# What a shell or a template puts in only later.
_REFERENCE = re.compile(
    r"\${1,2}(?:[A-Z_][A-Z0-9_]{2,}|\{[A-Za-z_]\w*\}|\(cat\b.*|\(<.*)?|\{\{.*", re.DOTALL
)
# What follows `the password` in a sentence about it.
_PROSE = re.compile(r"[A-Za-z]+(?:[-_'./,][A-Za-z]+)*|[\d.,:/%-]+[A-Za-z]{0,3}")
# Names that say nothing and carry a secret all the same.
_TELLING = re.compile(
    r"""
      BUNDLE_\w+__(?:COM|DEV|IO|NET|ORG) | OTEL_EXPORTER_OTLP_(?:\w+_)?HEADERS | PLEX_CLAIM
    | (?:\w+[_-])?SNMP_?(?:\w+_)?COMMUNITY
    | (?:\w+_)?(?:ENCRYPTION|HD|MFA|OTP|RECOVERY|TOTP|WALLET)_SEED
    """,
    re.VERBOSE | re.IGNORECASE,
)
# `bob:hunter2`, and what stands behind that for an SFTP server; `node:node` is a user and a group.
_ACCOUNTS = frozenset("account accounts login user users".split())  # noqa: SIM905
_ACCOUNT = re.compile(r"[\w.@-]{1,64}:(?=[^:\s]*\d)(?=[^:\s]*[A-Za-z])[^:\s/]{6,256}(?:[:;,\s].*)?")
# Public keys, by their types, RFC 4253, and OpenPGP's fingerprints.
_PUBLIC_KEY = re.compile(
    r"(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-\w+|sk-(?:ssh|ecdsa)-[\w@.-]+)(?: AAAA.*)?", re.DOTALL
)
_FINGERPRINTS = re.compile(r"(?:(?:0x)?(?:[0-9A-F]{40}|[0-9A-F]{16})\s*)+")
_DATA = frozenset("cache foreign lookup partition primary routing row sort unique".split())  # noqa: SIM905


def words(name: str) -> list[str]:
    """The lower-case words of a name in snake, kebab, dotted, camel or screaming case."""
    return [word.lower() for word in _WORD.findall(name)]


def hints_at_secret(text: str) -> bool:
    """Whether there may be the name of a secret in a text."""
    lowered = text.lower()
    return any(stem in lowered for stem in _STEMS)


def is_reference(value: str) -> bool:
    """Whether the value is a place-holder that a shell or a template fills in later."""
    return _REFERENCE.fullmatch(value) is not None


def is_plain(value: str) -> bool:
    """Whether a value is made of words, numbers, hosts and paths, and does not look random."""
    return _PLAIN.fullmatch(value) is not None


def is_prose(value: str) -> bool:
    """Whether a value is a mere word, a number, a date or a path."""
    return any(pattern.fullmatch(value) for pattern in (_PROSE, _PATH))


def is_secret_word(word: str) -> bool:
    """Whether one lower-case word means a secret, alone or as people join it (`dbpass`)."""
    return word in _SECRET or _JOINED.fullmatch(word) is not None


def is_secret(name: str, value: str) -> bool:
    """Whether the name says that its value is secret, and the value does not plainly deny it.

    A switch, a number of one or two digits, a path below a well-known folder and one to a file
    of a well-known kind are no secret under any name. Other numbers, words, hosts and URLs are none
    under a name that goes on after its secret word to say what it is about, `TOKEN_TTL`.
    """
    value = value.strip()
    if not value or value.lower() in _WORDLESS:
        return False
    if _TELLING.fullmatch(name):
        return True
    parts = words(name)
    marked = [index for index, word in enumerate(parts) if _means_secret(parts, index, word)]
    if not marked:
        return not _ACCOUNTS.isdisjoint(parts[-1:]) and _ACCOUNT.fullmatch(value) is not None
    return not (
        (name in {"PWD", "OLDPWD"} and value.startswith("/"))  # the shell's; ODBC's is a password
        or any(pattern.fullmatch(value) for pattern in (_SMALL, _PATH, _PUBLIC_KEY))
        or _is_count(parts, parts[marked[-1]], value)
        or _is_no_key(parts[: marked[-1]], parts[marked[-1]], value)
        or (
            not _ABOUT.isdisjoint(parts[marked[-1] + 1 :])
            and (_NUMBER.fullmatch(value) is not None or is_plain(value))
        )
    )


def _is_count(parts: list[str], last: str, value: str) -> bool:
    if last == "tokens" and len(value) < _SHORTEST_NUMBER and value.isdigit():
        return True
    return _NUMBER.fullmatch(value) is not None and not _COUNTING.isdisjoint(parts)


def _means_secret(parts: list[str], index: int, word: str) -> bool:
    if word in {"key", "keys"} and index and parts[index - 1] in {"authorized", "public", "pub"}:
        return False
    return is_secret_word(word)


def _is_no_key(before: list[str], word: str, value: str) -> bool:
    """Whether the value is the fingerprint of a public key, or the name of what finds data."""
    if word not in {"key", "keys"}:
        return False
    if word == "keys" or not {"gpg", "pgp"}.isdisjoint(before):
        return _FINGERPRINTS.fullmatch(value) is not None
    return not _DATA.isdisjoint(before[-1:]) and is_plain(value)
