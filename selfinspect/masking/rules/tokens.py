"""Tokens that give themselves away by the mark that their issuer puts before them.

Less than the real length is enough: a token that a log cut short is a secret still.
"""

from __future__ import annotations

from selfinspect.masking.rules.rule import Rule

_BEGIN = r"(?<![A-Za-z0-9])"
# What is random: in the next characters a digit or a change of case, as no word has it.
_RANDOM = r"(?=\w{0,24}(?:\d|[a-z][A-Z]|[A-Z][a-z]))"


def _row(name: str, hint: str, pattern: str) -> Rule:
    return Rule(name, "text", tuple(hint.split()), f"{_BEGIN}(?:{pattern})")


def _marked(name: str, marks: str, pattern: str = "") -> Rule:
    """A row of marks that end in `_`; what is behind them must look random."""
    hint = tuple(mark.lower() for mark in marks.split())
    body = f"(?:{'|'.join(marks.split())}){pattern}{_RANDOM}[A-Za-z0-9+/=.-][\\w+/=.-]{{9,}}"
    return Rule(name, "text", hint, _BEGIN + body)


TOKENS = (
    _row("aws", "akia asia abia acca a3t", r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{12,}"),
    _row("aws-bedrock", "absk", r"ABSK[\w+/=]{20,}"),
    _row("alibaba-tencent", "akid ltai", r"(?:AKID|LTAI)[A-Za-z0-9]{12,}"),
    _row("azure-client-secret", "q~", r"[\w~.]{3}\dQ~[\w~.-]{31,34}"),
    _row("google", "aiza ya29. gocspx-", r"AIza[\w-]{20,}|ya29\.[\w-]{10,}|GOCSPX-\w[\w-]{9,}"),
    _row("google-refresh", "1//0", r"(?<!\w)1//0[\w-]{20,}"),
    _marked("github", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_"),
    _row(
        "gitlab",
        "gl gr1348941",
        r"gl(?:pat|dt|rt|rtr|ptt|ft|imt|agent|soat|cbt|oas|ffct|wt)-\w[\w-]{9,}"
        r"|GR1348941[\w-]{10,}",
    ),
    _row(
        "atlassian",
        "atatt3 atctt3 atbb bbdc-",
        r"AT[AC]TT3[\w=-]{10,}|ATBB\w{10,}|BBDC-\w[\w-]{9,}",
    ),
    _row(
        "slack",
        "xox xapp- xoxe.",
        r"(?:xox[abeoprs]-|xapp-|xoxe\.xox[bp]-)(?=[\w-]{0,24}\d)\w[\w-]{9,}",
    ),
    Rule("discord", "text", (".",), r"[MNO](?<![\w-][MNO])[\w-]{23,25}\.[\w-]{6}\.[\w-]{27,}"),
    _row("telegram", ":a", r"(?:bot)?\d{5,16}:A[\w-]{32,}"),
    _marked("stripe", "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_ whsec_"),
    Rule("twilio", "text", ("sk",), r"SK(?<![A-Za-z0-9]SK)[0-9a-f]{32}(?![0-9a-f])"),
    Rule("twilio-pair", "text", (":",), r"AC(?<![A-Za-z0-9]AC)[0-9a-f]{32}:([0-9a-f]{32})"),
    _row("sendgrid", "sg.", r"SG\.[\w-]{8,}\.[\w-]{8,}"),
    _row(
        "mail-services",
        "key- -us sib-",
        (r"key-[0-9a-z]{32}(?![\w-])|[0-9a-f]{32}-us\d{1,2}|x(?:key|smtp)sib-\w[\w-]{9,}"),
    ),
    _marked("npm", "npm_"),
    _row("pypi", "pypi-", r"pypi-\w[\w-]{9,}"),
    _marked("packages", "rubygems_ CLOJARS_ dckr_pat_ dckr_oat_"),
    _row("jfrog", "akcp cmvmd", r"AKCp\w{10,}|cmVmd[A-Za-z0-9]{50,}"),
    _marked("machine-learning", "hf_ api_org_ r8_ gsk_ tgp_v1_"),
    _row("openai-anthropic", "sk-", r"sk-\w[\w-]{9,}"),
    _row("model-services", "pplx- xai- nvapi-", r"(?:pplx|xai|nvapi)-\w[\w-]{9,}"),
    _marked("grafana-sentry", "glsa_ glc_ sntrys_ sntryu_"),
    _row("new-relic", "nrak- nrii- nrjs-", r"NR(?:AK|II|JS|AL|RA)-\w[\w-]{9,}"),
    _row("dynatrace", "dt0", r"dt0[a-z]\d\d\.[\w.-]{20,}"),
    _row("databricks", "dapi", r"dapi[0-9a-f]{32}"),
    _row("pulumi", "pul-", r"pul-[0-9a-f]{40}"),
    _row("terraform", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{20,}"),
    _row("vault", "hvs. hvb. hvr. s.", r"hv[sbr]\.[\w-]{10,}|s\.[A-Za-z0-9]{24}(?!\w)"),
    _row("doppler", "dp.", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{10,}"),
    _row("1password", "ops_eyj", r"ops_eyJ[\w+/=]{20,}"),
    _row("bitwarden", "0.", r"0\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[\w:+/=]{20,}"),
    _marked("linear-notion", "lin_api_ lin_oauth_ ntn_"),
    _marked("databases", "pscale_tkn_ pscale_pw_ pscale_oauth_ sbp_ sb_secret_ npg_"),
    _marked("hosting", "dop_v1_ doo_v1_ dor_v1_ nfp_ rnd_ fo1_ tfp_ fm1r_ fm2_ fm1a_"),
    _marked("shops", "shpat_ shpca_ shppa_ shpss_ sqp_ sqa_ squ_ figd_ sgp_ pnu_ rdme_"),
    _marked("shops-named", "shippo_ duffel_", r"\w{1,16}_"),
    _row(
        "underscored",
        "bkua_ ccipat_ cfat_ cfut_ lsv2_ phx_ rpa_ secret_ vercel_ tk_ key_",
        r"(?:bkua_|ccipat_|CCIPAT_|cf[au]t_|lsv2_(?:pt|sk)_|phx_|rpa_|secret_|vercel_)"
        r"[A-Za-z0-9]{20,}\w*|tk_[a-z0-9A-Z]{29}(?!\w)|key_(?=[A-Za-z]{0,40}\d)[A-Za-z0-9]{24,}",
    ),
    _row(
        "dashed",
        "tskey- swmtkn-1- claim- pmak- hrku- flwseck sq0 ico- fio-u- age-secret-key-",
        r"(?:tskey-\w{1,16}-|SWMTKN-1-|claim-|PMAK-|HRKU-|FLWSECK(?:_TEST)?-|sq0[a-z]{3}-|ico-"
        r"|fio-u-|AGE-SECRET-KEY-)\w[\w-]{9,}",
    ),
    _row("snyk", "snyk_uat.", r"snyk_uat\.[\w.-]{20,}"),
    _row("facebook", "eaa", r"EAA[A-Za-z0-9]{80,}"),
    _row("square", "eaaa", r"EAAA[\w-]{20,}"),
    _row("easypost", "ezak eztk", r"EZ[AT]K[A-Za-z0-9]{50,}"),
    _row("cloudflare-origin", "v1.0-", r"v1\.0-[0-9a-f]{24}-[0-9a-f]{100,}"),
    _row("openshift", "sha256~", r"sha256~[\w-]{20,}"),
    _row("kubeadm", "token", r"(?<=token[ =])[a-z0-9]{6}\.[a-z0-9]{16}(?![\w.])"),
    Rule("nats-seed", "text", ("s",), r"S(?<![A-Za-z0-9]S)[ACONUX][A-Z2-7]{56}"),
    _row("wallet-keys", "xprv nsec1", r"xprv[A-Za-z0-9]{100,}|nsec1[a-z0-9]{58}"),
    _row("base64-pem", "ls0tls1crudjt", r"LS0tLS1CRUdJTi[\w+/=]{10,}"),
    _row(
        "jwt",
        "eyj",
        r"eyJ(?:[\w+/=-]{40,}|[\w-]{6,39}(?=\.)|rIjoi[\w+/=]{10,})(?:\.[\w-]*){0,4}",
    ),
)
