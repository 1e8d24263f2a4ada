"""Secrets on command lines: values of flags, and what well-known programs take as a password."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from selfinspect.masking.names import (
    is_plain,
    is_prose,
    is_reference,
    is_secret_word,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selfinspect.masking.names import Judge

_FLAG = re.compile(r"--?([A-Za-z][\w.-]+)")
# `token` and `secret` alone are commands, or the kind of a thing that is named next.
_PASSWORD = re.compile(
    r"(?!\w*passwd\Z)\w*(?:passw|passphrase|requirepass|masterauth)\w*", re.IGNORECASE
)
_SETTING = re.compile(r"[A-Za-z]\w*[._:-]\w[\w.:-]*")
_SHELL_WORD = re.compile(
    r"\"(?>(?:[^\"\\]|\\.)*)\"|'[^']*+'|[;|&()\n]++|[^\s\"';|&()]++|[\"']", re.DOTALL
)
_COMMAND = re.compile(
    r"(?:^|[\s\"'(=])--?[A-Za-z]|rabbitmqctl|sqlplus|alias|config|login|unseal|(?i:auth) "
    r"|redis-server|vault|isql|impdp|expdp|obscure|wpa_passphrase|authtoken|reset-admin-password"
    r"|db2|<<<|(?:echo|printf) "
)
_NESTING = 3

# The programs, and what of their words is secret; a space stands between two words.
_PROGRAMS = tuple(
    (re.compile(program), re.compile(secret.replace(" ", "\0"), re.DOTALL))
    for program, secret in (
        (
            r"(?:mysql|mariadb|mongo)\w*(?:-\w+)?|sshpass|cqlsh|cypher-shell|rabbitmqadmin|7z\w?",
            r"-p ?([^ ]+)",
        ),
        (
            r"couchbase-cli|ncftp\w*|rar|unrar|twine|useradd|usermod",
            r"-h?p ?([^ ]+)",
        ),
        (
            r"docker|podman|nerdctl|buildah|skopeo|helm|oras|crane|az",
            r"login (?:[^ ]+ ){0,6}-p ?([^ ]+)",
        ),
        (
            r"curl",
            (
                r"(?:-\w*[uUE] ?|--(?:cert|user|proxy-user)[= ])[^: ]*:([^ ]+)"
                r"|(?:-b ?|--cookie[= ])([^ ]+)"
            ),
        ),
        (r"etcdctl|https?|xh", r"(?:-a ?|--user[= ])[^: ]*:([^ ]+)"),
        (r"ttyd|transmission-remote|turnserver", r"(?:-[cnu] ?|--user[= ])[^: ]*:([^ ]+)"),
        (r"kubectl|oc", r"--from-literal[= ][^= ]+=([^ ]+)"),
        (r"redis-server|valkey-server", r">([^ ]+)"),
        (r"(?:redis|valkey|keydb)-(?:cli|benchmark)", r"-a ?([^ ]+)|(?i:auth) ([^ ]+)"),
        (r"mosquitto_passwd", r"-b [^ ]+ [^ ]+ ([^ ]+)"),
        (r"sqlcmd|bcp|tsql|mosquitto_\w+|zip|unzip|ipmitool", r"-P ?([^ ]+)"),
        (r"ldappasswd", r"-[as] ?([^ ]+)|-w ?([^ ]+)"),
        (r"ldap\w+|squidclient", r"-[wW] ?([^ ]+)"),
        (r"ssh-keygen", r"-[NP] ?([^ ]+)"),
        (r"ss-\w+|ssserver|sslocal", r"-k ?([^ ]+)"),
        (r"gitlab-runner", r"-r ?([^ ]+)"),
        (r"k3s|rke2", r"-t ?([^ ]+)"),
        (r"snmp\w+", r"-[cAX] ?([^ ]+)"),
        (r"openssl", r"-pass(?:in|out)? pass:([^ ]+)|-[kK] ([^ ]+)"),
        (r"smbclient|rpcclient|net", r"(?:-U ?|--user[= ])[^% ]*%([^ ]+)|//[^ ]+ ([^ -][^ ]*)"),
        (r"lftp|open", r"(?:-u ?|--user[= ])[^, ]*,([^ ]+)"),
        (r"sqlplus|sqlldr|expdp|impdp", r"[^/ -][^/ ]*/([^@ ]+)(?:@[^ ]*)?"),
        (r"rabbitmqctl", r"(?:add_user|change_password|authenticate_user) [^ ]+ ([^ ]+)"),
        (
            r"htpasswd",
            (
                r"(?=(?:[^ ]+ )*?-\w*b)(?=(?:[^ ]+ )*?-\w*n)(?:-\w+ (?:\d+ )?)+[^ ]+ ([^ ]+)"
                r"|(?=(?:[^ ]+ )*?-\w*b)(?:-\w+ (?:\d+ )?)+[^ -][^ ]* [^ ]+ ([^ ]+)"
            ),
        ),
        (r"isql|wpa_passphrase", r"[^ ]*(?:isql [^ ]+|phrase) [^ ]+ ([^ -][^ ]*)"),
        (r"cargo", r"login (?:--registry[= ][^ ]+ )?([^ -][^ ]*)"),
        (r"poetry", r"config (?:pypi-token[^ ]*|http-basic[^ ]* [^ ]+) ([^ -][^ ]*)"),
        (r"rclone", r"obscure ([^ -][^ ]*)"),
        (r"sendemail", r"-xp ([^ ]+)"),
        (r"mkpasswd", r"-m [^ ]+ ([^ -][^ ]*)"),
        (r"caddy", r"(?:-p|--plaintext) ([^ ]+)"),
        (r"grafana(?:-cli)?", r"reset-admin-password ([^ -][^ ]*)"),
        (r"db2", r"using ([^ ]+)"),
        (r"mcl?i?", r"(?:alias set|config host add) [^ ]+ [^ ]+ ([^ ]+) ([^ ]+)"),
        (r"vault|bao", r"(?:login|unseal) ([^ -][^ ]*)|[A-Za-z][\w.-]*=([^ ]+)"),
        (r"consul|nomad|serf", r"-encrypt[= ]([^ ]+)"),
        (r"ngrok", r"(?:add-)?authtoken ([^ ]+)"),
        (
            r"aws|npm|pnpm|yarn|git|pip3?",
            r"(?:set|config|--global) [^ ]*(?:[Ss]ecret|[Tt]oken|[Pp]assword|_auth)[^ ]* ([^ ]+)",
        ),
        (r"composer", r"[^ ]*(?:oauth|bearer|token)[^ ]* ([^ -][^ ]*)"),
        (r"bundler?", r"config (?:set )?(?:--\w+ )?[^ ]+ ([^ :-][^ :]*:[^ ]+)"),
    )
)
_LONGEST = 9


def passed(argv: Sequence[str], secret: Judge) -> Iterator[tuple[int, int, int]]:
    """Yield the word, and where in it, that hands a program a secret.

    Args:
        argv: the words of a command line, or of several with their separators between them.
        secret: says whether the value of a flag's name is one.
    """
    rule: re.Pattern[str] | None = None
    for index, word in enumerate(argv):
        value = argv[index + 1] if index + 1 < len(argv) else "-"
        name = None if value.startswith("-") or is_reference(value) else _named(argv, index, value)
        if name and secret(name, value):
            yield index + 1, 0, len(value)
        if word and not word.strip(";|&()\n"):
            rule = None
        elif not word.startswith("-"):
            program = word.rpartition("/")[2]
            rule = next((take for name, take in _PROGRAMS if name.fullmatch(program)), rule)
        if rule is not None:
            yield from _taken(argv, index, rule)


def spoken(text: str, secret: Judge, depth: int = 0) -> Iterator[tuple[int, int]]:
    """Yield where in a script or a process's title a secret is handed to a program."""
    if depth > _NESTING or not _COMMAND.search(text):
        return
    found = list(_SHELL_WORD.finditer(text))
    inner = [_unquoted(match) for match in found]
    bare = [text[start:end] for start, end in inner]
    for index, start, end in passed(bare, secret):
        offset = inner[index][0]
        yield offset + start, offset + end
    for (start, end), match in zip(inner, found, strict=True):
        if end - start < len(match[0]):
            for first, last in spoken(text[start:end], secret, depth + 1):
                yield start + first, start + last


def _named(argv: Sequence[str], index: int, value: str) -> str | None:
    """The name of what a flag, or the name of a secret setting by itself, gives this value."""
    word = argv[index]
    if flag := _FLAG.fullmatch(word):
        return flag[1]
    if word == "-u":
        return "user"
    if index and argv[index - 1].startswith("-"):
        return None
    if _PASSWORD.fullmatch(word):
        return None if is_prose(value) else word
    is_setting = _SETTING.fullmatch(word) and is_secret_word(words(word)[-1])
    return word if is_setting and not is_plain(value) else None


def _taken(
    argv: Sequence[str], index: int, rule: re.Pattern[str]
) -> Iterator[tuple[int, int, int]]:
    window = argv[index : index + _LONGEST]
    match = rule.match("\0".join(window))
    if match is None:
        return
    for group in range(1, rule.groups + 1):
        start, end = match.span(group)
        if start >= 0 and not is_reference(match[group]):
            before = match.string.count("\0", 0, start)
            offset = sum(len(word) + 1 for word in window[:before])
            yield index + before, start - offset, end - offset


def _unquoted(match: re.Match[str]) -> tuple[int, int]:
    start, end = match.span()
    if end - start > 1 and match[0][0] in "\"'" and match[0][0] == match[0][-1]:
        return start + 1, end - 1
    return start, end
