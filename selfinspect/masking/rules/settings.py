"""What is secret by its name: words of names, and settings by their name and form together.

The patterns of settings read `NAME=value`; an argument has no name, and begins with `=`.
"""

from __future__ import annotations

from typing import NamedTuple

from selfinspect.masking.rules import Rule

# What people choose for a password beside a user's name: not a version, a port, a group's name.
_CHOSEN = r"(?=[^\s:;,|/]{0,64}\d)(?=[^\s:;,|/]{0,64}[A-Za-z])(?!v?\d{1,5}[.-]\d)[^\s:;,|/]{5,256}"
_USER = r"[\w.@+-]{1,64}"
_MOST = 7  # accounts behind the first one
_WORDS = r"[a-z]{3,8}(?: [a-z]{3,8})"


class NameRule(NamedTuple):
    """Words of one language, small and without accents, as `names.words` makes them.

    As text: the sets in which names are looked up are made of all languages together.

    Attributes:
        name: what a failing sample is reported under.
        words: each says by itself that a value is secret; with a `_`, one behind another.
        keys: those that mean a key, which may also find data or be public.
        about: words that, after such a word, say that the value is not secret.
    """

    name: str
    words: str
    keys: str = ""
    about: str = ""


NAMES = (
    NameRule(
        "english",
        "auth authentication authorization bearer cookie cookies cred credential credentials"
        " creds csrf dsn gslt hmac jwt mnemonic oauth otp pass passkey password passwords pat"
        " pepper phrase pin preshared private psk psw pswd pw pwd salt salts sas secret secrets"
        " sess session sessions sid sig signature token tokens totp xsrf secret_key_base",
        "key keys",
    ),
    NameRule(
        "portuguese",
        "senha senhas segredo segredos credencial credenciais palavra_passe palavrapasse chave_api",
        "chave chaves",
        "publica primaria estrangeira ordem",
    ),
    NameRule(
        "spanish",
        "contrasen contrasena contrasenas contrasenya contrasenia secreto secretos credenciales"
        " clave llave_api",
        "llave llaves claves",
        "publica primaria foranea orden",
    ),
    NameRule(
        "french",
        "passe motdepasse motpasse mdp jeton jetons identifiants cle_api clef_api",
        "cle cles clef clefs clesecrete clesecrette cleapi",
        "publique primaire etrangere tri",
    ),
    NameRule(
        "german",
        "passwort passworter passwoerter kennwort kennworter kennwoerter losungswort"
        " geheimnis geheimwort geheim zugangsdaten anmeldedaten zugangscode",
        "schluessel schlussel geheimschluessel apischluessel",
        "oeffentlich offentlich sortierung",
    ),
    NameRule(
        "italian",
        "parola parolachiave segreto segreti segreta credenziali parolasegreta chiave_api",
        "chiave chiavi",
        "pubblica primaria esterna ordine ordinamento",
    ),
    NameRule(
        "polish",
        "haslo hasla sekret sekrety tajne tajny poswiadczenia klucz_api",
        "klucz klucze",
        "publiczny glowny obcy sortowania",
    ),
    NameRule(
        "others",
        "wachtwoord geheim wachtwoorden losenord adgangskode kodeord passord salasana heslo"
        " jelszo sifre lozinka geslo parool пароль пароля секрет токен 密码 密碼 口令 密钥"
        " パスワード 비밀번호 암호 passwrd pword",
        "sleutel ключ",
        "openbaar",
    ),
)

# What, behind the last secret word, says that the value is about a secret and not the secret.
ABOUT = """
    addr address age alg algo algorithm algorithms alias allow allowed attribute attributes
    audience backend backends base bind bits bucket certresolver check checking class cluster
    column columns complexity converter core cores cost count cpu cpus database days db debug
    deserializer dir directory disable disabled dn domain domains driver drivers email enable
    enabled encoding encryption endpoint engine entrypoint entrypoints env error errors exp
    expiration expire expires expiry field fields file files filter flow folder format grace
    group groups handler hasher hashers header headers helper host hostname hosts hours httponly
    id ids index interval ip iss issuer iterations kind label len length level lifetime limit
    location log logging login manager master max maxage mechanism mechanisms memory method
    methods middleware middlewares min minutes mirror mode mount ms name names network optional
    origin origins param path paths pattern period plugin plugins policy port ports prefix
    priority protocol provider providers queue realm region registry repo repository require
    required role roles rotation rounds rule rules samesite schema scheme scope scopes seconds
    secs secure serializer server service size sock socket source stdin store strategy strength
    subnet suffix table thread threads timeout topic ttl type types upstream upstreams uri url
    urls user username validation verify version versions vhost zone
"""
# Ways to authenticate, which is what a name that ends in `auth` may say.
METHODS = """
    basic bearer cram-md5 digest form gssapi header headers htpasswd internal jwt kerberos ldap
    login md5 mtls none ntlm oauth oauth2 oidc openid pam plain proxy saml scram scram-sha-1
    scram-sha-256 scram-sha-512 silly simple session sspi tls token trust x509
"""

# What a remark about a secret is made of, `password: too short`: its first word, and the others.
# No word that people would choose for a passphrase.
REMARK_BEGINS = """
    accepted already are at can cannot changed closed contains could created decrypted deleted
    denied disabled does encrypted expired failed found generated has have ignored invalid is loaded
    matched may missing must needs never no not only opened please refreshed rejected removed
    required reset revoked rotated saved secure set should skipped started stored too unable unset
    updated used verified was will would
"""
REMARK_WORDS = """
    a again allowed an and as available be been by change changed character characters check
    configured contain cookie correct database different digit digits do empty enabled environment
    exist exists file first for from given in incorrect it least length letter letters long longer
    lowercase match minimum more new now of off old on one or permitted policy previous provided
    request required same server set short shorter simple special specified successfully supported
    symbol symbols than the this to too uppercase used user valid variable via weak with wrong yet
"""


def _row(name: str, hint: str, pattern: str) -> Rule:
    return Rule(name, tuple(hint.split()) or (" ",), f"(?is){pattern}")


# `acme_…`: a token of a service that nobody has a rule for, by its form; `req_…` is an ID.
ISSUED = (
    _row(
        "issued",
        "_ -",
        r"\A(?=[\w.-]{1,128}=[a-z][a-z0-9]{1,15}[_-][a-z0-9]{24})"
        r"(?![\w.-]{0,96}(?:build|commit|digest|hash|id|image|public|publishable|ref|release|rev"
        r"|revision|sha|site|tag|version)\d{0,3}=)[\w.-]{1,128}="
        r"((?-i:(?!pk_|sha\d|md5|commit|build|img|image)[a-z][a-z0-9]{1,15}[_-]"
        r"(?:(?=[A-Za-z]{0,64}\d)(?=[a-z0-9]{0,64}[A-Z])(?=[A-Z0-9]{0,64}[a-z])[A-Za-z0-9]{24,128}"
        r"|[0-9a-f]{40}|[0-9a-f]{64})))\Z",
    ),
)

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
        r"(?-i:(?=[^\s/\"']{0,64}(?:\d|[a-z][A-Z])|[A-Za-z]{16})[^\s/\"']{5,256}"
        r"|[a-z]\d[a-z]\d|\d[a-z]\d[a-z]))/?\Z",
    ),
)

# A user and a password, with one of these between them: `: ; | @`.
ACCOUNTS = (
    # `bob:hunter2`, and what stands behind that for an SFTP server; `node:node` is a group.
    _row(
        "accounts",
        ": ; |",
        r"\A-{0,2}[\w.-]{0,64}(?:users?|username|accounts?|logins?|relay(?:host)?|sasl\w{0,2}"
        r"|prox(?:y|ies)|proxy_?list"
        rf"|smtp|e?mail|s?ftp|samba|smb"
        rf"|auth|basic)(?:_(?:\d{{1,3}}|list))?=(?!(?:\w{{1,16}}:){{1,3}}//)\W{{0,2}}{_USER}[:;|]({_CHOSEN})"
        + rf"(?:[:|][^\s,;]{{0,256}})?(?:[,;\s]+{_USER}[:|]({_CHOSEN})" * _MOST
        + ")?" * _MOST,
    ),
    _row(
        "known-user",
        ":",
        rf"=(?:admin|administrator|elastic|guest|root|superuser):({_CHOSEN})\Z",
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
