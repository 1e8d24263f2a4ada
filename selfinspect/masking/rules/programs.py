"""What well-known programs take as a password on their command lines, as their manuals say.

In a pattern a space stands for the end of a word. It is tried at each word behind the program's
name, that name included.
"""

from __future__ import annotations

from selfinspect.masking.rules import Rule

_WORD = "([^ ]+)"
_BARE = "([^ -][^ ]*)"


def _row(programs: str, pattern: str) -> Rule:
    hint = tuple(programs.split())
    whole = pattern.replace("WORD", _WORD).replace("BARE", _BARE).replace(" ", "\0")
    return Rule(hint[0].rstrip("*_-"), hint, f"(?s){whole}")


PROGRAMS = (
    _row(
        "mysql* mariadb* sshpass cqlsh* cypher-shell 7z 7za 7zr 7zz mydumper myloader pt-*",
        "-p ?WORD|password BARE",
    ),
    _row("mongo* bsondump", "-p ?WORD|(?:--username|-u) [^ ]+ (?:--password|-p)[ =]WORD"),
    _row(
        "rabbitmqadmin couchbase-cli cbbackup cbbackupmgr cbstats cbq ncftp* rar unrar twine "
        "useradd usermod register_new_matrix_user elasticsearch-users airflow yt-dlp youtube-dl "
        "mcrcon fs_cli rdesktop racadm mycli mssql-cli bitwarden-cli beeline isql-fb gbak",
        "-h?p ?WORD",
    ),
    _row(
        "docker podman nerdctl buildah skopeo helm oras crane az regctl",
        ("login (?:[^ ]+ ){0,6}-p ?WORD|--(?:src-|dest-)?creds?[ =][^: ]*:WORD"),
    ),
    _row(
        "curl wcurl",
        (
            r"(?:-\w{0,16}[uUE] ?|--(?:cert|user|proxy-user|proxy-cert)[= ])[^: ]*:([^ ]+)"
            "|(?:-b ?|--cookie[= ])([^ ]+)|--(?:pass|proxy-pass|oauth2-bearer|tlspassword)[= ]WORD"
        ),
    ),
    _row(
        "etcdctl http https httpie xh ab hey",
        ("(?:-[aAP] ?|--(?:user|auth|new-user-password)[= ])[^: ]*:WORD|user add [^: ]+:WORD"),
    ),
    _row(
        "ttyd transmission-remote turnserver gotty",
        "(?:-[cnu] ?|--(?:user|auth|credential)[= ])[^: ]*:WORD",
    ),
    _row("transmission-daemon", "-v ?WORD|--password[= ]WORD"),
    _row("kubectl oc", "--from-literal[= ][^= ]+=WORD|login (?:[^ ]+ ){0,6}-p ?WORD"),
    _row("redis-server valkey-server keydb-server", ">WORD|--(?:requirepass|masterauth) WORD"),
    _row(
        "redis-cli redis-benchmark valkey-cli valkey-benchmark keydb-cli keydb-benchmark iredis",
        "-a ?WORD|(?i:auth) WORD(?: ([^ ;|&]+))?|>WORD|(?i:auth-pass) [^ ]+ WORD",
    ),
    _row("mosquitto_passwd", "-b [^ ]+ [^ ]+ WORD"),
    _row(
        "sqlcmd bcp tsql fisql mosquitto_* zip unzip zipcloak ipmitool microsocks sqsh p4",
        "-P ?WORD",
    ),
    _row("ldappasswd slappasswd smbpasswd", "-[as] ?([^ -][^ ]*)|-w ?WORD"),
    _row("ldap* squidclient irssi", "-[wW] ?WORD"),
    _row("ssh-keygen puttygen", "-[NP] ?WORD|--(?:new|old)-passphrase[= ]WORD"),
    _row("ss-* ssserver sslocal ssmanager", "-k ?WORD|--key[= ]WORD"),
    _row("plink pscp psftp winscp*", "-pw WORD|/password=WORD"),
    _row("gitlab-runner act_runner forgejo-runner", "-r ?WORD|--(?:registration-)?token[= ]WORD"),
    _row("k3s rke2 frpc frps gotify doctl fly flyctl inlets npc", "-t ?WORD|-vkey[= ]WORD"),
    _row("snmp*", "-[cAXa] ?([^ /][^ ]*)"),
    _row(
        "openssl",
        r"-(?:pass(?:in|out)?|password) pass:WORD|-[kK] WORD|-(?:srp|psk)pass WORD"
        r"|passwd (?:-\w+ (?:-salt [^ ]+ )?){0,4}BARE",
    ),
    _row("smbclient rpcclient net smbget winexe", "(?:-U ?|--user[= ])[^% ]*%WORD|//[^ ]+ BARE"),
    _row("samba.sh", "-u ?[^; ]*;([^; ]+)"),
    _row("lftp open", "(?:-u ?|--user[= ])[^, ]*,WORD|user [^ ]+ BARE"),
    _row("sqlplus sqlldr expdp impdp rman", "[^/ -][^/ ]*/([^@ ]+)(?:@[^ ]*)?"),
    _row("rabbitmqctl", "(?:add_user|change_password|authenticate_user) [^ ]+ WORD"),
    _row(
        "htpasswd",
        (
            r"(?=(?:[^ ]+ ){0,6}?-\w*b)(?=(?:[^ ]+ ){0,6}?-\w*n)(?:-\w+ (?:\d+ )?){1,6}[^ ]+ WORD"
            r"|(?=(?:[^ ]+ ){0,6}?-\w*b)(?:-\w+ (?:\d+ )?){1,6}[^ -][^ ]* [^ ]+ WORD"
        ),
    ),
    _row("htdigest", "-b (?:[^ ]+ ){3}WORD"),
    _row("isql wpa_passphrase iusql", "[^ ]*(?:isql [^ ]+|phrase) [^ ]+ BARE"),
    _row("cargo", "login (?:--registry[= ][^ ]+ )?BARE"),
    _row("poetry pdm", "config (?:pypi-token[^ ]*|http-basic[^ ]* [^ ]+) BARE"),
    _row("rclone", r"obscure BARE|(?i:pass(?:word|2)?|secret_access_key|client_secret|token) BARE"),
    _row("sendemail swaks", "-(?:xp|ap) WORD"),
    _row("mkpasswd", "-m [^ ]+ BARE|--method=[^ ]+ BARE"),
    _row("caddy", "(?:-p|--plaintext) WORD"),
    _row("grafana grafana-cli", "reset-admin-password (?:--?[^ ]+ ){0,4}BARE"),
    _row("db2", "using WORD"),
    _row(
        "mc mcli minio-client",
        "(?:alias set|config host add) [^ ]+ [^ ]+ WORD WORD|user (?:add"
        "|svcacct add) [^ ]+ [^ ]+ WORD",
    ),
    _row("vault bao", r"(?:login|unseal|token (?:lookup|renew|revoke)) BARE|[A-Za-z][\w.-]*=WORD"),
    _row(
        "consul nomad serf", "-encrypt[= ]WORD|set-agent-token [^ ]+ BARE|keyring -install[= ]WORD"
    ),
    _row("ngrok cloudflared", "(?:add-)?authtoken WORD|service install BARE"),
    _row(
        "aws npm pnpm yarn git pip pip3",
        ("(?:set|config|--global) [^ ]*(?:[Ss]ecret|[Tt]oken|[Pp]assword|_auth)[^ ]* WORD"),
    ),
    _row("composer", "[^ ]*(?:oauth|bearer|token)[^ ]* BARE|http-basic[^ ]* [^ ]+ BARE"),
    _row("bundle bundler", r"config (?:set )?(?:--\w+ )?[^ ]+ ([^ :-][^ :]*:[^ ]+)"),
    _row("gem", "push (?:[^ ]+ ){0,4}--key[= ]WORD"),
    _row("bw", "login (?:--?[^ ]+ ){0,4}[^ -][^ ]* BARE|unlock BARE"),
    _row(
        "sed gsed",
        "|".join(
            f"s{mark}[^{mark} ]*(?i:passw|secret|token|_key)[^{mark} ]*{mark}([^{mark} ]+){mark}"
            for mark in "/#,@"
        ),
    ),
    _row(
        "filebrowser",
        "users (?:add [^ ]+|update [^ ]+ (?:-p|--password)) BARE|(?:-p"
        "|--password)[= ]WORD(?= users)",
    ),
    _row("doveadm", "-p ?WORD|auth test (?:-[^ ]+ [^ ]+ ){0,4}[^ -][^ ]* BARE"),
    _row(
        "setup setup.sh",
        "email (?:add|update) [^ ]+ BARE|dovecot-master (?:add|update) [^ ]+ BARE"
        "|-[^ ]+ email add [^ ]+ BARE",
    ),
    _row("ejabberdctl", "(?:register|change_password|check_password) [^ ]+ [^ ]+ BARE"),
    _row("zkcli.sh zkcli", "addauth digest [^: ]*:WORD"),
    _row("prosodyctl", "register [^ ]+ [^ ]+ BARE"),
    _row(
        "xfreerdp xfreerdp3 wlfreerdp sdl-freerdp freerdp", "/(?:p|gp|pass|password):WORD|/pth:WORD"
    ),
    _row("steamcmd steamcmd.sh", r"\+login [^ +]+ ([^ +][^ ]*)"),
    _row(
        "srcds_run srcds_linux hlds_run hlds_linux cs2 q3ded",
        r"\+(?:\w+_password|rcon_?password|sv_setsteamaccount|tv_password"
        r"|rconPassword) WORD|-authkey WORD",
    ),
    _row("terrariaserver terrariaserver.bin.x86_64", "-(?:pass|password) WORD"),
    _row("mumble-server murmurd murmur", "-(?:su|supw) WORD"),
    _row(
        "iwctl nmcli",
        r"(?i:(?:wifi-sec|802-11-wireless-security)\.(?:psk|wep-key\d)|passphrase"
        r"|password|psk) WORD|802-1x\.password WORD",
    ),
    _row(
        "x11vnc vncserver vncdo",
        "-(?:passwd|viewpasswd|p) WORD|--password[= ]WORD|-storepasswd BARE",
    ),
    _row("xmrig cpuminer minerd cgminer", "-p ?WORD|-O ?[^: ]*:WORD|--userpass[= ][^: ]*:WORD"),
    _row("monerod monero-wallet-rpc monero-wallet-cli", "--rpc-login[= ][^: ]*:WORD"),
    _row(
        "ntfy",
        "(?:-u ?|--user[= ])[^: ]*:WORD|-k ?(tk_[^ ]+)|user (?:add|change-pass)[^ ]* [^ ]+ BARE",
    ),
    _row("kafka-configs* kafka-acls*", r"--add-config[= ][^ ]*?password=([^\], ]+)"),
    _row(
        "neo4j-admin neo4j",
        "set-(?:initial|default-admin)-?[^ ]*password[^ ]* BARE|set-initial-password BARE",
    ),
    _row(
        "influx",
        "(?:-p|-t|--password|--token)[= ]WORD"
        "|[^ ]*influx setup (?:(?=(?:[^ ]+ ){0,16}?-p ?WORD))?(?:(?=(?:[^ ]+ ){0,16}?-t ?WORD))?",
    ),
    # Ory's Hydra has the same name, and a port behind its `-p`.
    _row(
        "hydra medusa",
        "[^ ]*(?:hydra|medusa) (?!(?:serve|perform|token|migrate) )(?:[^ ]+ ){0,32}?-p ?WORD",
    ),
    _row("snyk", "auth BARE"),
    _row("kadmin*", "-w ?WORD"),
    _row("pulumi", "config set (?:--?[^ ]+ ){0,4}--secret (?:--?[^ ]+ ){0,4}[^ -][^ ]* BARE"),
    _row("emqx_ctl emqx", "admins (?:add|passwd) [^ ]+ BARE"),
    _row("signtool", "/p WORD"),
    _row("orientdb console.sh", "(?i:connect) [^ ]+ [^ ]+ BARE"),
    _row("kopia duplicati-cli", "--?(?:password|passphrase|server-password)[= ]WORD"),
)
