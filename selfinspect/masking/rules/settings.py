"""Whole variables, labels and arguments that are secret by their name and their form together.

The patterns read `NAME=value`; an argument has no name, and begins with `=`.
"""

from __future__ import annotations

from selfinspect.masking.rules import Rule

# What people choose for a password beside a user's name: not a version, a port, a group's name.
_CHOSEN = r"(?=[^\s:;,|/]{0,64}\d)(?=[^\s:;,|/]{0,64}[A-Za-z])(?!v?\d{1,5}[.-]\d)[^\s:;,|/]{5,256}"
_USER = r"[\w.@+-]{1,64}"
_MOST = 7  # accounts behind the first one
_WORDS = r"[a-z]{3,8}(?: [a-z]{3,8})"


def _row(name: str, hint: str, pattern: str) -> Rule:
    return Rule(name, tuple(hint.split()) or (" ",), f"(?is){pattern}")


SETTINGS = (
    _row("bundler", "bundle_", r"\ABUNDLE_\w{1,128}__(?:COM|DEV|IO|NET|ORG)=(.+)"),
    _row("otlp-headers", "otel_exporter_otlp_", r"\AOTEL_EXPORTER_OTLP_(?:\w{1,32}_)?HEADERS=(.+)"),
    _row("pushover", "pushover", r"\APUSHOVER_\w{1,64}=([a-z0-9]{30})\Z"),
    _row("plex", "plex_claim", r"\APLEX_CLAIM=(.+)"),
    _row("snmp", "community", r"\A(?:\w{1,64}[_-])?SNMP_?(?:\w{1,64}_)?COMMUNITY=(.+)"),
    _row(
        "seed",
        "seed",
        r"\A(?:\w{1,64}_)?(?:ENCRYPTION|HD|MFA|OTP|RECOVERY|TOTP|WALLET)_SEED=(.+)",
    ),
    # BIP 39: twelve to twenty-four words of three to eight letters.
    _row(
        "wallet",
        "wallet seed words phrase recovery backup",
        (
            r"\A[\w.-]{0,64}(?:wallet|seed|words|phrase|recovery|backup)[\w.-]{0,64}="
            rf"({_WORDS}{{11,23}})\Z"
        ),
    ),
    _row(
        "mnemonic",
        "",
        (
            r"\A[\w.-]{0,128}=((?!(?:[a-z]+ ){0,23}(?:the|and|for|with|from|that|this|are|not)\b)"
            rf"(?:{_WORDS}{{11}}|{_WORDS}{{14}}|{_WORDS}{{17}}|{_WORDS}{{20}}|{_WORDS}{{23}}))\Z"
        ),
    ),
    _row(
        "web-hook-name",
        "hook",
        r"\A(?![\w.-]{0,96}(?:secret|base|host|public))[\w.-]{0,64}hook(?:s|_?uri|_?url"
        r"|_?endpoint|_?address)?(?:[_.-]\w{1,32})?="
        r"https?://[\w.:-]{1,253}/((?:[^\s/\"']{1,128}/){0,8}"
        r"(?-i:(?=[^\s/\"']{0,64}(?:\d|[a-z][A-Z])|[A-Za-z]{16})[^\s/\"']{5,256}))/?\Z",
    ),
    # `bob:hunter2`, and what stands behind that for an SFTP server; `node:node` is a group.
    _row(
        "accounts",
        ": ; |",
        r"\A-{0,2}[\w.-]{0,64}(?:users?|accounts?|logins?|relay(?:host)?|sasl\w{0,2}"
        r"|prox(?:y|ies)|proxy_?list"
        rf"|smtp|e?mail|s?ftp|samba|smb"
        rf"|auth|basic)(?:_\d{{1,3}})?=(?!\w{{1,16}}://)\W{{0,2}}{_USER}[:;|]({_CHOSEN})"
        + rf"(?:[:|][^\s,;]{{0,256}})?(?:[,;\s]+{_USER}[:|]({_CHOSEN})" * _MOST
        + ")?" * _MOST,
    ),
    # What Postfix, and lists of proxies, have: host:port:user:password.
    _row(
        "host-port-account",
        ":",
        rf"[=,;\s](?:https?://|socks\w{{0,3}}://)?[\w-]{{1,64}}"
        rf"(?:\.[\w-]{{1,64}}){{1,8}}::?\d{{2,5}}[:\s]{_USER}:({_CHOSEN})(?=[,;\s]|\Z)",
    ),
    _row(
        "mail-account",
        "@",
        r"[=,;\s][\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,6}"
        rf"(?::|(?<=[a-z]) )({_CHOSEN})(?=[,;\s]|\Z)",
    ),
    _row(
        "digest-file", ":", r"[=,;\s][\w.@-]{1,64}:[^\s:/][^:\n]{0,64}:([0-9a-f]{32})(?![0-9a-f])"
    ),
    # `bob:hunter2x:1001`, the argument of an SFTP server.
    _row(
        "sftp-argument",
        ":",
        (
            r"\A=[a-z_][\w.-]{0,32}:(?=[^:\s]{0,64}[a-z])([^:\s/]{4,128})(?::e)?"
            r":(?:\d{3,5}(?::\d{3,5})?(?::[\w/,.-]{0,128})?|:{1,2}[\w/,.-]{1,128})\Z"
        ),
    ),
)
