"""Credentials in URLs, connection strings and lists of addresses, and URLs that are secrets."""

from __future__ import annotations

from selfinspect.masking.rules.rule import Rule

# The last segment of a path that no person chose: long, with a digit, a change of case or a length
# that words do not have.
_LAST = r"(?=[^\s\"'<>?#/]{0,64}(?:\d|[a-z][A-Z])|[A-Za-z0-9]{20})[^\s\"'<>?#/]"
_END = r"(?=[\s\"'<>?#,;)\]}]|/?\Z)"


def _row(name: str, hint: str, pattern: str) -> Rule:
    return Rule(name, "text", tuple(hint.split()), pattern)


ADDRESSES = (
    # A user name ends at the first colon, a password at the last `@` before the query. A number
    # after the colon is a port, unless there is no host before it.
    _row(
        "url-password",
        "//",
        r"""(?x)
        (?: : | (?<! [\w:/] ) ) //
        (?: [^\s/?#:"'<>]{0,256} : (?<! ://: ) (?! \d{1,5} (?: [/?#,\s"'<>] | \Z ) ) | : )
        (?: ( (?: [^\s"'<>?#/] | /(?!/) ){0,1024} ) @ | ( (?: [^\s"'<>@/] | /(?!/) ){0,1024} ) @ )
        """,
    ),
    _row(
        "url-token",
        "://",
        r"(?:https?|nats|rediss?|tls)://"
        r"(?:(?=[^\s/?#:@\"'<>\d]{0,256}\d)([^\s/?#:@\"'<>]{1,512}):?@"
        r"|([^\s/?#:@\"'<>]{1,512}):(?:x-oauth-basic)?@)",
    ),
    # Protocols whose user is the password.
    _row(
        "tunnel",
        "://",
        r"\b(?:trojan(?:-go)?|hysteria2?|hy2|vless|vmess|ssr?|anytls|snell|naive|juicity)"
        r"(?:\+\w{1,8})?://([^\s/?#@:\"'<>]{6,512})(?:@|\Z|(?=[\s#\"']))",
    ),
    _row(
        "address-password",
        "@",
        r"""(?x)
        (?<! [\w@/.:+%-] ) (?! (?: mailto | sips? | acct | xmpp | npm | sha\d{1,4}
            | e?-?mail | from | to | b?cc | by | author | contact | maintainer | owner ) : )
        [A-Za-z][\w.%+-]{0,63} : (?! // ) ( [^\s/:"'<>]{3,256} )
        @ (?: (?: tcp | udp | unix )? \(
            | (?! sha\d ) [A-Za-z0-9][\w.-]{0,253} (?: : \d | / | \Z ) )
        """,
    ),
    _row(
        "oracle",
        "@",
        r"oracle:\w{1,16}:[^\s/@:]{1,128}/([^\s@]{1,256})@"
        r"|(?<!\w)\w{1,64}/([^\s/:@]{1,64})@(?://[\w.-]|[\w.-]{1,253}:\d{2,5}/\w)",
    ),
    _row(
        "web-hook",
        "://",
        r"https?://[\w.:-]{1,253}/(?:[\w.@-]{1,64}/){0,4}"
        r"(?:services|hooks?|webhooks?|webhookb2|heartbeats?|api/push|with/key|integrations?)/"
        rf"((?:[\w.@%~:+-]{{1,128}}/){{0,8}}{_LAST}{{10,256}}(?:/[\w-]{{1,64}}){{0,2}}){_END}",
    ),
    _row(
        "web-hook-server",
        "hook",
        r"https?://(?:web)?hooks?\.[\w.:-]{1,253}/"
        rf"((?:[\w.@%~:+-]{{1,128}}/){{0,8}}{_LAST}{{7,256}}){_END}",
    ),
    # Hosts that know their caller by the path alone.
    _row(
        "web-hook-host",
        ".com/ .in/ .app/ .cn/ .link/ .io/ .site/ .org/",
        r"(?:hooks\.(?:slack|zapier)\.com/(?:hooks/catch/)?\w{1,32}|hc-ping\.com|nosnch\.in"
        r"|cronitor\.link/p|api\.day\.app|sctapi\.ftqq\.com|webhook\.site|api\.pushcut\.io"
        r"|outlook\.office\.com/webhook|open\.feishu\.cn/open-apis/bot/v2/hook"
        r"|maker\.ifttt\.com/trigger/[\w-]{1,64}/(?:json/)?with/key"
        r"|events\.pagerduty\.com/integration|logs-01\.loggly\.com/inputs"
        r"|discord(?:app)?\.com/api/webhooks)/([^\s\"'<>?#]{6,512})",
    ),
    _row(
        "rpc-provider",
        "alchemy infura quiknode chainstack ankr.com getblock nodereal blastapi moralis /v",
        r"://[\w.-]{0,128}(?:alchemy|infura|quiknode|chainstack|ankr|getblock|nodereal"
        r"|blastapi|moralis)"
        rf"[\w.-]{{0,64}}/(?:[\w-]{{1,32}}/){{0,4}}({_LAST}{{16,256}})"
        rf"|://[\w.-]{{1,253}}/v\d/(?![0-9a-f]{{8}}-)({_LAST}{{24,256}}){_END}",
    ),
    _row("telegram-url", "/bot", r"/bot(\d{5,16}:[\w-]{8,})"),
    _row(
        "stream-key",
        "rtmp",
        r"rtmps?://[^\s/\"'<>]{1,253}/(?:[^\s/\"'<>?]{1,128}/){1,3}"
        r"((?=[^\s/\"'<>?]{0,64}\d)[^\s/\"'<>]{8,512})",
    ),
    # The addresses of Shoutrrr and Apprise: their host or their path is the token.
    _row(
        "notifier",
        "://",
        r"\b(?:bark|discord|googlechat|gotifys?|ifttt|lametric|line|mattermost|mmosts?|msteams"
        r"|opsgenie|pagerduty|pbul|pover|prowl|pushbullet|pushover|rocket(?:chat)?|ryver|sendgrid"
        r"|slack|teams|telegram|tgram|twilio|wxpusher|zulip)://([^\s\"'<>,]{8,})",
    ),
    _row(
        "url-code",
        "code= sig= signature= credential=",
        r"(?i)[?&](?:code=([\w%+/=~.-]{20,})|(?:x-(?:amz|goog)-)?(?:sig(?:nature)?"
        r"|credential)=([^\s&\"'<>]{16,}))",
    ),
    _row(
        "pgpass",
        ":5432: :*:",
        r"(?<![\w.*-])[\w.*-]{1,253}:(?:5432|\*):[^:\s]{1,128}:[^:\s]{1,128}:([^\s\"']+)",
    ),
    _row("aws-pair", "akia asia", r"(?<![A-Za-z0-9])A[KS]IA[A-Z0-9]{12,32}:([\w+/]{16,})"),
    _row("samba-map", "login=", r"\blogin=[^\s:,\"']{1,128}:([^\s\"',;]{3,})"),
)
