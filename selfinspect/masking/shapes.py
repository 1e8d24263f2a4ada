"""Values that look secret whatever their name: where in a text they stand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# A user name ends at the first colon, a password at the last `@` before the query. A number
# after the colon is a port, unless there is no host before it.
_URL = re.compile(
    r"""
    (?: : | (?<! [\w:/] ) ) //
    (?: [^\s/?#:"'<>]*+ : (?<! ://: ) (?! \d{1,5} (?: [/?#,\s"'<>] | \Z ) ) | : )
    (?: ( (?: (?!://) [^\s"'<>?#] )* ) @ | ( (?> (?: (?!://) [^\s"'<>@] )* ) ) @ )
    """,
    re.VERBOSE,
)
_URL_TOKEN = re.compile(
    r"(?:https?|nats|rediss?|tls)://(?:([^\s/?#:@\"'<>]*\d[^\s/?#:@\"'<>]*):?@|([^\s/?#:@\"'<>]+):(?:x-oauth-basic)?@)"
)
_SCHEMELESS = re.compile(
    r"""
    (?<! [\w@/.:+%-] ) (?! (?: mailto | sips? | acct | xmpp | npm | sha\d+
        | e?-?mail | from | to | b?cc | by | author | contact | maintainer | owner ) : )
    [A-Za-z][\w.%+-]{0,63} : (?! // ) ( [^\s/:"'<>]{3,256} )
    @ (?: (?: tcp | udp | unix )? \( | (?! sha\d ) [A-Za-z0-9][\w.-]{0,253} (?: : \d | / | \Z ) )
    """,
    re.VERBOSE,
)
_ORACLE = re.compile(
    r"oracle:\w{1,16}:[^\s/@:]{1,128}/([^\s@]{1,256})@"
    r"|\b\w{1,128}/([^\s/:]{1,256})@(?://[\w.-]|[\w.-]{1,253}:\d{2,5}/\w)"
)
_HOOK = re.compile(
    r"https?://[\w.:-]{1,253}/(?:[\w.@-]{1,64}/){0,4}"
    r"(?:hooks|webhooks?|webhookb2|heartbeats?|with/key)/([^\s\"'<>]{12,})"
    r"|(?:hooks\.slack\.com/\w{1,32}|hc-ping\.com)/([^\s\"'<>]{8,})"
)
# The addresses of Shoutrrr and Apprise: their host or their path is the token.
_NOTIFIER = re.compile(
    r"\b(?:bark|discord|googlechat|gotifys?|ifttt|mattermost|mmosts?|msteams|opsgenie|pbul"
    r"|pover|prowl|pushbullet|pushover|rocket(?:chat)?|slack|teams|telegram|tgram|zulip)"
    r"://([^\s\"'<>]{8,})"
)
_CODE = re.compile(r"[?&]code=([\w%+/=~.-]{20,})")

_PEM = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [^-]{0,64}-----|\Z)",
    re.DOTALL,
)
_SCHEME = re.compile(
    r"""
    \b (?i: Bearer | Basic | Digest | Token | ApiKey | Negotiate | AWS4-HMAC-SHA256 ) [ \t]{1,4}
    (?! v?\d{1,4} (?: [.:-]\d{1,4} )* (?! [\w+/=.~-] ) )
    (?= [A-Za-z+/._~-]{0,1024} [0-9=] | [A-Za-z] [a-z]{0,255} [A-Z] | [A-Za-z]{20} )
    ( [\w+/.~-]{6,}+ =*+ ) (?! \\?" )
    """,
    re.VERBOSE,
)
_CRYPT = re.compile(
    r"\${1,2}(?:(?:2[abxy]?|1|5|6|7|y|apr1|scrypt)\${1,2}[^\s:,\"']+|(?:argon2(?:id?|d)|pbkdf2-\w{1,16})\$[^\s:\"']+)"
    r"|\{S?SHA\d{0,3}\}[A-Za-z0-9+/]{16,}={0,2}|SCRAM-SHA-\d{1,3}\$[^\s,\"']+|\b(?:pbkdf2|scrypt)[_:][\w:]{1,32}\$[^\s,\"']+"
)
# The private members of a JSON web key, RFC 7518.
_JWK = re.compile(r"\"(?:d|p|q|dp|dq|qi|k)\\{0,3}\"\s{0,4}:\s{0,4}\\{0,3}\"([\w-]{6,})")
_PGPASS = re.compile(r"[\w.*-]+:(?:5432|\*):[^:\s]{1,128}:[^:\s]{1,128}:([^\s\"']+)")
_AWS_PAIR = re.compile(r"(?<![A-Za-z0-9])A[KS]IA[A-Z0-9]{12,32}:([\w+/]{16,})")

_RUN = re.compile(r"[\w.~+-]{12,}+")
# The marks that issuers put before their tokens, with less than the real lengths behind them.
_TOKEN = re.compile(
    r"""
    (?<! [A-Za-z0-9] ) (?:
      (?: AKIA | ASIA | ABIA | ACCA | A3T[A-Z0-9] ) [A-Z0-9]{12,}
    | (?: AKID | LTAI ) [A-Za-z0-9]{12,}
    | (?: gh[pousr]_ | github_pat_ | dckr_[po]at_ | npm_ | hf_ | api_org_ | r8_ | gsk_ | glsa_
        | glc_ | sntry[su]_ | lin_(?:api|oauth)_ | ntn_ | rubygems_ | CLOJARS_ | sbp_ | sb_secret_
        | tfp_ | shippo_\w+_ | duffel_\w+_ | rdme_ | pnu_ | nfp_ | rnd_ | do[opr]_v1_ | tgp_v1_
        | pscale_(?:tkn|pw|oauth)_ | shp(?:at|ca|pa|ss)_ | (?:sk|rk)_(?:live|test|prod)_ | whsec_
        | fo1_ | fm[12][ar]?_ | figd_ | sgp_ | sq[pau]_
        ) (?= \w{0,40} (?: \d | [a-z][A-Z] | [A-Z][a-z] ) ) [A-Za-z0-9+/=.-] [\w+/=.-]{9,}
    | (?: gl(?:pat|dt|rt|ptt|ft|imt|agent|soat|cbt|oas|ffct|wt)- | xox[abeoprs]- | xapp- | sk-
        | pypi- | GOCSPX- | xkeysib- | xsmtpsib- | tskey-\w+- | pplx- | xai- | nvapi- | NR(?:AK|II)-
        | SWMTKN-1- | claim- | BBDC-
        | PMAK- | HRKU- | FLWSECK- | FLWSECK_TEST- | sq0[a-z]{3}- | ico- | fio-u- | AGE-SECRET-KEY-
        ) [A-Za-z0-9_] [\w-]{9,}
    | (?: bkua_ | ccipat_ | CCIPAT_ | cf[au]t_ | lsv2_(?:pt|sk)_ | phx_ | rpa_ | secret_ | vercel_
        ) [A-Za-z0-9]{20,} \w*
    | snyk_uat\.[\w.-]{20,} | EAA[A-Za-z0-9]{80,} | EZ[AT]K[A-Za-z0-9]{50,}
    | S[ACONUX][A-Z2-7]{56} | xprv[A-Za-z0-9]{100,} | nsec1[a-z0-9]{58}
    | AIza[\w-]{20,} | ya29\.[\w-]{10,} | SG\.[\w-]{8,}\.[\w-]{8,}
    | key-[0-9a-f]{32} | [0-9a-f]{32}-us\d{1,2} | hv[sbr]\.[\w-]{10,} | s\.[A-Za-z0-9]{24}
    | dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{10,} | dapi[0-9a-f]{32} | dt0[a-z]\d\d\.[\w.-]{20,}
    | pul-[0-9a-f]{40} | SK[0-9a-f]{32} | ATATT3[\w=-]{10,} | ATBB\w{10,} | AKCp\w{10,}
    | GR1348941[\w-]{10,} | EAAA[\w-]{20,} | ABSK[\w+/=]{20,} | ops_eyJ[\w+/=]{20,}
    | [A-Za-z0-9]{14}\.atlasv1\.[\w-]{20,} | [MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27,}
    | [\w~.]{3}\dQ~[\w~.-]{31,34} | LS0tLS1CRUdJTi[\w+/=]{10,}
    | eyJ[\w-]{6,}(?:\.[\w-]*){2,4} | eyJrIjoi[\w+/=]{10,} | eyJ[\w+/=-]{40,}
    )
    """,
    re.VERBOSE,
)
# Theirs has marks in it that part other words.
_MARKED = re.compile(r"(?<!\d)\d{5,16}:A[\w-]{32,}|\bsha256~[\w-]{20,}|(?<!\w)1//0[\w-]{20,}")

_HINTED = (
    ("//", _URL),
    ("://", _URL_TOKEN),
    ("@", _SCHEMELESS),
    ("@", _ORACLE),
    ("://", _HOOK),
    ("://", _NOTIFIER),
    ("AKIA", _AWS_PAIR),
    ("ASIA", _AWS_PAIR),
    ("code=", _CODE),
    ("PRIVATE KEY", _PEM),
    ("kty", _JWK),
    (":5432:", _PGPASS),
    (":*:", _PGPASS),
    ("$", _CRYPT),
    ("SHA", _CRYPT),
    (" ", _SCHEME),
)


def recognised(text: str) -> Iterator[tuple[int, int]]:
    """Yield where a secret stands that gives itself away.

    These are passwords in URLs and connection strings, web hooks, private keys in PEM, values
    after an HTTP authentication scheme, password hashes, JSON web tokens (RFC 7519) and tokens
    that carry their issuer's mark.
    """
    for hint, pattern in _HINTED:
        if hint in text:
            for match in pattern.finditer(text):
                group = match.lastindex or 0
                yield match.span(group)
    for run in _RUN.finditer(text):
        for match in _TOKEN.finditer(text, run.start(), run.end()):
            yield match.span()
    if ":A" in text or "sha256~" in text or "1//0" in text:
        for match in _MARKED.finditer(text):
            yield match.span()
