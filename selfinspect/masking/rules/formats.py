"""Secrets of a well-known form: private keys, hashes of passwords, HTTP authentication."""

from __future__ import annotations

from selfinspect.masking.rules.rule import Rule

FORMATS = (
    Rule(
        "private-key",
        "text",
        ("private key",),
        r"(?s)-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END"
        r" [^-]{0,64}-----|\Z)",
    ),
    Rule(
        "http-scheme",
        "text",
        ("bearer", "basic", "digest", "token", "apikey", "negotiate", "aws4-hmac-sha256"),
        r"""(?x)
        \b (?i: Bearer | Basic | Digest | Token | ApiKey | Negotiate | AWS4-HMAC-SHA256 ) [ \t]{1,4}
        (?! v?\d{1,4} (?: [.:-]\d{1,4} )* (?! [\w+/=.~-] ) )
        (?= [A-Za-z+/._~-]{0,1024} [0-9=] | [A-Za-z] [a-z]{0,255} [A-Z] | [A-Za-z]{20} )
        ( [\w+/.~-]{6,} (?! [\w+/.~-] ) =* (?! = ) ) (?! \\?" )
        """,
    ),
    # crypt(5), and what frameworks and databases make of it.
    Rule(
        "password-hash",
        "text",
        ("$",),
        r"\${1,2}(?:(?:2[abxy]?|1|5|6|7|y|apr1|scrypt|sha1|P|H)\${1,2}[^\s:,\"']+"
        r"|(?:argon2(?:id?|d)|pbkdf2-\w{1,16})\$[^\s:\"']+)"
        r"|SCRAM-SHA-\d{1,3}\$[^\s,\"']+|\b(?:pbkdf2|scrypt|sha256"
        r"|sha512)[_:$][\w:]{1,32}\$[^\s,\"']+"
        r"|(?<![\w$])[0-9a-f]{16}\$[0-9a-f]{64}(?![0-9a-f])",
    ),
    Rule(
        "ldap-hash", "text", ("sha", "{md5}"), r"\{S?(?:SHA\d{0,3}|MD5)\}[A-Za-z0-9+/]{16,}={0,2}"
    ),
    Rule("postgres-hash", "text", ("md5",), r"(?<=[\"'=: ])md5[0-9a-f]{32}(?![0-9a-f])"),
    Rule("tor-hash", "text", ("16:",), r"(?<![\w:])16:[0-9A-F]{58}(?![0-9A-F])"),
    # The private members of a JSON web key, RFC 7518.
    Rule(
        "json-web-key",
        "text",
        ("kty",),
        r"\"(?:d|p|q|dp|dq|qi|k)\\{0,3}\"\s{0,4}:\s{0,4}\\{0,3}\"([\w-]{6,})",
    ),
)
