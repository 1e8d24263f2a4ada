"""Which names say that their value is secret, and which values plainly are none all the same."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from selfinspect.masking.rules.settings import ABOUT, METHODS, NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

# What parts a name from its value, in whatever dress.
_MARK = re.compile(r"[\s=:\uff1a<%\\]")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\dA-Za-z_]+")
_ACCENTS = str.maketrans(
    "áàâãäåçéèêëíìîïñóòôõöøúùûüýłńśźżćęąÁÀÂÃÄÅÇÉÈÊËÍÌÎÏÑÓÒÔÕÖØÚÙÛÜÝŁŃŚŹŻĆĘĄßşŞıİðÐčČšŠžŽřŘ",
    "aaaaaaceeeeiiiinoooooouuuuylnszzceaAAAAAACEEEEIIIINOOOOOOUUUUYLNSZZCEAssSiIdDcCsSzZrR",
)

_KEYS = frozenset(" ".join(language.keys for language in NAMES).split())
_SECRET = _KEYS.union(*(language.words.split() for language in NAMES))
_PHRASES = tuple(tuple(phrase.split("_")) for phrase in sorted(_SECRET) if "_" in phrase)
_ALL_ABOUT = frozenset(ABOUT.split()).union(*(language.about.split() for language in NAMES))
# Where the owner stands behind: `SENHA_DB` is the database's password.
_ABOUT = _ALL_ABOUT - frozenset({"database", "db", "master", "server", "service", "user", "users"})
_BEFORE_OWNER = frozenset(" ".join(language.words for language in NAMES[1:]).split())
_METHODS = frozenset(METHODS.split())


def _stems() -> tuple[str, ...]:
    """One of these is in every name of a secret: most texts have none, and are passed quickly."""
    stems: list[str] = []
    for word in sorted((word.partition("_")[0] for word in _SECRET), key=len):
        if not any(stem in word for stem in stems):
            stems.append(word)
    return tuple(stems)


_STEMS = _stems()
_ASCII_STEMS = tuple(filter(str.isascii, _STEMS))

# Words that people join without a mark between them.
_JOINED = re.compile(
    r"""
      hmac .* | .* (?: password(?!less) | passwd | passphrase | passcode | passwort | credential
           | kennwort | contrasen | senha | motdepasse | wachtwoord
           | secret(?!ar) | apikey | jwt ) .*
    | .* (?: 密码 | 密碼 | 口令 | 密钥 | パスワード | 비밀번호 )
    | .+ (?: token | dsn | pwd | cookie ) s? | .+ (?: creds | haslo | parola | segreto )
    | .+ (?<!by)(?<!com)(?<!tres)(?<!sur)(?<!over)(?<!under)(?<!im)(?<!low)(?<!high)(?<!band)
         (?<!multi)(?<!single) pass
    | [a-z]{2,8} (?: pw | psw | mdp )
    | (?: eap | ike | ipsec | tls | vpn | wifi | wpa ) psk
    | (?: admin | api | basic | db | digest | docker | ftp | git | http | kafka | ldap | mail
        | master | mongo | mqtt | npm | proxy | rabbit | redis | registry | relay | rpc | sasl
        | service | smtp | user | web | x ) auth
    | (?: access | account | activation | admin | aes | app | application | auth | aws | azure |
        bot | client | consumer | cookie | crypt | crypto | data | db | deploy | enc | encrypt |
        encryption | gpg | hash | hmac | hook | host | ingest | ingestion | integration | jwt |
        license | mail | master | node | pgp | priv | private | project | push | root | rsa | s |
        secret | security | server | service | session | shared | sign | signing | ssh | ssl |
        storage | stream | tls | token | user | vpn | wallet | web | webhook | wg | wifi | write )
        keys?
    | (?: php | j | asp )? sess (?: ion )? id
    """,
    re.VERBOSE,
)

_CLIENTS = {("client", "id"), ("app", "id"), ("tenant", "id")}
_CERTIFICATES = {("cert", "hash"), ("certificate", "hash")}
_PUBLIC = frozenset({"fingerprint", "fingerprints", "policy", "regex", "regexp", "thumbprint"})
_OF_KEYS = frozenset({"encryption", "gpg", "kms", "master", "pgp", "signing"})
_COUNTING = frozenset("count length limit max min num number per size total".split())  # noqa: SIM905

_WORDLESS = frozenset(
    """
    true false yes no on off none null nil enabled disabled required optional default auto always
    never ok success successful succeeded failed failure valid invalid expired missing denied
    granted accepted rejected unknown rotated refreshed revoked loaded unset [] {}
    """.split()  # noqa: SIM905
)
_SMALL = re.compile(r"-?\d{1,2}")
_SHORT = 4
_SHORTEST_NUMBER = 6
_NUMBER = re.compile(r"-?\d{1,12}(?:\.\d{1,6})? ?[A-Za-z%]{0,7}")
_PATH = re.compile(
    r"(?:(?:file:/{2,3}|unix:(?:path=)?)?/(?:app|bin|certs?|config|data|dev|etc|home|keys?|lib|mnt|opt|proc|root|run"
    r"|sbin|secrets?|srv|ssl|sys|tmp|usr|var|vault|workspace)|\.{1,2}|~)(?:/[\w.@+-]{1,64})+/?"
    r"|[\w.@-]{0,64}/[\w.@/-]{1,128}\.(?:cer|conf|crt|jks|json|key|p12|pem|pfx|pub|toml|txt|ya?ml)"
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
# Public keys, by their types, RFC 4253, and OpenPGP's fingerprints.
_PUBLIC_KEY = re.compile(
    r"(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-\w+|sk-(?:ssh|ecdsa)-[\w@.-]+)(?: AAAA.*)?", re.DOTALL
)
_ALGORITHM = re.compile(
    r"(?:aes|argon|bcrypt|blake|chacha|ecd(?:sa|h)|eddsa|hmac|md|pbkdf|scram|scrypt|sha)[\w/-]{0,24}"
    r"|(?:ec|ed|es|hs|p|ps|rs|x)-?\d{1,5}k?(?:-[a-z]{1,12})?|s3v\d",
    re.IGNORECASE,
)
_VERSION = re.compile(r"v\d{1,2}")
# A URL without a user, and with no more in its query than how to connect.
_ADDRESS = re.compile(
    r"(?:[a-z][a-z0-9+]{1,24}://|(?:file|sqlite3?):)[\w.,:-]*(?:/[\w./-]*)?(?:\?(?:ssl\w{0,8}|cache|charset|mode|parseTime|tls)=\w{1,16})?"
)
_FINGERPRINTS = re.compile(r"(?:(?:0x)?(?:[0-9A-F]{40}|[0-9A-F]{16})\s*)+")
# What a cloud calls a thing that it keeps: its place, and not what is in it.
_RESOURCE = re.compile(
    r"arn:aws[\w-]{0,8}:[\w-]{1,32}:[\w-]{0,32}:\d{0,12}:[\w:/.*+=@-]{1,256}"
    r"|projects/[\w-]{1,64}/(?:locations|secrets|serviceAccounts)/[\w./@-]{1,256}"
    r"|/subscriptions/[0-9a-f-]{36}/[\w./-]{1,256}"
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# An account at Twilio; a rule of Snort's; a database of Oracle's.
_NO_SESSION = re.compile(r"AC[0-9a-f]{32}|\d{1,7}|[A-Z]{2,8}")
# What finds data in a cache, `user:42:profile`.
_DATUM = re.compile(
    r"[a-z]{1,24}(?::(?:[a-z]{1,24}|\d{1,10}|v\d|\*)){1,6}:?|(?:\$[a-z_]{3,24}){1,8}"
)
_DATA = frozenset(
    """
    cache display distribution foreign lookup object partition primary range routing row shard sort
    supported unique
    """.split()  # noqa: SIM905
)


class _Name(NamedTuple):
    """What a name says by itself.

    Attributes:
        word: the last one that means a secret; empty where none does.
        before: those before it.
        about: whether it goes on to say what about the secret its value is.
        counts: whether it says that its value is a number of something.
        names_key: whether it says which key of those that sign or encrypt is meant.
        is_public: whether it names who a client is, a key's fingerprint, or a rule.
    """

    word: str
    before: tuple[str, ...] = ()
    about: bool = False
    counts: bool = False
    is_public: bool = False
    names_key: bool = False


@lru_cache(maxsize=128)
def words(name: str) -> tuple[str, ...]:
    """The lower-case words of a name in snake, kebab, dotted, camel or screaming case."""
    plain = name if name.isascii() else name.translate(_ACCENTS)
    return tuple(word.lower() for word in _WORD.findall(plain))


def hints_at_secret(lowered: str) -> bool:
    """Whether there may be the name of a secret in a text of small letters."""
    if not _MARK.search(lowered):
        return False
    plain = lowered if lowered.isascii() else lowered.translate(_ACCENTS)
    stems = _ASCII_STEMS if plain.isascii() else _STEMS
    return bool([stem for stem in stems if stem in plain])  # faster than any()


def is_reference(value: str) -> bool:
    """Whether the value is a place-holder that a shell or a template fills in later."""
    return value[:1] in {"$", "{"} and _REFERENCE.fullmatch(value) is not None


def is_plain(value: str) -> bool:
    """Whether a value is made of words, numbers, hosts and paths, and does not look random."""
    return _PLAIN.fullmatch(value) is not None


def is_datum(value: str) -> bool:
    """Whether a value may be the name of data: a plain one, or `user:42:profile` in a cache."""
    return is_plain(value) or _DATUM.fullmatch(value) is not None


def is_prose(value: str) -> bool:
    """Whether a value is a mere word, a number, a date or a path."""
    return any(pattern.fullmatch(value) for pattern in (_PROSE, _PATH))


@lru_cache(maxsize=128)
def is_secret_word(word: str) -> bool:
    """Whether one lower-case word means a secret, alone or as people join it (`dbpass`)."""
    return word in _SECRET or _JOINED.fullmatch(word) is not None


@lru_cache(maxsize=128)
def names_secret(name: str) -> bool:
    """Whether any word of a name means a secret, whatever the name says about it."""
    return bool(_read(name).word)


def is_secret(name: str, value: str) -> bool:
    """Whether the name says that its value is secret, and the value does not plainly deny it.

    A switch, a number of one or two digits, a path below a well-known folder and one to a file
    of a well-known kind are not secret under any name. Other numbers, words, hosts and URLs are not
    under a name that goes on after its secret word to say what it is about, `TOKEN_TTL`.
    """
    read = _read(name)
    if not read.word:
        return False
    value = value.strip()
    if not value or value.lower() in _WORDLESS:
        return False
    return not (
        read.is_public
        or (
            name in {"PWD", "OLDPWD"} and value.startswith("/")
        )  # the shell's; ODBC's is a password
        or (len(value) < _SHORT and _SMALL.fullmatch(value))
        or ("/" in value and _PATH.fullmatch(value))
        or (value[0] in "es" and _PUBLIC_KEY.fullmatch(value))
        or _is_count(read, value)
        or _is_method(read, value)
        or _RESOURCE.fullmatch(value)
        or _is_place(read, value)
        or _is_no_key(read, value)
        or (read.about and _describes_secret(value))
    )


@lru_cache(maxsize=128)
def _read(name: str) -> _Name:
    parts = words(name)
    last = max((index for index in range(len(parts)) if _means_secret(parts, index)), default=-1)
    for phrase in _PHRASES:
        for end in range(len(phrase), len(parts) + 1):
            if parts[end - len(phrase) : end] == phrase:
                last = max(last, end - 1)
    if last < 0:
        return _Name("")
    after = parts[last + 1 :]
    return _Name(
        parts[last],
        parts[:last],
        about=not (_ABOUT if parts[last] in _BEFORE_OWNER else _ALL_ABOUT).isdisjoint(after),
        counts=not _COUNTING.isdisjoint(parts),
        is_public=not _PUBLIC.isdisjoint(after) or after[-2:] in _CLIENTS | _CERTIFICATES,
        names_key=after[:1] == ("id",) and not _OF_KEYS.isdisjoint(parts[max(0, last - 1) : last]),
    )


def _describes_secret(value: str) -> bool:
    return is_datum(value) or any(each.fullmatch(value) for each in (_NUMBER, _ALGORITHM))


def _is_count(read: _Name, value: str) -> bool:
    if read.word == "tokens" and len(value) < _SHORTEST_NUMBER and value.isdigit():
        return True
    return read.counts and _NUMBER.fullmatch(value) is not None


def _is_method(read: _Name, value: str) -> bool:
    if read.word == "token" and read.before[-1:] == ("auth",):  # etcd's
        value = value.partition(",")[0]
        return value in {"simple", "jwt"}
    if read.word in {"sig", "signature"}:
        return _ALGORITHM.fullmatch(value) is not None or _VERSION.fullmatch(value) is not None
    return read.word in {"auth", "authentication"} and value.lower() in _METHODS


def _is_place(read: _Name, value: str) -> bool:
    """Whether a value is where something is or what it is called, without a secret in it."""
    if read.word == "dsn":
        place = value.removeprefix("file:").removeprefix("sqlite:")
        return _ADDRESS.fullmatch(value) is not None and is_plain(place)
    if read.word == "token" and read.before[-2:] == ("initial", "cluster"):  # etcd's
        return is_plain(value)
    if read.word == "sid" and read.before[-1:] not in {("session",), ("connect",)}:
        return _NO_SESSION.fullmatch(value) is not None
    if read.word == "session" and read.before[-1:] == ("desktop",):
        return is_plain(value)
    return read.word == "credentials" and "ssl" in read.before and value.isidentifier()  # Kafka's


def _means_secret(parts: Sequence[str], index: int) -> bool:
    word = parts[index]
    if word in {"key", "keys"} and index and parts[index - 1] in {"authorized", "public", "pub"}:
        return False
    return is_secret_word(word)


def _is_no_key(read: _Name, value: str) -> bool:
    """Whether the value is the fingerprint of a public key, or the name of what finds data."""
    if read.word not in _KEYS:
        return False
    if read.word not in {"key", "keys"}:
        return is_plain(value)
    if value.startswith(("SHA256:", "MD5:")):
        return True
    if read.names_key and (_FINGERPRINTS.fullmatch(value) or _UUID.fullmatch(value)):
        return True
    many = read.word == "keys" or not {"gpg", "pgp"}.isdisjoint(read.before)
    if many and _FINGERPRINTS.fullmatch(value):
        return True
    return not _DATA.isdisjoint(read.before[-1:]) and is_datum(value)
