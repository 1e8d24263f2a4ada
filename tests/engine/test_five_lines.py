"""Images of others get the agent by README's five lines, word for word."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from textwrap import indent
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import ROOT, sh, until
from tests.support.pages import README, blocks

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.conftest import Container, Engine

pytestmark = [pytest.mark.engine, pytest.mark.slow]

FIVE_LINES, ON_THE_PATH = [each.text for each in blocks(README) if each.language == "dockerfile"]
[PYTHON] = [each.text for each in blocks(README) if each.language == "python"]
[JS] = [each.text for each in blocks(README) if each.language == "js"]
WITHOUT_PYTHON = "RUN rm -rf /usr/bin/python3* /usr/lib/python3*\n"

FLASK = f"""\
import flask

app = flask.Flask(__name__)

@app.get("/")
def host_port():
{indent(PYTHON, "    ")}
    return str(port)
"""
EXPRESS = f"""\
import express from 'express';
const app = express();
app.get('/', async (request, response) => {{
{JS}
response.send(name);
}});
app.listen(8080);
"""
ENTRYPOINT_OF_NODE = """\
#!/bin/sh
set -e
if [ "${1#-}" != "$1" ] || [ -z "$(command -v "$1")" ]; then set -- node "$@"; fi
exec "$@"
"""
ENTRYPOINT_OF_NGINX = """\
#!/bin/sh
set -e
echo "$0: Configuration complete; ready for start up"
exec "$@"
"""
ENTRYPOINT_OF_PHP = """\
#!/bin/sh
set -e
if [ "${1#-}" != "$1" ]; then set -- php-fpm "$@"; fi
exec "$@"
"""
ENTRYPOINT_OF_POSTGRES = """\
#!/bin/sh
set -e
if [ "$(id -u)" = 0 ]; then
  mkdir -p /var/run/postgresql && chown postgres /var/run/postgresql
  exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
fi
[ -s "$PGDATA/PG_VERSION" ] || initdb --auth trust >/dev/null
exec "$@"
"""


@dataclass(frozen=True)
class Image:
    """An image of others, as its makers have it, and what a user's own Dockerfile says.

    Attributes:
        base: the options of `local-engine.sh base-image` for what it is made from here.
        made: how, its ENTRYPOINT and CMD included.
        own: the lines of the user's Dockerfile after ours.
        entrypoint: the image's own, which goes behind ours.
        files: what it is built with.
        packages: the command that fetches the packages of its app into the folder it runs in.
        python: whether the agent runs on the image's Python, in place of its own.
        port: where it answers with its name, or anything, over HTTP; None where it does not.
        ready: a command that succeeds once it serves.
        stopped: its exit code after `docker stop`.
    """

    base: tuple[str, ...]
    made: str
    own: str
    entrypoint: str | None = None
    files: tuple[tuple[str, str], ...] = ()
    packages: tuple[str, ...] = ()
    python: bool = False
    port: int | None = 8080
    ready: tuple[str, ...] = ("true",)
    stopped: int = 0


IMAGES = {
    "flask": Image(
        (),
        "COPY packages /packages\nENV PATH=/venv/bin:$PATH\n"
        "RUN python3 -m venv /venv && pip install --no-index --find-links /packages flask\n"
        "WORKDIR /app\nCOPY app.py .\n",
        f'{ON_THE_PATH}USER 65532\nCMD ["python3", "-m", "flask", "run", "--port", "8080"]\n',
        files=(("app.py", FLASK),),
        packages=(
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--dest",
            "packages",
            "flask",
        ),
        python=True,
        stopped=143,
    ),
    "express": Image(
        ("--with", "nodejs"),
        f"{WITHOUT_PYTHON}COPY entrypoint /usr/local/bin/docker-entrypoint.sh\n"
        'ENTRYPOINT ["docker-entrypoint.sh"]\nCMD ["node"]\n',
        'COPY node_modules /node_modules\nCOPY app.mjs /\nUSER 65532\nCMD ["node", "/app.mjs"]\n',
        entrypoint="docker-entrypoint.sh",
        files=(("entrypoint", ENTRYPOINT_OF_NODE), ("app.mjs", EXPRESS)),
        packages=("npm", "install", "--silent", "--no-audit", "--no-fund", "express@4"),
        stopped=143,
    ),
    "busybox": Image(
        ("--busybox",),
        'CMD ["sh"]\n',
        'RUN echo hello >/index.html\nUSER 65532\nCMD ["httpd", "-f", "-p", "8080", "-h", "/"]\n',
        stopped=143,
    ),
    "nginx": Image(
        ("--with", "nginx-light"),
        f"{WITHOUT_PYTHON}COPY entrypoint /docker-entrypoint.sh\n"
        "RUN mkdir -p /var/log/nginx && ln -sf /dev/stderr /var/log/nginx/error.log\n"
        "STOPSIGNAL SIGQUIT\n"
        'ENTRYPOINT ["/docker-entrypoint.sh"]\nCMD ["nginx", "-g", "daemon off;"]\n',
        'CMD ["nginx", "-g", "daemon off;"]\n',
        entrypoint="/docker-entrypoint.sh",
        files=(("entrypoint", ENTRYPOINT_OF_NGINX),),
        port=80,
    ),
    "php-fpm": Image(
        ("--with", "php-fpm"),
        f"{WITHOUT_PYTHON}COPY entrypoint /usr/local/bin/docker-php-entrypoint\n"
        "RUN ln -s /usr/sbin/php-fpm8.2 /usr/local/sbin/php-fpm && mkdir -p /run/php\n"
        "STOPSIGNAL SIGQUIT\n"
        'ENTRYPOINT ["docker-php-entrypoint"]\nCMD ["php-fpm", "-F"]\n',
        'CMD ["php-fpm", "-F"]\n',
        entrypoint="docker-php-entrypoint",
        files=(("entrypoint", ENTRYPOINT_OF_PHP),),
        port=None,
        ready=("test", "-S", "/run/php/php8.2-fpm.sock"),
    ),
    "postgresql": Image(
        ("--with", "postgresql"),
        f"{WITHOUT_PYTHON}COPY entrypoint /usr/local/bin/docker-entrypoint.sh\n"
        "ENV PATH=/usr/lib/postgresql/15/bin:$PATH PGDATA=/var/lib/postgresql/data\n"
        "STOPSIGNAL SIGINT\n"
        'ENTRYPOINT ["docker-entrypoint.sh"]\nCMD ["postgres"]\n',
        'CMD ["postgres"]\n',
        entrypoint="docker-entrypoint.sh",
        files=(("entrypoint", ENTRYPOINT_OF_POSTGRES),),
        port=None,
        ready=("pg_isready",),
    ),
}


@pytest.fixture(scope="module")
def agents(private_engine: Engine) -> Engine:
    """An engine that has the agent under the names that README gives it."""
    private_engine.docker("tag", private_engine.image, "selfinspect")
    private_engine.docker(
        "build", "--quiet", "--build-arg", "PYTHON_IMAGE=selfinspect-base:bookworm",
        "--file", ROOT / "deploy" / "standalone.Dockerfile",
        "--tag", "selfinspect:standalone", ROOT,
    )  # fmt: skip
    return private_engine


def base(engine: Engine, image: Image, folder: Path) -> str:
    """The image as its makers have it."""
    script = ROOT / "deploy" / "local-engine.sh"
    start = sh(script, "base-image", *image.base, "--dir", engine.home)
    return built(engine, folder, f"FROM {start}\n{image.made}")


def built(engine: Engine, folder: Path, recipe: str) -> str:
    """The image of a Dockerfile."""
    (folder / "Dockerfile").write_text(recipe)
    return engine.docker("build", "--quiet", folder)


def with_ours(image: Image) -> str:
    """The user's Dockerfile below its FROM: README's lines, and what README says of them."""
    lines = FIVE_LINES
    if not image.python:
        lines = lines.replace("--from=selfinspect ", "--from=selfinspect:standalone ")
    if image.entrypoint:
        lines = lines.replace('"--"]', f'"--", "{image.entrypoint}"]')
    return f"{lines}{image.own}"


def with_the_agent(engine: Engine, image: Image, folder: Path) -> str:
    """The image of the user's own Dockerfile."""
    for file, text in image.files:
        (folder / file).write_text(text)
        (folder / file).chmod(0o755)
    if image.packages:
        subprocess.run(image.packages, cwd=folder, check=True)
        sh("chmod", "-R", "a+rX", folder)
    return built(engine, folder, f"FROM {base(engine, image, folder)}\n{with_ours(image)}")


def answers(app: Container, image: Image) -> bool:
    """Whether the app does what it is for."""
    with suppress(AssertionError):
        app.exec(*image.ready)
        return image.port is None or app.status("/", port=image.port) < 500
    return False


@pytest.mark.parametrize("name", list(IMAGES))
def test_it_knows_itself_and_stops_as_before(
    engine: Engine, agents: Engine, tmp_path: Path, name: str
) -> None:
    """`doctor` has no complaint, `show` is about it, and `docker stop` ends it as its app ends."""
    image = IMAGES[name]
    tag = with_the_agent(agents, image, tmp_path)
    app = engine.start("--publish", "8080", image=tag)
    app.ready()
    until(lambda: answers(app, image), f"{name} serves: {app.logs()}")
    assert json.loads(app.exec("selfinspect", "doctor", "--json"))["ok"] is True
    shown = json.loads(app.exec("selfinspect", "show"))
    assert (shown["id"], shown["state"]) == (app.id, "running")
    known = {"flask": str(shown["ports"]["8080"]["tcp"]), "express": shown["name"]}
    if name in known:
        assert app.curl("/", port=8080) == known[name]
    engine.docker("stop", "--time", "20", app.id)
    assert int(app.inspect("{{.State.ExitCode}}")) == image.stopped


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("flask", ("python3", "-c", f"{PYTHON}\nprint(port)")),
        ("express", ("node", "--input-type=module", "--eval", f"{JS}\nconsole.log(name);")),
    ],
)
def test_an_app_without_an_agent_goes_on(
    agents: Engine, tmp_path: Path, name: str, command: tuple[str, ...]
) -> None:
    """README's lines have no answer then, and do not fail."""
    tag = with_the_agent(agents, IMAGES[name], tmp_path)
    program, *arguments = command
    printed = agents.docker("run", "--rm", "--entrypoint", program, tag, *arguments)
    assert printed in ("None", "null")


def test_docker_forgets_the_command_of_a_base_image(agents: Engine, tmp_path: Path) -> None:
    """So README wants a CMD, and the container without one says what is missing."""
    tag = with_the_agent(agents, replace(IMAGES["busybox"], own=""), tmp_path)
    command = agents.docker("image", "inspect", "--format", "{{json .Config.Cmd}}", tag)
    assert command == "null"
    host = ("docker", "--host", agents.url, "run", "--rm", tag)
    done = subprocess.run(host, capture_output=True, text=True, check=False)
    assert done.returncode == 125
    assert "no command after" in done.stderr
