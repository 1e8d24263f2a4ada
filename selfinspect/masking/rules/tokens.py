"""What is secret by its own form: tokens, keys and hashes, credentials in addresses.

Tokens bear a mark of their issuer. Less than the real length is enough: a token that a log cut
short is still a secret.
"""

from __future__ import annotations

from selfinspect.masking.rules import Rule

_BEGIN = r"(?<![A-Za-z0-9])"
# What is random: in the next characters a digit or a change of case, as no word has it.
_RANDOM = r"(?=\w{0,24}(?:\d|[a-z][A-Z]|[A-Z][a-z]))"


def _row(name: str, hint: str, pattern: str) -> Rule:
    return Rule(name, tuple(hint.split()), pattern)


def _token(name: str, hint: str, pattern: str) -> Rule:
    return _row(name, hint, f"{_BEGIN}(?:{pattern})")


def _marked(name: str, marks: str, pattern: str = "") -> Rule:
    """A row of marks that end in `_`; what is behind them must look random."""
    body = f"(?:{'|'.join(marks.split())}){pattern}{_RANDOM}[A-Za-z0-9+/=.-][\\w+/=.-]{{9,}}"
    return _row(name, marks.lower(), _BEGIN + body)


# Their marks end in `_`: half of all hints, and a text without one is passed over at once.
MARKED = (
    _marked("github", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_"),
    _marked("stripe", "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_ whsec_"),
    _marked("npm", "npm_"),
    _marked("packages", "rubygems_ CLOJARS_ dckr_pat_ dckr_oat_"),
    _marked("machine-learning", "hf_ api_org_ r8_ gsk_ tgp_v1_"),
    _marked("grafana-sentry", "glsa_ glc_ sntrys_ sntryu_"),
    _marked("linear-notion", "lin_api_ lin_oauth_ ntn_"),
    _marked("databases", "pscale_tkn_ pscale_pw_ pscale_oauth_ sbp_ sb_secret_ npg_"),
    _marked("hosting", "dop_v1_ doo_v1_ dor_v1_ nfp_ rnd_ fo1_ tfp_ fm1r_ fm2_ fm1a_"),
    _marked("shops", "shpat_ shpca_ shppa_ shpss_ sqp_ sqa_ squ_ figd_ sgp_ pnu_ rdme_"),
    _marked("shops-named", "shippo_ duffel_", r"\w{1,16}_"),
    _token(
        "underscored",
        "bkua_ ccipat_ cfat_ cfut_ lsv2_ phx_ rpa_ secret_ vercel_ tk_ key_",
        r"(?:bkua_|ccipat_|CCIPAT_|cf[au]t_|lsv2_(?:pt|sk)_|phx_|rpa_|secret_|vercel_)"
        r"[A-Za-z0-9]{20,}\w*|tk_[a-z0-9A-Z]{29}(?!\w)|key_(?=[A-Za-z]{0,40}\d)[A-Za-z0-9]{24,}",
    ),
    _marked("aiven-and-others", "AVNS_ fw_ e2b_ pcsk_ ddp_ ddw_ xnd_ rootly_ vcp_ ctp_ fpt_"),
    # `acme_sk_…`, `acme_pat_…`: a word that says secret before what is random.
    _row(
        "service-mark",
        "_api_ _key_ _live_ _pat_ _prod_ _sec_ _secret_ _sk_ _token_",
        rf"{_BEGIN}(?!(?:pk|cache|foreign|primary)_)[a-z][a-z0-9]{{0,15}}_(?:[a-z]{{1,8}}_)?"
        r"(?:api|key|live|pat|prod|sec|secret|sk|token)_(?!\d{8}T\d{6})"
        r"(?=[A-Za-z]{0,24}\d)(?=\d{0,24}[A-Za-z])[A-Za-z0-9]{16,}(?!\w)",
    ),
)


# Behind one of their dashes stand ten characters or more.
DASHED = (
    _token("pypi", "pypi-", r"pypi-\w[\w-]{9,}"),
    _token("openai-anthropic", "sk-", r"sk-\w[\w-]{9,}"),
    _token("model-services", "pplx- xai- nvapi-", r"(?:pplx|xai|nvapi)-\w[\w-]{9,}"),
    _token("new-relic", "nrak- nrii- nrjs-", r"NR(?:AK|II|JS|AL|RA)-\w[\w-]{9,}"),
    _token("pulumi", "pul-", r"pul-[0-9a-f]{40}"),
    _token(
        "dashed",
        "tskey- swmtkn-1- claim- pmak- hrku- flwseck sq0 ico- fio-u- age-secret-key-",
        r"(?:tskey-\w{1,16}-|SWMTKN-1-|claim-|PMAK-|HRKU-|FLWSECK(?:_TEST)?-|sq0[a-z]{3}-|ico-"
        r"|fio-u-|AGE-SECRET-KEY-)\w[\w-]{9,}",
    ),
    # With a UUID behind who issued them: Plaid's, HubSpot's, LaunchDarkly's, Amazon's.
    _token(
        "uuids",
        "access- pat-na1- pat-eu1- sdk- amzn.mws.",
        r"(?:access-(?:sandbox|development|production)-|pat-(?:na|eu)1-|sdk-|amzn\.mws\.)"
        r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    ),
    _token("cloudflare-origin", "v1.0-", r"v1\.0-[0-9a-f]{24}-[0-9a-f]{100,}"),
)


TOKENS = (
    _token("aws", "akia asia abia acca a3t", r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{12,}"),
    _token("aws-bedrock", "absk", r"ABSK[\w+/=]{20,}"),
    _token("alibaba-tencent", "akid ltai", r"(?:AKID|LTAI)[A-Za-z0-9]{12,}"),
    _token("azure-client-secret", "q~", r"[\w~.]{3}\dQ~[\w~.-]{31,34}"),
    _token("google", "aiza ya29. gocspx-", r"AIza[\w-]{20,}|ya29\.[\w-]{10,}|GOCSPX-\w[\w-]{9,}"),
    _token("google-refresh", "1//0", r"(?<!\w)1//0[\w-]{20,}"),
    _token(
        "gitlab",
        "gl gr1348941",
        r"gl(?:pat|dt|rt|rtr|ptt|ft|imt|agent|soat|cbt|oas|ffct|wt)-\w[\w-]{9,}"
        r"|GR1348941[\w-]{10,}",
    ),
    _token(
        "atlassian",
        "atatt3 atctt3 atbb bbdc-",
        r"AT[AC]TT3[\w=-]{10,}|ATBB\w{10,}|BBDC-\w[\w-]{9,}",
    ),
    _token(
        "slack",
        "xox xapp- xoxe.",
        r"(?:xox[abeoprs]-|xapp-|xoxe\.xox[bp]-)(?=[\w-]{0,24}\d)\w[\w-]{9,}",
    ),
    _row("discord", ".", r"[MNO](?<![\w-][MNO])[\w-]{23,25}\.[\w-]{6}\.[\w-]{27,}"),
    _token("telegram", ":a", r"(?:bot)?\d{5,16}:A[\w-]{32,}"),
    _row("twilio", "sk", r"SK(?<![A-Za-z0-9]SK)[0-9a-f]{32}(?![0-9a-f])"),
    _row("twilio-pair", ":", r"AC(?<![A-Za-z0-9]AC)[0-9a-f]{32}:([0-9a-f]{32})"),
    _token("sendgrid", "sg.", r"SG\.[\w-]{8,}\.[\w-]{8,}"),
    _token(
        "mail-services",
        "key- -us sib-",
        (r"key-[0-9a-z]{32}(?![\w-])|[0-9a-f]{32}-us\d{1,2}|x(?:key|smtp)sib-\w[\w-]{9,}"),
    ),
    _token("pushbullet", "o.", rf"o\.{_RANDOM}[A-Za-z0-9]{{30,36}}(?!\w)"),
    _token("jfrog", "akcp cmvmd", r"AKCp\w{10,}|cmVmd[A-Za-z0-9]{50,}"),
    _token("dynatrace", "dt0", r"dt0[a-z]\d\d\.[\w.-]{20,}"),
    _token("databricks", "dapi", r"dapi[0-9a-f]{32}"),
    _token("terraform", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{20,}"),
    _token("vault", "hvs. hvb. hvr. s.", r"hv[sbr]\.[\w-]{10,}|s\.[A-Za-z0-9]{24}(?!\w)"),
    _token("doppler", "dp.", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{10,}"),
    _token("1password", "ops_eyj", r"ops_eyJ[\w+/=]{20,}"),
    _token("bitwarden", "0.", r"0\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[\w:+/=]{20,}"),
    _token("appveyor", "v2.", r"v2\.(?=[a-z]{0,19}\d)(?=\d{0,19}[a-z])[a-z0-9]{20}(?![\w.])"),
    _row("airtable", "pat", r"pat(?<![A-Za-z0-9]pat)[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    _token("yandex", "aqvn t1.9", r"AQVN[\w-]{30,}|t1\.9[\w-]{10,}={0,2}\.[\w-]{40,}"),
    _token(
        "amazon-and-others",
        "amzn1.oa2-cs. s-s4t2 tvly- csk- sl.",
        r"(?:amzn1\.oa2-cs\.v\d\.|s-s4t2(?:ud|af)-|tvly-(?:dev-|prod-)?|csk-)[A-Za-z0-9]{20,}"
        r"|sl\.(?:u\.)?[\w-]{60,}",
    ),
    _row("braintree", "access_token$", r"access_token\$(?:production|sandbox)\$[\w$]{16,}"),
    _token("snyk", "snyk_uat.", r"snyk_uat\.[\w.-]{20,}"),
    _token("facebook", "eaa", r"EAA[A-Za-z0-9]{80,}"),
    _token("square", "eaaa", r"EAAA[\w-]{20,}"),
    _token("easypost", "ezak eztk", r"EZ[AT]K[A-Za-z0-9]{50,}"),
    _token("openshift", "sha256~", r"sha256~[\w-]{20,}"),
    _token("kubeadm", "token", r"(?<=token[ =])[a-z0-9]{6}\.[a-z0-9]{16}(?![\w.])"),
    _row("nats-seed", "s", r"S(?<![A-Za-z0-9]S)[ACONUX][A-Z2-7]{56}"),
    _token("wallet-keys", "xprv nsec1", r"xprv[A-Za-z0-9]{100,}|nsec1[a-z0-9]{58}"),
    _token("base64-pem", "ls0tls1crudjt", r"LS0tLS1CRUdJTi[\w+/=]{10,}"),
    _token(
        "jwt",
        "eyj",
        r"eyJ(?:[\w+/=-]{40,}|[\w-]{6,39}(?=\.)|rIjoi[\w+/=]{10,})(?:\.[\w-]*){0,4}",
    ),
)


FORMATS = (
    Rule(
        "private-key",
        ("private key",),
        r"(?s)-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END"
        r" [^-]{0,64}-----|\Z)",
    ),
    _row(
        "http-scheme",
        "bearer basic digest token apikey negotiate aws4-hmac-sha256",
        r"""(?x)
        \b (?i: Bearer | Basic | Digest | Token | ApiKey | Negotiate | AWS4-HMAC-SHA256 ) [ \t]{1,4}
        (?! v?\d{1,4} (?: [.:-]\d{1,4} )* (?! [\w+/=.~-] ) | HTTP/\d )
        (?= [A-Za-z+/._~-]{0,1024} [0-9=] | [A-Za-z] [a-z]{0,255} [A-Z] | [A-Za-z]{20} )
        ( [\w+/.~-]{6,} (?! [\w+/.~-] ) =* (?! = ) ) (?! (?<= = ) \\?" [^\s;,)\]}] )
        """,
    ),
    # crypt(5), and what frameworks and databases make of it.
    _row(
        "password-hash",
        "$",
        r"\${1,2}(?:(?:2[abxy]?|1|5|6|7|y|apr1|scrypt|sha1|P|H)\${1,2}[^\s:,\"']+"
        r"|(?:argon2(?:id?|d)|pbkdf2-\w{1,16})\$[^\s:\"']+)"
        r"|SCRAM-SHA-\d{1,3}\$[^\s,\"']+|\b(?:pbkdf2|scrypt|sha256"
        r"|sha512)[_:$][\w:]{1,32}\$[^\s,\"']+"
        r"|(?<![\w$])[0-9a-f]{16}\$[0-9a-f]{64}(?![0-9a-f])",
    ),
    _row(
        "dovecot",
        "{plain} {cleartext} {clear}",
        r"(?i)\{(?:PLAIN|CLEAR|CLEARTEXT)\}([^\s:\"']{3,256})",
    ),
    _row("ldap-hash", "sha {md5}", r"\{S?(?:SHA\d{0,3}|MD5)\}[A-Za-z0-9+/]{16,}={0,2}"),
    _row("postgres-hash", "md5", r"(?<=[\"'=: ])md5[0-9a-f]{32}(?![0-9a-f])"),
    _row("tor-hash", "16:", r"(?<![\w:])16:[0-9A-F]{58}(?![0-9A-F])"),
    # The private members of a JSON web key, RFC 7518.
    _row(
        "json-web-key",
        "kty",
        r"\"(?:d|p|q|dp|dq|qi|k)\\{0,3}\"\s{0,4}:\s{0,4}\\{0,3}\"([\w-]{6,})",
    ),
)


# The last segment of a path that no person chose: long, with a digit, a change of case or a length
# that words do not have.
_LAST = r"(?=[^\s\"'<>?#/]{0,64}(?:\d|[a-z][A-Z])|[A-Za-z0-9]{20})[^\s\"'<>?#/]"
_END = r"(?=[\s\"'<>?#,;)\]}]|/?\Z)"


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
        (?: (?: turns? | sips? ) : )? [A-Za-z][\w.%+-]{0,63} : (?! // ) ( [^\s/:"'<>]{3,256} )
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
    # A short one is mixed as no name in a manual is: `k8x9w2`, not `route53`.
    _row(
        "web-hook-short",
        "hook",
        r"https?://[\w.:-]{1,253}/(?:[\w.@-]{1,64}/){0,4}(?:hooks?|webhooks?)/"
        rf"((?=[A-Za-z0-9]{{0,8}}[A-Za-z]\d[A-Za-z])[A-Za-z0-9]{{5,9}}){_END}",
    ),
    # Hosts that identify their caller by the path alone.
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
    # InfluxDB's and Subsonic's.
    _row(
        "url-user",
        "p=",
        r"[?&]u=[^&\s\"'#]{1,128}&(?:[\w.-]{1,32}=[^&\s\"'#]{0,128}&){0,8}p=([^&\s\"'#]{3,256})"
        r"|[?&]p=([^&\s\"'#]{3,256})&(?:[\w.-]{1,32}=[^&\s\"'#]{0,128}&){0,8}u=",
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
    # Postfix's `sasl_passwd`: a relay, its port, and who logs in there.
    _row(
        "postfix-sasl",
        "]: smtp mail mx relay",
        r"\[[\w-]{1,64}(?:\.[\w-]{1,64}){1,8}\]:\w{2,10}[ \t]{1,8}[\w.+-]{1,64}@[\w.-]{1,128}:"
        r"([^\s:\"']{4,256})"
        r"|(?:\[[\w-]{1,64}(?:\.[\w-]{1,64}){1,8}\]:\w{2,10}"
        r"|(?<![\w.@/-])\[?(?:smtp|mail|mx|relay)[\w-]{0,60}(?:\.[\w-]{1,64}){1,8}\]?(?::\w{2,10})?)"
        r"[ \t]{1,8}[\w.@+-]{1,64}:((?=[^\s:\"']{0,64}\d)(?=[^\s:\"']{0,64}[A-Za-z])"
        r"[^\s:\"']{5,256})(?=[\s\"']|\Z)",
    ),
    _row("samba-map", "login=", r"\blogin=[^\s:,\"']{1,128}:([^\s\"',;]{3,})"),
)
