from __future__ import annotations

import base64
import html
import json
import string
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfinspect.masking import MASK, Masking

if TYPE_CHECKING:
    from collections.abc import Callable

    from selfinspect.model import Json

HEX = "3f8a0c5e9b7d4216" * 4
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
PEM = (
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAx0Qb\nq83hT1vZ5k8=\n"
    "-----END RSA PRIVATE KEY-----"
)


def env(entry: str) -> Json:
    return {"Config": {"Env": ["PATH=/usr/bin", entry]}}


def label(name: str, value: str) -> Json:
    return {"Config": {"Labels": {name: value}}}


def command(*argv: str) -> Json:
    return {"Path": argv[0], "Args": [*argv[1:]], "Config": {"Cmd": [*argv]}}


def check(script: str) -> Json:
    return {"Config": {"Healthcheck": {"Test": ["CMD-SHELL", script]}}}


def printed(output: str) -> Json:
    return {"State": {"Health": {"Log": [{"ExitCode": 1, "Output": output}]}}}


def volume(options: str) -> Json:
    mount: Json = {"VolumeOptions": {"DriverConfig": {"Options": {"o": options}}}}
    return {"HostConfig": {"Mounts": [mount]}}


def logging(name: str, value: str) -> Json:
    return {"HostConfig": {"LogConfig": {"Type": "x", "Config": {name: value}}}}


CARRIED: list[tuple[Json, str]] = [
    # Names of variables.
    (env("PASSWORD=123456"), "123456"),
    (env("POSTGRES_PASSWORD=correct horse"), "correct horse"),
    (env("spring.datasource.password=hunter2x"), "hunter2x"),
    (env("ConnectionStrings__Default=Server=db;User=sa;Password=a,b&c;App=x"), "a,b&c"),
    (env("PGPASSWORD=hunter2x"), "hunter2x"),
    (env("MYSQL_PWD=hunter2x"), "hunter2x"),
    (env("DBPASS=hunter2x"), "hunter2x"),
    (env("smtpPass=hunter2x"), "hunter2x"),
    (env("ROOT_PW=hunter2x"), "hunter2x"),
    (env("GPG_PASSPHRASE=hunter2x"), "hunter2x"),
    (env("HTPASSWD=bob:hunter2x"), "hunter2x"),
    (env("BASICAUTH=bob:hunter2x"), "hunter2x"),
    (env("NEO4J_AUTH=neo4j/hunter2x"), "hunter2x"),
    (env("REDISCLI_AUTH=hunter2x"), "hunter2x"),
    (env("APIKEY=hunter2x"), "hunter2x"),
    (env("ACCESSKEY=hunter2x"), "hunter2x"),
    (env("SECRETKEY=hunter2x"), "hunter2x"),
    (env("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG"), "wJalrXUtnFEMI/K7MDENG"),
    (env("APP_KEY=base64:dGhpcw=="), "dGhpcw=="),
    (env("API_KEY_2=hunter2x"), "hunter2x"),
    (env("AUTHTOKEN=hunter2x"), "hunter2x"),
    (env("accessToken=hunter2x"), "hunter2x"),
    (env("JWT=hunter2x"), "hunter2x"),
    (env("GITHUB_PAT=hunter2x"), "hunter2x"),
    (env("COOKIE_SECRET=hunter2x"), "hunter2x"),
    (env("RABBITMQ_ERLANG_COOKIE=hunter2x"), "hunter2x"),
    (env("SENTRY_DSN=https://abcdef@o1.ingest.sentry.io/1"), "abcdef"),
    (env("SESSION=hunter2x"), "hunter2x"),
    (env("PRIVATE=hunter2x"), "hunter2x"),
    (env("AUTH_SALT=hunter2x"), "hunter2x"),
    (env("WALLET_MNEMONIC=able baker charlie"), "able baker charlie"),
    (env('GCP_CREDENTIALS={"private_key_id": "hunter2x"}'), "hunter2x"),
    (env('DOCKER_AUTH_CONFIG={"auths": {"r": {"auth": "Ym9iOng="}}}'), "Ym9iOng="),
    (env("TOKEN_URL=https://bob:hunter2x@idp/oauth"), "hunter2x"),
    # Values under names that say nothing.
    (env("DATABASE_URL=postgres://user:hunter2x@db:5432/app"), "hunter2x"),
    (env("REDIS=redis://:p/w@x#1@db:6379/0"), "p/w@x#1"),
    (env("BROKERS=amqp://u:first-pw@a,amqp://u:other-pw@b"), "other-pw"),
    (env("SMTP=smtp://bob@example.com:hunter2x@mx:587"), "hunter2x"),
    (env("HTTP_PROXY=http://bob:p%40ss-w@proxy:3128"), "p%40ss-w"),
    (env("GIT=https://a1b2c3d4e5f6@github.com/o/r"), "a1b2c3d4e5f6"),
    (env("REMOTE=https://topsecretname:x-oauth-basic@github.com/o/r"), "topsecretname"),
    (env("MYSQL=user:hunter2x@tcp(127.0.0.1:3306)/db"), "hunter2x"),
    (env("ORACLE=jdbc:oracle:thin:scott/hunter2x@//db:1521/x"), "hunter2x"),
    (env("JDBC=jdbc:mysql://db/app?user=u&password=hunter2x&ssl=true"), "hunter2x"),
    (env("BLOB=https://a.blob/x?sv=2022&sig=ab%2Fcd%3D&se=1"), "ab%2Fcd%3D"),
    (env("STORAGE=AccountName=x;AccountKey=aGVsbG8=;EndpointSuffix=y"), "aGVsbG8="),
    (env("ODBC=Driver=x;UID=sa;PWD=hunter2x;"), "hunter2x"),
    (env("PG=host=db password='a b c' user=u"), "a b c"),
    (env("BACK=https://h/?to=" + quote("https://u:hunter2x@h/", safe="")), "hunter2x"),
    (env("SHARE=//bob:hunter2x@nas/share"), "hunter2x"),
    (env("SLACK=https://hooks.slack.com/services/T00/B00/XXXXYYYYZZZZ"), "XXXXYYYYZZZZ"),
    (env("CHAT=https://discord.com/api/webhooks/123456/AbCdEfGh-12"), "AbCdEfGh-12"),
    (env(f"A={JWT}"), JWT),
    (env(f"A={PEM}"), "q83hT1vZ5k8="),
    (env("A=" + PEM.replace("\n", "\\n")), "q83hT1vZ5k8="),
    (env("A=AKIAIOSFODNN7EXAMPLE"), "AKIAIOSFODNN7EXAMPLE"),
    (env("A=ghp_16C7e42F292c6912E7710c838347Ae178B4a"), "ghp_16C7e42F292c6912E7"),
    (env("A=github_pat_11ABCDEFG0123456789_abcdef"), "11ABCDEFG0123456789"),
    (env("A=glpat-aB3dE5gH7jK9mN1pQ3sT"), "aB3dE5gH7jK9mN1pQ3sT"),
    (env("A=xoxb-1234567890-abcdefGHIJ"), "1234567890-abcdefGHIJ"),
    (env("A=sk-proj-aB3dE5gH7jK9mN1pQ3sT"), "aB3dE5gH7jK9mN1pQ3sT"),
    (env("A=sk_live_aB3dE5gH7jK9mN1p"), "aB3dE5gH7jK9mN1p"),
    (env("A=AIzaSyA1234567890abcdefghijklmnopqrstuv"), "SyA1234567890"),
    (env("A=SG.aB3dE5gH7jK9.mN1pQ3sT5vW7"), "mN1pQ3sT5vW7"),
    (env("A=npm_aB3dE5gH7jK9mN1pQ3sT"), "aB3dE5gH7jK9mN1pQ3sT"),
    (env("A=pypi-AgEIcHlwaS5vcmcCJGFi"), "AgEIcHlwaS5vcmcCJGFi"),
    (env("A=hvs.CAESIJlWSAxDTW0"), "CAESIJlWSAxDTW0"),
    (env(f"A=dop_v1_{HEX}"), HEX),
    (env("A=hf_aB3dE5gH7jK9mN1pQ3sT"), "aB3dE5gH7jK9mN1pQ3sT"),
    (env("A=bot123456789:AAF-abcdefghijklmnopqrstuvwxyz123456"), "AAF-abcdefgh"),
    (env("HEADER=Bearer abc.def-123"), "abc.def-123"),
    (env("A=Authorization: Basic Ym9iOmh1bnRlcg=="), "Ym9iOmh1bnRlcg=="),
    (env("JAVA_OPTS=-Xmx1g -Djavax.net.ssl.keyStorePassword=hunter2x -Da=b"), "hunter2x"),
    (env('SPRING_APPLICATION_JSON={"db":{"password":"hunter2x"}}'), "hunter2x"),
    (env('VARS=[{"name": "DB_PASSWORD", "value": "hunter2x"}]'), "hunter2x"),
    (env("YAML=user: bob\npassword: hunter2x\n"), "hunter2x"),
    (env("A=%7B%22password%22%3A%22hunter2x%22%7D"), "hunter2x"),
    (env("TOML=[db]\npassword = 'hunter2x'\n"), "hunter2x"),
    (env("XML=<c><password>hunter2x</password></c>"), "hunter2x"),
    (env("NETRC=machine h login bob password hunter2x"), "hunter2x"),
    (env("NPMRC=//registry.example/:_authToken=hunter2x"), "hunter2x"),
    # Names that say nothing by themselves, and values that say it only together with them.
    (env("SNMP_COMMUNITY=hunter2x"), "hunter2x"),
    (env("WALLET_SEED=able baker charlie"), "able baker"),
    (env("ETCDCTL_USER=root:hunter2x"), "hunter2x"),
    (env("SFTP_USERS=foo:hunter2x:1001"), "hunter2x"),
    (env("BUNDLE_GEMS__EXAMPLE__COM=bob:hunter2x"), "hunter2x"),
    (env("OTEL_EXPORTER_OTLP_HEADERS=x-honeycomb-team=hunter2x"), "hunter2x"),
    (env("REDIS_ARGS=--save 60 1 --requirepass hunter2x --appendonly yes"), "hunter2x"),
    (env("ERL_ARGS=-setcookie hunter2x -rabbit log"), "hunter2x"),
    (env("AWS=AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG"), "wJalrXUtnFEMI"),
    (env("ORACLE=scott/hunter2x@//db:1521/x"), "hunter2x"),
    (env("NOTIFY=discord://hunter2-token@123456"), "hunter2-token"),
    (env("NOTIFY=slack://token-a/token-b/hunter2x"), "hunter2x"),
    (env("BEAT=https://up.example/api/v1/heartbeat/aB3dE5gH7jK9mN1p"), "aB3dE5gH7jK9mN1p"),
    (env("USERS=admin:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="), "W6ph5Mm5Pz8GgiULbPgzG37mj9g"),
    (env("HASH=$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g"), "aGFzaGhhc2g"),
    (env("HASH=pbkdf2_sha256$260000$salt$aGFzaGhhc2g"), "aGFzaGhhc2g"),
    (env("CONFIG_EXTRA=define('AUTH_KEY', 'hunter2x'); define('DEBUG', true);"), "hunter2x"),
    (env("OMNIBUS=gitlab_rails['smtp_password'] = 'hunter2x'"), "hunter2x"),
    (env('XML=<ns:password type="x"><![CDATA[hunter2x]]></ns:password>'), "hunter2x"),
    (env("YAML=password: |\n  correct horse\nuser: bob"), "correct horse"),
    (env("YAML=tokens:\n  - hunter2x\n  - other-2x\nuser: bob"), "other-2x"),
    (env("ORACLE=scott/hunter2x@db:1521/x"), "hunter2x"),
    (env("MYSQL=user:hunter@2x@tcp(127.0.0.1:3306)/db"), "hunter@2x"),
    (env("PGPASS_LINE=db:5432:app:bob:hunter2x"), "hunter2x"),
    (env('JWK={"kty": "oct", "k": "hunter2x"}'), "hunter2x"),
    (env("HEADER=Authorization=Bearer correct-horse"), "correct-horse"),
    (env("A=" + base64.b64encode(b"bob:hunter2x").decode()), "Ym9iOmh1bnRlcjJ4"),
    (env("A=1//0aB3dE5gH7jK9mN1pQ3sT5vW7"), "0aB3dE5gH7jK9"),
    (env("HASH=SCRAM-SHA-256$4096:c2FsdA==$aGFzaGhhc2g="), "aGFzaGhhc2g"),
    # Labels and options of drivers.
    (label("com.example.api-key", "hunter2x"), "hunter2x"),
    (label("traefik.http.middlewares.a.basicauth.users", "bob:$apr1$H6uskkkW$IgX"), "$IgX"),
    (label("com.example.users", "bob:$2y$05$abcdefghijklmnopq"), "abcdefghijklmnopq"),
    (label("com.example.backup", "s3://id:hunter2x@bucket/p"), "hunter2x"),
    (volume("username=bob,password=hunter2x,addr=10.0.0.1"), "hunter2x"),
    (logging("splunk-token", "176FCEBF-4CF5"), "176FCEBF-4CF5"),
    (logging("loki-url", "https://bob:hunter2x@loki/push"), "hunter2x"),
    # Arguments.
    (command("app", "--password=hunter 2x"), "hunter 2x"),
    (command("app", "--password", "hunter 2x"), "hunter 2x"),
    (command("app", "-token", "hunter2x"), "hunter2x"),
    (command("redis-server", "--requirepass", "hunter2x"), "hunter2x"),
    (command("java", "-Ddb.password=hunter2x", "-jar", "a.jar"), "hunter2x"),
    (command("sh", "-c", "java -Dkey=hunter2x -jar a.jar"), "hunter2x"),
    (command("env", "PASSWORD=hunter2x", "app"), "hunter2x"),
    (command("docker", "run", "-e", "TOKEN=hunter2x", "image"), "hunter2x"),
    (command("docker", "login", "-u", "bob", "-p", "hunter2x"), "hunter2x"),
    (command("mysql", "-uroot", "-phunter2x"), "hunter2x"),
    (command("/usr/bin/mongosh", "-u", "root", "-p", "hunter2x"), "hunter2x"),
    (command("sshpass", "-p", "hunter2x", "ssh", "h"), "hunter2x"),
    (command("curl", "-u", "bob:hunter2x", "http://h"), "hunter2x"),
    (command("app", "-u", "bob:hunter2x"), "hunter2x"),
    (command("curl", "--user=bob:hunter2x", "http://h"), "hunter2x"),
    (command("curl", "-H", "X-Api-Key: hunter2x", "http://h"), "hunter2x"),
    (command("curl", "-H", "Authorization:Token hunter2x", "http://h"), "hunter2x"),
    (command("curl", "-H", "Cookie: a=first-one; b=other-one"), "other-one"),
    (command("curl", "-d", '{"secret": "hunter2x"}'), "hunter2x"),
    (command("curl", "-H", 'Authorization: Digest username="b", response="hunter2x"'), "er2x"),
    (command("redis-cli", "CONFIG", "SET", "requirepass", "hunter2"), "hunter2"),
    (command("wg", "set", "wg0", "private-key", "aB3dE5gH7jK9"), "aB3dE5gH7jK9"),
    (command("htpasswd", "-bnBC", "10", "bob", "hunter2x"), "hunter2x"),
    (command("htpasswd", "-n", "-b", "bob", "hunter2x"), "hunter2x"),
    (command("cargo", "login", "hunter2x"), "hunter2x"),
    (command("poetry", "config", "http-basic.x", "bob", "hunter2x"), "hunter2x"),
    (command("smbclient", "//host/share", "hunter2x", "-U", "bob"), "hunter2x"),
    (command("sh", "-c", "TOKEN=$(echo hunter2x) app"), "hunter2x"),
    (command("openssl", "enc", "-pass", "pass:hunter2x"), "hunter2x"),
    (command("htpasswd", "-bc", "/f", "bob", "hunter2x"), "hunter2x"),
    (command("mc", "alias", "set", "m", "http://m", "minio", "hunter2x"), "hunter2x"),
    (command("aws", "configure", "set", "aws_secret_access_key", "hunter2x"), "hunter2x"),
    (command("sh", "-c", "exec app --password hunter2x --port 80"), "hunter2x"),
    (command("sh", "-c", "PASSWORD=hunter2x exec app"), "hunter2x"),
    (command("sh", "-c", "echo hunter2x | docker login -u b --password-stdin"), "hunter2x"),
    (command("bash", "-lc", "sh -c 'mysql -p\"hunter2x\"'"), "hunter2x"),
    (command("curl", "-sfu", "bob:hunter2x", "http://h"), "hunter2x"),
    (command("redis-server", "--user", "bob", "on", ">hunter2x", "~*"), "hunter2x"),
    (command("kubectl", "create", "secret", "generic", "x", "--from-literal=a=hunter2x"), "er2x"),
    (command("vault", "kv", "put", "secret/x", "a=hunter2x", "b=hunter3x"), "hunter3x"),
    (command("ldappasswd", "-s", "hunter2x", "uid=bob"), "hunter2x"),
    (command("mosquitto_passwd", "-b", "/f", "bob", "hunter2x"), "hunter2x"),
    (command("gitlab-runner", "register", "-r", "hunter2x"), "hunter2x"),
    (command("ttyd", "-c", "bob:hunter2x", "bash"), "hunter2x"),
    (command("grafana-cli", "admin", "reset-admin-password", "hunter2x"), "hunter2x"),
    (command("composer", "config", "github-oauth.github.com", "hunter2x"), "hunter2x"),
    (command("mysql", "-e", "ALTER USER a IDENTIFIED WITH native BY 'hunter2x'"), "hunter2x"),
    (command("mysql", "-e", "SET PASSWORD = PASSWORD('hunter2x')"), "hunter2x"),
    (command("mysql", "-e", "SET PASSWORD FOR 'a'@'%' = 'hunter2x'"), "hunter2x"),
    (command("sh", "-c", "echo hunter2x | sudo -S app"), "hunter2x"),
    (command("sh", "-c", "printf '%s' hunter2x | docker login --password-stdin"), "hunter2x"),
    (command("sh", "-c", "docker login --password-stdin <<< hunter2x"), "hunter2x"),
    (command("sh", "-c", "echo hunter2x > /run/secrets/db"), "hunter2x"),
    (command("sh", "-c", "echo hunter2x | tee /run/secrets/db"), "hunter2x"),
    (command("sh", "-c", "chpasswd <<< root:hunter2x"), "hunter2x"),
    (command("sh", "-c", "chpasswd <<EOF\nroot:hunter2x\nEOF"), "hunter2x"),
    (command("sh", "-c", 'curl -H "Authorization: Basic $(echo -n u:hunter2x|base64)"'), "er2x"),
    (command("sh", "-c", "sed -i 's/__DB_PASSWORD__/hunter2x/' /etc/app.conf"), "hunter2x"),
    (command("sh", "-c", "htpasswd -Bbn bob hunter2x > /f"), "hunter2x"),
    # Health checks and what they print.
    (check("redis-cli -a hunter2x ping"), "hunter2x"),
    (check("redis-cli -h r AUTH hunter2x"), "hunter2x"),
    (check("mysqladmin ping -h localhost -uroot -phunter2x || exit 1"), "hunter2x"),
    (check("sqlcmd -S localhost -U sa -P 'hunter 2x' -Q 'SELECT 1'"), "hunter 2x"),
    (check('mongosh --eval \'db.auth("root", "hunter2x")\''), "hunter2x"),
    (check("psql -c \"ALTER USER a PASSWORD 'hunter2x'\""), "hunter2x"),
    (check("printf 'AUTH hunter2x\\r\\nPING\\r\\n' | nc localhost 6379"), "hunter2x"),
    (check("rabbitmqctl authenticate_user bob hunter2x"), "hunter2x"),
    (check("smbclient -U 'bob%hunter2x' -L localhost"), "hunter2x"),
    (check("ldapsearch -D cn=a -w hunter2x"), "hunter2x"),
    (check("curl -f 'http://localhost/health?token=hunter2x'"), "hunter2x"),
    (printed("connecting to postgres://u:hunter2x@db failed"), "hunter2x"),
    (printed('level=error msg="bad" password="hunter 2x"'), "hunter 2x"),
    (printed('{"msg":"{\\"password\\":\\"hunter2x\\"}"}'), "hunter2x"),
    (printed("Set-Cookie: sid=hunter2x; Path=/\r\n"), "hunter2x"),
    (printed("\x1b[36mpassword\x1b[0m=\x1b[35mhunter2x\x1b[0m"), "hunter2x"),
    (printed("Your admin password is: hunter2x"), "hunter2x"),
    (printed("Unseal Key 1: aGVsbG8x/2K+"), "aGVsbG8x"),
    (printed("The password is hunter2"), "hunter2"),
    (printed("DB_PASSWORD is hunter2x"), "hunter2x"),
    (printed("A temporary password is generated for root@localhost: hunter2"), "hunter2"),
    (printed("Map(password -> hunter2x)"), "hunter2x"),
    (printed("{\\u0022password\\u003dhunter2x"), "hunter2x"),
    (printed('1700000000.1 [0 10.0.0.7:1] "AUTH" "bob" "hunter2x"'), "hunter2x"),
    (printed("Use this password to proceed:\n\n0f1e2d3c4b5a6978\n"), "0f1e2d3c4b5a6978"),
    (printed("  'DB_PASSWORD' => string(8) \"hunter2x\""), "hunter2x"),
    # Podman's inspect, and the history of an image.
    ({"Config": {"CreateCommand": ["podman", "run", "-e", "PASSWORD=hunter2x"]}}, "hunter2x"),
    ({"History": [{"CreatedBy": "ENV DB_PASSWORD=hunter2x"}]}, "hunter2x"),
    ({"History": [{"CreatedBy": "RUN |1 TOKEN=hunter2x /bin/sh -c make"}]}, "hunter2x"),
    ({"History": [{"CreatedBy": "ENV DB_PASSWORD=correct horse A=b"}]}, "horse"),
    ({"History": [{"CreatedBy": "/bin/sh -c #(nop)  ENV PASSWORD=correct horse"}]}, "horse"),
    ({"History": [{"CreatedBy": "|2 TOKEN=correct horse A=b /bin/sh -c make"}]}, "horse"),
    ({"State": {"Error": 'exec: "--token=hunter2x": not found'}}, "hunter2x"),
]

READABLE: list[Json] = [
    *[
        env(entry)
        for entry in (
            "PATH=/usr/local/bin:/usr/bin",
            "PWD=/app",
            "HOSTNAME=3f8a0c5e9b7d",
            "PYTHONPATH=/app/src",
            "PYTHON_SHA256=" + HEX,
            "KEYBOARD=us",
            "MONKEY=banana",
            "AUTHOR=Jane Doe",
            "SECRETARY=Jane Doe",
            "BYPASS=strict-mode-on",
            "COMPASS=north",
            "TOKENIZERS_PARALLELISM=false",
            "MAX_TOKENS=4096",
            "TOKEN_TTL=3600",
            "SESSION_TIMEOUT=30m",
            "AUTH_ENABLED=true",
            "AUTH=none",
            "AUTH_METHOD=scram-sha-256",
            "AUTH_SERVICE_URL=http://auth-service:8080/v1",
            "JWT_ALGORITHM=RS256",
            "SESSION_DRIVER=database",
            "COOKIE_DOMAIN=.example.com",
            "PASSWORD=",
            "MYSQL_ALLOW_EMPTY_PASSWORD=yes",
            "POSTGRES_PASSWORD_FILE=/run/secrets/pg-a1b2c3",
            "SSH_KEY_PATH=/home/me/.ssh/id_ed25519",
            "SSH_AUTH_SOCK=/tmp/agent.sock",
            "GOOGLE_APPLICATION_CREDENTIALS=/var/run/gcp/key.json",
            "TLS_KEY=certs/server.key",
            "SECRET_NAME=prod/db/password",
            "VAPID_PUBLIC_KEY=BNbxGYNMhEIi9zrneh7mqV4oUanjLUK3",
            "DATABASE_URL=postgres://user@db:5432/app",
            "UPSTREAM=http://auth:8080,http://session:9000",
            "PROFILE=http://localhost:3000/@me",
            "PKG=https://unpkg.example/@scope/name@1.2.3",
            "IMAGE=docker.io/library/nginx:1.25@sha256:" + HEX,
            "MAIL=mailto:jane@example.com",
            "CRON=*/5 * * * *",
            "UUID=123e4567-e89b-12d3-a456-426614174000",
            "NOTE=Basic authentication is off; the bearer token is optional",
            "GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305",
            "OPENSSL_PGP_KEY_IDS=0x8657ABB260F056B1E5190839D9C4D26D0E604491",
            "AUTHORIZED_KEYS=ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJx jane@laptop",
            "PARTITION_KEY=user_id",
            "CSRF_TRUSTED_ORIGINS=https://app.example.com,https://www.example.com",
            "OAUTH2_PROXY_UPSTREAMS=http://app:8080",
            "npm_config_cache=/tmp/.npm",
            "USER=node:node",
            "RUN_AS_USER=1000:1000",
            "RANDOM_SEED=42",
            "ORACLE_SID=ORCLCDB",
            "SNORT_SID=2013028",
            "BUNDLE_WITHOUT=development:test",
            "CREDENTIAL_HELPER=ecr-login",
            "KEY_PREFIX=shop:",
            "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus",
            "CONTACT=email:jane@example.com",
            "SUM=" + base64.b64encode(b"no more than words").decode(),
        )
    ],
    label("com.docker.compose.project", "shop"),
    label("com.docker.compose.config-hash", HEX),
    label("com.docker.compose.project.config_files", "/srv/shop/compose.yaml"),
    label("com.docker.compose.depends_on", "auth:service_started:false,db:service_healthy:true"),
    label("org.opencontainers.image.authors", "Jane Doe <jane@example.com>"),
    label("org.opencontainers.image.base.name", "docker.io/library/session:1.2"),
    label("traefik.http.routers.auth.rule", "Host(`auth.example.com`) && PathPrefix(`/api`)"),
    label("traefik.http.routers.auth.middlewares", "auth@file,headers@docker"),
    label("traefik.http.routers.auth.tls.certresolver", "le"),
    label("traefik.http.routers.auth.entrypoints", "websecure"),
    label("traefik.http.routers.auth.priority", "10000"),
    label("traefik.http.a.forwardauth.address", "http://idp:9091/verify?rd=https://x.example/"),
    command("psql", "-p", "5432", "-U", "app"),
    command("sh", "-c", "echo starting > /tmp/log; echo done | tee /tmp/log"),
    command("sed", "-i", "s/listen 80/listen 8080/", "/etc/nginx/conf"),
    command("app", "--user", "app:app"),
    command("app", "-u", "1000:1000"),
    command("docker", "run", "-p", "8080:80", "nginx"),
    command("redis-cli", "-p", "6379", "ping"),
    command("docker", "run", "--name", "my-auth", "3f8a0c5e9b7d"),
    command("kubectl", "get", "secret", "app-7f9c8d"),
    command("passwd", "root"),
    command("ssh", "-i", "/root/.ssh/id_rsa", "git@github.com"),
    command("app", "--password-file", "/run/secrets/pw", "--token-ttl=3600", "--auth", "--quiet"),
    check('mysqladmin ping -p"$MYSQL_ROOT_PASSWORD" --password=${DB_PASSWORD}'),
    check("redis-cli --no-auth-warning -a $(cat /run/secrets/redis) ping"),
    printed("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nAge: 12:30:45\r\n\r\n"),
    printed("keyboard: us; primary author: Jane; 10:42:11 done in 3 s"),
    printed("auth: ok\nchecking authentication: success\ntotal tokens: 128\nKeyError: 'password'"),
    printed("the password is expired-since 2026-11-21; password is 12 days old; token v1.2.3"),
    printed("Enter password:\nwelcome back\ninvalid password for user bob\ntoken expired at noon"),
    {"Id": HEX, "Image": "sha256:" + HEX, "Name": "/session-key"},
    {
        "NetworkSettings": {
            "SandboxID": HEX,
            "SandboxKey": "/var/run/docker/netns/3f8a0c5e9b7d",
            "Networks": {"auth": {"EndpointID": HEX, "Aliases": ["token", "auth"]}},
        }
    },
    {
        "HostConfig": {
            "AutoRemove": False,
            "MaskedPaths": ["/proc/keys", "/proc/kcore"],
            "Binds": ["redis-auth:/data", "/etc/session:/etc/session:ro"],
            "ExtraHosts": ["auth:10.0.0.7"],
            "SecurityOpt": ["apparmor=unconfined", "no-new-privileges"],
        }
    },
    {"GraphDriver": {"Data": {"LowerDir": f"/var/lib/docker/overlay2/{HEX}/diff"}}},
]


def dumped(document: Json) -> str:
    """The document as text in which a secret stands as it is."""
    if isinstance(document, dict):
        return "\n".join(dumped(value) for value in document.values())
    if isinstance(document, list):
        return "\n".join(map(dumped, document))
    return str(document)


@pytest.mark.parametrize(("document", "secret"), CARRIED, ids=str)
def test_every_way_to_carry_a_secret_is_masked(document: Json, secret: str) -> None:
    """However a container carries a secret, it is masked, and something says so."""
    assert secret in dumped(document)
    masked = dumped(Masking().inspect(document))
    assert secret not in masked
    assert MASK in masked


@pytest.mark.parametrize("document", READABLE, ids=str)
def test_ordinary_values_stay_readable(document: Json) -> None:
    """What is not secret passes through unchanged."""
    assert Masking().inspect(document) == document


@pytest.mark.parametrize(("document", "secret"), CARRIED, ids=str)
def test_a_masked_document_masked_again_is_the_same(document: Json, secret: str) -> None:
    """Masking comes to rest after one pass, with what it learnt and without."""
    for masking in (Masking(), Masking().learn(document), Masking(secrets=frozenset({secret}))):
        once = masking.inspect(document)
        assert masking.inspect(once) == once


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgres://user:pw@host/db", "postgres://user:[masked]@host/db"),
        ("see a://u:p@h and b://v:q@i", "see a://u:[masked]@h and b://v:[masked]@i"),
        ("/x?a=1&token=t&b=2", "/x?a=1&token=[masked]&b=2"),
        ("Server=x;Password=y;Database=z", "Server=x;Password=[masked];Database=z"),
        (
            "Authorization: Bearer abc.123 from 10.0.0.1",
            "Authorization: Bearer [masked] from 10.0.0.1",
        ),
        ('{"password": "a\\"b", "user": "c"}', '{"password": "[masked]", "user": "c"}'),
        ("Config(password=hunter2, user=bob)", "Config(password=[masked], user=bob)"),
        ("app --password x --port 80", "app --password [masked] --port 80"),
        ("mysql -uroot -ppw db", "mysql -uroot -p[masked] db"),
        ("-----BEGIN PRIVATE KEY-----\nabc", "[masked]"),
    ],
)
def test_only_the_secret_part_of_a_text_is_masked(text: str, masked: str) -> None:
    """What stands around a secret stays, so that a person can still see what it was."""
    assert Masking().text(text) == masked


def test_assignments_keep_their_names() -> None:
    """Masked text keeps its key; an entry without a value stays as it is."""
    assert Masking().assignments(["DB_PASSWORD=x y", "HOME=/root", "TOKEN", "EMPTY="]) == [
        "DB_PASSWORD=[masked]",
        "HOME=/root",
        "TOKEN",
        "EMPTY=",
    ]


def test_arguments_are_masked_word_by_word() -> None:
    """A line of arguments keeps its length, its flags and its ordinary words."""
    argv = ["curl", "-u", "bob:pw", "--retry", "3", "https://x/?key=abc", "--token", "t"]
    assert Masking().arguments(argv) == [
        "curl", "-u", "bob:[masked]", "--retry", "3", "https://x/?key=[masked]", "--token", MASK,
    ]  # fmt: skip


def test_an_assignment_in_a_script_ends_where_the_shell_ends_it() -> None:
    """A word that is an assignment is its value to the end; a script goes on behind it."""
    masking = Masking()
    assert masking.arguments(["TOKEN=a b"]) == ["TOKEN=[masked]"]
    assert masking.arguments(["CMD-SHELL", "TOKEN=a run"]) == ["CMD-SHELL", "TOKEN=[masked] run"]
    assert masking.arguments(["sh", "-ec", "TOKEN=a run"]) == ["sh", "-ec", "TOKEN=[masked] run"]


def test_the_entrypoint_says_how_to_read_the_command() -> None:
    """Whether `-p` is a port or a password depends on the program, wherever that stands."""
    assert Masking().arguments(["-p", "x"], after=["mysql"]) == ["-p", MASK]
    assert Masking().arguments(["-p", "x"], after=["psql"]) == ["-p", "x"]
    document: Json = {
        "Config": {"Entrypoint": ["mysql"], "Cmd": ["-ppw"]},
        "Path": "mysql",
        "Args": ["-ppw"],
    }
    assert Masking().inspect(document) == {
        "Config": {"Entrypoint": ["mysql"], "Cmd": ["-p[masked]"]},
        "Path": "mysql",
        "Args": ["-p[masked]"],
    }


def test_a_learnt_secret_is_masked_wherever_it_comes_back() -> None:
    """A value masked once is masked in texts that do not say what it is."""
    masking = Masking().learn(env("DB_PASSWORD=tr0ub4dor&3"))
    assert masking.text("got tr0ub4dor&3!") == "got [masked]!"
    assert masking.value("GREETING", "hello tr0ub4dor&3") == "hello [masked]"
    assert masking.arguments(["app", "xtr0ub4dor&3"]) == ["app", "x[masked]"]


@pytest.mark.parametrize(
    ("document", "secret"),
    [
        (env("A=postgres://u:hunter2x@db/app"), "hunter2x"),
        (env("A=postgres://u:p%40ss-word@db/app"), "p@ss-word"),
        (label("api.token", "hunter2x"), "hunter2x"),
        (command("app", "--password", "hunter2x"), "hunter2x"),
        (check("redis-cli -a hunter2x ping"), "hunter2x"),
        (env(f"TLS_KEY={PEM}"), "MIIEowIBAAKCAQEAx0Qb"),
        (env(f"TLS_KEY={PEM}"), "q83hT1vZ5k8="),
    ],
    ids=str,
)
def test_secrets_are_learnt_from_everything_a_user_gave(document: Json, secret: str) -> None:
    """Variables, labels, arguments and checks teach, and so do the parts of a value."""
    assert secret not in Masking().learn(document).text(f"<{secret}>")


@pytest.mark.parametrize(
    "form",
    [
        str,
        lambda secret: secret.encode().upper().decode(),
        lambda secret: quote(secret, safe=""),
        lambda secret: quote(secret, safe="").lower(),
        lambda secret: quote(quote(secret)),
        quote,
        quote_plus,
        json.dumps,
        lambda secret: json.dumps(json.dumps(secret)),
        lambda secret: json.dumps(secret, ensure_ascii=False),
        lambda secret: json.dumps(secret).replace("&", "\\u0026").replace("/", "\\/"),
        lambda secret: html.escape(html.escape(secret)),
        lambda secret: repr(secret.encode())[2:-1],
        lambda secret: base64.b64encode(secret.encode()).decode(),
        lambda secret: base64.b64encode(secret.encode() + b", and more").decode(),
        lambda secret: base64.b64encode(b"bob:" + secret.encode()).decode(),
        lambda secret: base64.urlsafe_b64encode(b"bob: " + secret.encode()).decode().rstrip("="),
        lambda secret: base64.b64encode(base64.b64encode(b"a " + secret.encode())).decode(),
        lambda secret: secret.encode().hex(),
        lambda secret: secret.encode().hex().upper(),
    ],
)
def test_a_learnt_secret_is_known_in_other_dress(form: Callable[[str], str]) -> None:
    """Escaped in a URL, JSON or HTML, in base64 or capitals, a learnt secret is recognised."""
    secret = 'pä"ss/w@rd +\n&22'
    dressed = form(secret)
    masked = Masking().learn(env(f"PASSWORD={secret}")).text(f"<{dressed}>")
    assert dressed.strip('\\"')[:12] not in masked
    assert masked.startswith("<")
    assert masked.endswith(">")


def test_short_values_are_not_learnt() -> None:
    """A secret of less than six characters is masked where it stands, and nowhere else."""
    masking = Masking().learn(env("PASSWORD=12345"))
    assert masking.text("12345 requests") == "12345 requests"


def test_a_password_that_is_a_word_does_not_hide_other_words() -> None:
    """Letters or digits alone are masked as a word, not as a part of one."""
    masking = Masking().learn({"Config": {"Env": ["PASSWORD=postgres", "PIN=123456"]}})
    assert masking.text("/usr/lib/postgresql/16 took 91234567 us") == (
        "/usr/lib/postgresql/16 took 91234567 us"
    )
    assert Masking(secrets=frozenset({"correcthorse"})).text("xCorrectHorsex") == "x[masked]x"
    assert masking.text("user=postgres -ppostgres\\npostgres %2Fpostgres 123456") == (
        "user=[masked] -p[masked]\\n[masked] %2F[masked] [masked]"
    )


def test_a_password_never_hides_who_the_container_is() -> None:
    """Name and image stay, even when someone took them for a password."""
    document: Json = {
        "Name": "/postgres",
        "Config": {"Image": "postgres:16", "Env": ["POSTGRES_PASSWORD=postgres"]},
    }
    assert Masking().learn(document).inspect(document) == {
        "Name": "/postgres",
        "Config": {"Image": "postgres:16", "Env": ["POSTGRES_PASSWORD=[masked]"]},
    }


def test_nothing_is_learnt_from_what_a_program_printed() -> None:
    """A health check that prints `invalid token: unexpected` must not hide that word everywhere."""
    document = printed("invalid token: unexpected")
    assert Masking().learn(document) == Masking()


def test_learning_leaves_the_masking_as_it_was() -> None:
    """A masking is a value: learning makes another, which keeps what was learnt."""
    first = Masking().learn(env("PASSWORD=hunter2x"))
    second = first.learn(env("PASSWORD=changed-now"))
    assert first.text("hunter2x changed-now") == "[masked] changed-now"
    assert second.text("hunter2x changed-now") == "[masked] [masked]"


def test_a_masking_does_not_print_its_secrets() -> None:
    """Its repr may land in a log."""
    assert "hunter2x" not in repr(Masking().learn(env("PASSWORD=hunter2x")))


def test_revealed_names_stay_readable() -> None:
    """A glob of `reveal` opens variables, labels and arguments of that name, and no others."""
    masking = Masking(reveal=["DATABASE_*", "com.example.*", "token"])
    assert masking.value("DATABASE_PASSWORD", "hunter2x") == "hunter2x"
    assert masking.value("DATABASE_URL", "a://u:p@h") == "a://u:p@h"
    assert masking.value("com.example.secret", "hunter2x") == "hunter2x"
    assert masking.arguments(["app", "--token", "a", "--token=b", "--password=c"]) == [
        "app", "--token", "a", "--token=b", "--password=[masked]",
    ]  # fmt: skip
    assert masking.value("database_password", "hunter2x") == MASK


def test_a_revealed_value_is_not_learnt() -> None:
    """What is revealed in one place is not hidden in the others."""
    masking = Masking(reveal=["A_TOKEN"]).learn({"Config": {"Env": ["A_TOKEN=hunter2x"]}})
    assert masking.text("hunter2x") == "hunter2x"


def test_what_is_revealed_to_some_is_hidden_from_others() -> None:
    """Readers to whom nothing is revealed see the value nowhere, whatever its place is called."""
    masking = Masking(reveal=["A_TOKEN"]).learn({"Config": {"Env": ["A_TOKEN=hunter2x"]}})
    assert masking.value("note", "uses hunter2x") == "uses hunter2x"
    assert masking.unrevealed().value("note", "uses hunter2x") == "uses [masked]"
    assert masking.learn(None).unrevealed().value("A_TOKEN", "hunter2x") == MASK


def test_base64_that_holds_a_secret_is_masked_whole() -> None:
    """A kubeconfig or a registry's credentials give themselves away; ordinary base64 stays."""
    config = base64.b64encode(b"users:\n- user:\n    token: hunter2x\n").decode()
    plain = base64.b64encode(b"users:\n- user:\n    name: bob\n").decode()
    assert Masking().text(f"A={config} B={plain}") == f"A=[masked] B={plain}"


def test_the_shape_of_a_document_stays() -> None:
    """Numbers, booleans, null, empty lists and the engine's own names pass through."""
    document: Json = {
        "Id": HEX,
        "Args": [],
        "RestartCount": 3,
        "State": {"Health": None, "Running": True},
        "Config": {"Env": None, "Cmd": None, "Entrypoint": "sh", "Labels": {"n": None}},
        "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "", "HostPort": "49153"}]}},
    }
    assert Masking().inspect(document) == document


@pytest.mark.parametrize(
    "unit",
    ["a", " ", "a=", "key=", "key: ", "key=[", "key='", 'key="\\', "://a:", "a:b@", "&", "-p ", "(",
     "mysql ", "mc alias set a b ", "echo a|", "-----BEGIN PRIVATE KEY-----", "eyJa.", "[masked]",
     "Bearer a", "https://a/hooks/", "<key>", "name key,value", "login a password ", "_", "\\",
     "echo a | ", "printf ", "s/key", "ENV key=", "|1 a=b ", "define('key',", "\x1b[0m", "key:\n",
     "aGVsbG8g", "password is ", "npm_", "vault a=", "discord://", "a/b@//", "x:y,", "&lt;key&gt;",
     "%25", "&amp;", "\\u0041", "+", "key: |\n a", "key:\n - a", "a:*:",
     "authorization: a a=", "A1-", '\\"', '"\\', "%//:", "-eyJaaaaaaa", "YWFhYWFhYWFhYWFhYWFh ",
     "echo a > token ", "mysql -p x ", "--a=b:c "],
)  # fmt: skip
def test_a_long_text_is_masked_in_linear_time(unit: str) -> None:
    """No text makes masking hang: a pattern that is tried again at every place would here."""
    masking = Masking(secrets=frozenset({"hunter2-secret", "postgres"}))
    text = "key " + unit * (100_000 // len(unit))
    assert len(masking.text(text)) > 0


# What stands in secrets and around them, so that hypothesis meets the grammar and not only noise.
PIECES = st.sampled_from(
    ["password", "KEY", "token", "Authorization", "Cookie", "=", ": ", ":", "--", "-p", " ", "\n",
     '"', "'", "\\", "&", ";", ",", "://", "@", "/", "?", "[", "]", "{", "}", "(", ")", "|", "$",
     "mysql", "curl", "-u", "echo", "Bearer", "hunter2x", "abc123def456", MASK, "masked", "%2F",
     "%5B", "\\u005d", "&amp;", "+", "->", "$(", "|\n "]
)  # fmt: skip
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=24).map("".join))
SECRETS = st.text(alphabet=string.ascii_letters + string.digits + "-_.$&", min_size=6, max_size=24)
DOCUMENTS: st.SearchStrategy[Json] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["Env", "Args", "Path", "Cmd", "Labels", "Config", "State", "x"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@given(TEXTS, st.frozensets(TEXTS, max_size=3))
def test_any_text_comes_to_rest(text: str, secrets: frozenset[str]) -> None:
    """Whatever the text and the secrets, masking ends, and masking again changes nothing."""
    masking = Masking(secrets=secrets)
    once = masking.text(text)
    assert masking.text(once) == once


@given(st.lists(TEXTS, max_size=6))
def test_any_line_of_arguments_comes_to_rest(argv: list[str]) -> None:
    """Whatever the words, they stay as many, and masking again changes nothing."""
    once = Masking().arguments(argv)
    assert len(once) == len(argv)
    assert Masking().arguments(once) == once


@given(DOCUMENTS)
def test_any_document_keeps_its_shape_and_comes_to_rest(document: Json) -> None:
    """Whatever stands where, learning and masking do not fail, and again changes nothing."""
    masking = Masking().learn(document)
    once = masking.inspect(document)
    assert masking.inspect(once) == once
    assert type(once) is type(document)


@given(TEXTS, SECRETS, TEXTS)
def test_a_known_secret_never_gets_through(before: str, secret: str, after: str) -> None:
    """A secret that is not a mere word or number is gone from any text that holds it."""
    secret += "-7"
    assert secret not in Masking(secrets=frozenset({secret})).text(before + secret + after)


@given(st.sampled_from(["DB_PASSWORD", "apiToken", "X-Secret", "client.key"]), SECRETS)
def test_the_value_of_a_secret_name_is_masked_whole(name: str, secret: str) -> None:
    """Nothing of the value is left, and its length does not show."""
    secret = "x9" + secret
    assert Masking().value(name, secret) == MASK
    assert Masking().assignments([f"{name}={secret}"]) == [f"{name}={MASK}"]
    assert Masking().arguments([f"--{name}", secret]) == [f"--{name}", MASK]


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ("s3v4", False), ("RS256", False), ("ed25519", False), ("ES256K", False),
        ("s3vabcdef0123456789", True), ("x9f8e7d6c5b4a", True), ("ec9f8e7d6c5b4a21", True),
    ],
)  # fmt: skip
def test_an_algorithms_name_is_no_secret(value: str, *, hidden: bool) -> None:
    """A secret may begin as one does."""
    assert (MASK in Masking().value("SESSION_ID", value)) is hidden


@pytest.mark.parametrize(
    ("name", "value"),
    [("sid", "1234567890"), ("CONNECT_SID", "HUNTERS"), ("session.sid", "48213377")],
)
def test_a_sessions_number_is_a_secret(name: str, value: str) -> None:
    """However short; a database's name and a rule's number under the same word are none."""
    assert Masking().value(name, value) == MASK


@pytest.mark.parametrize("text", ["пароль: hunter2x", "初始密码\uff1ahunter2x", "DB_密码=hunter2x"])
def test_names_in_other_scripts_make_a_value_secret(text: str) -> None:
    """Cyrillic and Chinese words for a password count, behind a colon of either width."""
    assert "hunter2x" not in Masking().text(text)


@pytest.mark.parametrize(
    "remark",
    ["password: too short", "secret: not found", "session: opened for user root",
     "authorization: denied by policy", "encryption key: rotated",
     "password: must be at least 8 characters.", "password: too short (minimum is 8)",
     "password: not set, using none"],
)  # fmt: skip
def test_a_remark_about_a_secret_is_readable(remark: str) -> None:
    """What stands behind the colon is a sentence of words that say something about a secret."""
    assert Masking().text(remark) == remark


@pytest.mark.parametrize(
    "passphrase",
    ["boiling water", "wicked sister", "red painted fence", "not a horse", "too many secrets",
     "opened for bob", "must be hunter2x", "please\tmore-heroes",
     "not-set hunter2", "is swordfish"],
)  # fmt: skip
def test_a_passphrase_that_begins_as_a_remark_does_is_hidden(passphrase: str) -> None:
    """One word that no remark is made of makes a value of the whole."""
    hidden = Masking().text(f"password: {passphrase}\n")
    assert passphrase.split(maxsplit=1)[0] not in hidden.split()
