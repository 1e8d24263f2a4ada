"""Secrets without a mark before them: in SQL, in protocols, in what is piped to a program."""

from __future__ import annotations

from selfinspect.masking.rules import Rule


def _row(name: str, hint: str, pattern: str) -> Rule:
    return Rule(name, tuple(hint.split(",")), f"(?i){pattern}")


PHRASES = (
    _row(
        "sql",
        "identified,password,passphrase,passwd",
        r"\b(?:identified(?:\s{1,4}with\s{1,4}[\w\"'`]{1,64})?\s{1,4}(?:by|as)"
        r"|password(?:\s{1,4}for\s{1,4}\S{1,128}\s{1,4}=)?|passphrase|passwd)"
        r"(?:\s{0,4}\(\s{0,4}|\s{1,4})(?:\"([^\"\n]{1,256})\"|'([^'\n]{1,256})')",
    ),
    _row(
        "netrc",
        "login,user",
        r"\blogin(?:\s|\\n){1,4}[^\s\\]{1,128}(?:\s|\\n){1,4}password\s{1,4}([^\s\\]+)"
        r"|\buser(?:name)?\s{1,4}[^\s\\]{1,128}\s{1,4}pass(?:word)?\s{1,4}((?=\S{0,64}\d)[^\s\\]+)",
    ),
    _row("redis-conf", "requirepass,masterauth", r"\b(?:requirepass|masterauth)\s{1,4}(\S+)"),
    # What configuration files have behind a word and a space.
    _row(
        "directive",
        "bindpw,rootpw,auth_pass,community,key-file-pass,monitor",
        r"(?m)^[ \t]{0,16}(?:bindpw|rootpw|auth_pass|r[ow]community6?|tls-key-file-pass"
        r"|monitor \S{1,128}@\S{1,128} \d{1,4} \S{1,64})"
        r"[ \t]{1,8}[\"']?([^\s\"'=]\S{0,255}?)[\"']?(?=\s|\Z)",
    ),
    _row("ipsec", "psk,xauth,eap", r"[:\s](?:PSK|XAUTH|EAP)\s{1,4}\"([^\"\n]{4,256})\""),
    _row(
        "ppp-secret",
        " * ",
        r"(?m)^[ \t]{0,8}[\"']?[\w.@-]{1,64}[\"']?[ \t]{1,8}\*[ \t]{1,8}"
        r"[\"']?((?=\S{0,64}\d)(?=\S{0,64}[A-Za-z])[^\s\"'*/,-][^\s\"'*]{4,128})"
        r"[\"']?[ \t]{1,8}\*[ \t]*$",
    ),
    _row("redis-user", "user ", r"\buser\s{1,4}\S{1,64}\s{1,4}on\s(?:[^\n>]{0,64}\s)?>(\S+)"),
    _row("redis-sentinel", "auth-pass", r"\bauth-pass\s{1,4}\S{1,64}\s{1,4}([^\s-]\S*)"),
    _row(
        "erlang",
        "setcookie,default_pass",
        r"\bsetcookie\s{1,4}(\S+)|\bdefault_pass,?\s{1,4}<<[\"']{0,4}([^\"'>]+)",
    ),
    Rule(
        "redis-auth",
        ("auth ",),
        r"\bAUTH\s{1,4}(\S{0,64}\d\S*|(?!LOGIN|PLAIN|CRAM|XOAUTH)\S{6,64}?(?=\\r))",
    ),
    _row(
        "mongo-auth",
        "auth(",
        r"\bauth\(\s{0,4}[\"'][^\"']{0,128}[\"']\s{0,4},\s{0,4}[\"']([^\"']+)",
    ),
    _row("redis-monitor", 'auth"', r"\bauth\"\s{1,4}(?:\"\w{1,64}\"\s{1,4})?\"([^\"]+)"),
    _row(
        "connect-call",
        "connect(,pdo(,getconnection(",
        r"(?:\bPDO|getConnection|\b(?:mysqli?|pg|ftp|ldap|oci"
        r"|odbc)\w{0,16}connect)\((?:\s{0,4}[^,()\"']{0,16}[\"'][^\"']{0,128}[\"']"
        r"\s{0,4},){1,2}"
        r"\s{0,4}[\"']([^\"']+)",
    ),
    _row(
        "haproxy",
        "stats auth,insecure-password",
        r"\bstats\s{1,4}auth\s{1,4}[^\s:]{1,64}:(\S+)|\binsecure-password\s{1,4}(\S+)",
    ),
    _row(
        "zookeeper",
        "digest",
        r"\b(?:addauth|setAcl|acl)\s[^\n]{0,64}?digest[\s:]{1,4}[^\s:]{1,64}:([^\s:'\"]+)",
    ),
    _row(
        "sasl-plain",
        "sasl",
        r"\bSASL\s{1,4}PLAIN\b[^\n]{0,64}?\bpassword\s{1,4}[\"']?([^\s\"']{3,})",
    ),
    _row(
        "pin",
        "pin",
        r"(?<![\w-])pin(?:[ -]?(?:code|number))?(?:\s(?:is"
        r"|was))?\s?[:=]?\s{1,2}(\d{4,10})(?![\w.:-])",
    ),
    _row(
        "code",
        " code,otp",
        r"\b(?:(?:2fa|access|activation|auth(?:entication)?|device|enrol?lment|invite"
        r"|login|one-?time|otp|pairing|security|setup|verification) code|otp(?: for \S{1,64})?)"
        r"(?:\s(?:is|was))?\s?:?\s{1,2}"
        r"(\d{4,10}|(?-i:(?=[A-Z-]{0,24}\d)[A-Z0-9]{3,8}(?:-[A-Z0-9]{3,8}){1,5}))(?![\w.:-])",
    ),
    # `Password for user admin: …`, `Mot de passe administrateur : …`, at the end of a line.
    _row(
        "password-of",
        "pass,kennwort,contrase,senha,has,parola, key, token",
        r"(?<![\w-])(?:passwor[dt]|passphrase|mot de passe|kennwort|contrase(?:ñ|n|ny"
        r"|ni)a|senha|has[lł]o"
        r"|parola|(?:access|api|auth|private|secret) (?:key|token))(?:\s(?!(?:account"
        r"|address|at|error|from|host|id|ip|user|username|file|hash)\s?:)"
        r"[\w'\u2019.@-]{1,32}){1,4}(?:\s?:|\s(?:is|was))\s{1,2}[\"'`]?"
        r"((?=\S{0,64}\d)(?=\S{0,64}[A-Za-z])(?!\w{1,16}://|/|v?\d{1,4}[.:-]\d)[^\s\"'`,;]{6,256})"
        r"[\"'`.]?[ \t]*(?=[\r\n]|\Z)",
    ),
    # What Elasticsearch says, with how to reset it in between.
    _row(
        "password-reset",
        "password",
        r"\bpassword for (?:the )?[\w.@-]{1,64} (?:user|account)(?: \([^()\n]{1,128}\))?:\s{1,2}"
        r"([^\s\"']{6,256})[ \t]*(?=[\r\n]|\Z)",
    ),
    # FTP's and POP's, and what SMTP and IMAP say in base64; `PASS src/app.test.js` is a test's.
    Rule(
        "mail-and-ftp",
        ("pass ", "auth "),
        r"(?m)(?:^|[>\"':\]] ?)PASS[ \t]"
        r"((?!(?i:test)|\[|\S{0,256}[._](?:test|spec)\b)(?=\S{0,64}\d)(?=\S{0,64}[A-Za-z])[^\s/\\\"']{4,256})(?=[\"']?(?:\\r|\s|\Z))"
        r"|\bAUTH(?:ENTICATE)?[ \t](?:PLAIN|LOGIN|XOAUTH2)[ \t]([A-Za-z0-9+/]{8,}={0,2})",
    ),
    # `--password-file=<(echo hunter2)`.
    _row(
        "substituted",
        "<(",
        r"(?:pass|secret|token|key|psk)[\w-]{0,32}[= ]<\(\s{0,4}(?:echo|printf)\s{1,4}"
        r"(?:-\w{1,3}\s{1,4})?[\"']?([^\s\"')]{3,256})",
    ),
    # MySQL's are of any characters.
    _row(
        "password-made",
        "password",
        r"(?m)\b(?:temporary|initial|generated|random|one-time) password (?:is|was)? ?"
        r"(?:(?:generated|created|set) )?for [\w.@%'-]{1,128}: (\S{6,128})[ \t]*$",
    ),
    _row(
        "password-to",
        "password",
        r"\b(?:password (?:for|of) (?:user |account )?\S{1,64}"
        r"|(?:set|setting|chang(?:ed|ing)|reset|resetting|updat(?:ed|ing)) (?:the )?(?:\w{1,32} )?"
        r"(?:password|passphrase|pin|token|secret)) to [\"']?"
        r"((?=\S{0,64}\d)(?!\S{0,64}://)[^\s\"'/]{6,256})",
    ),
    _row(
        "login-with",
        "login,log in,sign in",
        r"\b(?:login|log in|sign in) (?:with|as|using):? [\w.@-]{1,64}\s?[/:]\s?"
        r"((?=[^\s\"']{0,64}\d)[^\s\"',;/]{5,256})",
    ),
    _row(
        "recovery-codes",
        "codes",
        r"\b(?:backup|recovery|scratch|emergency) codes(?: are)?:?\s{1,2}"
        r"((?=\S{0,32}\d)(?:[\w-]{4,32}[,;\s]{1,3}){0,31}[\w-]{4,32})",
    ),
    _row(
        "credentials",
        "credential,login:",
        r"\b(?:credentials?|login(?=:))(?:\s(?:are|is))?\s?:?\s{1,2}(?!from\b|for\b)[\w.@-]{1,64}\s?[:/]\s?"
        r"((?=[^\s\"']{0,64}\d)(?![^\s\"']{0,128}/)[^\s\"',;]{5,})",
    ),
    _row(
        "chpasswd-heredoc",
        "chpasswd",
        r"\bchpasswd[^\n<]{0,80}<<(?:<|-?\s{0,4}[\"']?\w{1,32}[\"']?\s{0,4}\n)\s{0,4}"
        r"[\"']?[^:\s\"']{1,64}:([^\s\"']+)",
    ),
    _row(
        "here-string",
        "<<<",
        r"\bread\s{1,4}(?:-\w{1,4}\s{1,4}){0,3}\w{1,32}\s{0,4}<<<\s{0,4}(?:'([^'\n]{3,})'"
        r"|\"([^\"\n]{3,})\"|([^\s\"';]{3,}))",
    ),
    _row("password-stdin", "password-stdin", r"\bpassword-stdin\s{0,4}<<<\s{0,4}[\"']?([^\s\"']+)"),
    # What is written into a program that reads a password, or into a file that is named for one.
    _row(
        "piped",
        "echo ,printf ",
        r"""(?x)
        \b (?: echo | printf ) \s{1,4} (?: -\w{1,3} \s{1,4} )? (?: ["']%s(?:\\n)?["'] \s{1,4} )?
        ["']? ( (?: [^|"'\n>\s] | [ \t] (?! \s{0,4} ["'|>] | echo\s | printf\s ) ){1,200} ) ["']?
        \s{0,4}
        (?: \| [^|\n]{0,200}?
                (?: cryptsetup | kinit | passphrase-fd | password-stdin | passwd
                    | sudo [ ] -\w{0,4}S )
          | (?: >{1,2} | \| \s{0,4} tee (?: \s{1,4} -a )? ) \s{0,4} [^\s;|&]{0,200}
                (?: /secrets?/ [^\s;|&]
                  | (?: passw\w{0,8} | token | secret | \.pgpass | \.netrc )
                    (?: \.txt )? (?! [\w.-] ) )
        )
        """,
    ),
    _row(
        "piped-lines",
        "smbpasswd,passwd",
        (
            r"\b(?:echo|printf)\s{1,4}(?:-\w{1,3}\s{1,4})?[\"']([^\"'|\\\n]{3,100})(?:\\n"
            r"|\n)([^\"'|\\]{3,100})(?:\\n|\n)?[\"']"
            r"\s{0,4}\|[^|\n]{0,80}?passwd"
        ),
    ),
)
