"""Words of names that say that a value is secret, and of those that say it is only about one."""

from __future__ import annotations

from typing import NamedTuple


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
        " pepper phrase pin private psk psw pswd pw pwd salt salts sas secret secrets sess"
        " session sessions sid sig signature token tokens totp xsrf secret_key_base",
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
        " jelszo sifre lozinka geslo parool",
        "sleutel",
        "openbaar",
    ),
)

# What, behind the last secret word, says that the value is about a secret and not the secret.
ABOUT = """
    addr address age alg algo algorithm algorithms alias allow allowed attribute attributes
    audience backend backends base bind bits bucket certresolver check checking class cluster
    column columns complexity converter core cores cost count cpu cpus database days db debug
    deserializer dir directory disable disabled dn domain domains driver drivers email enable
    enabled encoding encryption endpoint engine entrypoint entrypoints error errors exp
    expiration expire expires expiry file files filter flow folder format grace group groups
    handler hasher hashers header headers helper host hostname hosts hours httponly id ids index
    interval ip iss issuer iterations kind label len length level lifetime limit location log
    logging login manager master max maxage mechanism mechanisms memory method methods middleware
    middlewares
    min minutes mirror mode mount ms name names network optional origin origins path paths
    period plugin plugins policy port ports prefix priority protocol provider providers queue
    realm region registry repo repository require required role roles rotation rounds rule rules
    samesite schema scheme scope scopes seconds secs secure serializer server service size sock
    socket source store strategy stdin strength subnet suffix table thread threads timeout topic
    ttl type types upstream upstreams uri url urls user username validation verify version
    versions vhost zone
"""
# Ways to authenticate, which is what a name that ends in `auth` may say.
METHODS = """
    basic bearer cram-md5 digest form gssapi header headers htpasswd internal jwt kerberos ldap
    login md5 mtls none ntlm oauth oauth2 oidc openid pam plain proxy saml scram scram-sha-1
    scram-sha-256 scram-sha-512 silly simple session sspi tls token trust x509
"""
