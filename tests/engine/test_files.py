"""What CMD's user leaves in place of files, in containers on a real engine.

Nothing there makes PID 1, the agent or a client write elsewhere, wait, or tell a secret.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import until
from tests.support.odd_files import ODD_FILES, see_that_nothing_leaked

if TYPE_CHECKING:
    from tests.engine.conftest import Container, Engine

pytestmark = pytest.mark.engine

APP, AGENT = 65532, 4711
RUN, JOURNAL = "/run/selfinspect", "/var/lib/selfinspect"
SWAPPING = Path(__file__).with_name("swapping.py")
ASLEEP = ("sh", "-c", "echo up; exec sleep 1000")
BOTH_USERS = ("--user", str(APP), "--agent-user", str(AGENT))
USERS = {
    "root with both users": ("0", BOTH_USERS),
    "root with CMD's user": ("0", ("--user", str(APP))),
    "one user": (str(APP), ()),
}
# In the full run each of them; as one user nothing can be separated.
users = pytest.mark.parametrize(
    "users",
    [
        "root with both users",
        *(pytest.param(each, marks=pytest.mark.slow) for each in list(USERS)[1:]),
    ],
)


class Folders:
    """Two folders that a container mounts and CMD's user owns, and what is outside of them."""

    def __init__(self, path: Path) -> None:
        self.run, self.journal = path / "run", path / "journal"
        self.planted: set[Path] = set()
        for folder in (self.run, self.journal):
            folder.mkdir()
        self.give()

    @property
    def mounts(self) -> tuple[str, ...]:
        mounted = ((self.run, RUN), (self.journal, JOURNAL))
        return tuple(word for ours, there in mounted for word in ("--volume", f"{ours}:{there}"))

    def give(self) -> None:
        """Give all of it to CMD's user, who could have made it."""
        for folder in (self.run, self.journal):
            for each in (folder, *folder.iterdir()):
                os.chown(each, APP, APP, follow_symlinks=False)

    def has_a_record(self) -> bool:
        """Whether PID 1 has written of a run."""
        return any(self.journal.glob("*.runs"))

    def plant(self, kind: str) -> None:
        """Put something in place of every file that is there, and of those that may come."""
        names = ("uri", "uri.1", "token", "token.1", "stopping")
        places = {*self.journal.iterdir(), *(self.run / name for name in names)}
        for place in places:
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            place.unlink(missing_ok=True)
            ODD_FILES[kind](place)
        self.give()
        self.planted |= places


def start(engine: Engine, users: str, *options: object) -> Container:
    user, words = USERS[users]
    command = ("run", "--engine", "off", "--token-file", "auto", *words, "--", *ASLEEP)
    return engine.start_plain("--user", user, "--no-healthcheck", *options, command=command)


def times_up(app: Container) -> int:
    return app.logs().splitlines().count("up")


@users
def test_nothing_in_a_files_place_is_followed_or_holds_the_command_up(
    engine: Engine, tmp_path: Path, users: str
) -> None:
    """Of each kind, before the first run and before the next: CMD starts, and nothing leaks."""
    apps = {}
    for number, kind in enumerate(ODD_FILES):
        (tmp_path / str(number)).mkdir()
        folders = Folders(tmp_path / str(number))
        folders.plant(kind)
        apps[kind] = (start(engine, users, *folders.mounts), folders)
    for kind, (app, folders) in apps.items():
        see_that_it_runs(app, folders, 1, kind)
    for kind, (_, folders) in apps.items():
        until(folders.has_a_record, "the run's record")
        folders.plant(kind)
    engine.docker("restart", "--time", "1", *(app.id for app, _ in apps.values()))
    for kind, (app, folders) in apps.items():
        see_that_it_runs(app, folders, 2, kind)


def see_that_it_runs(app: Container, folders: Folders, times: int, kind: str) -> None:
    """See that the command was started so often, and that nothing leaked."""
    until(lambda: times_up(app) == times, f"the command, beside a {kind}")
    for path in folders.planted:
        see_that_nothing_leaked(path)


def test_root_takes_the_folder_from_the_user_of_the_image(engine: Engine) -> None:
    """What stands in it is root's then, and CMD's user can put nothing in its place."""
    app = start(engine, "root with both users")
    until(lambda: times_up(app) == 1, "the command")
    told = app.exec("stat", "--format", "%n %u %a", RUN, f"{RUN}/uri", f"{RUN}/token")
    assert told.splitlines() == [f"{RUN} 0 755", f"{RUN}/uri 0 644", f"{RUN}/token {APP} 400"]
    taken = "import os; os.symlink('/etc/shadow', '/run/selfinspect/uri.1')"
    done = app.exec("sh", "-c", f'setpriv --reuid {APP} python3 -c "{taken}" 2>&1 || true')
    assert "Permission denied" in done


@pytest.mark.parametrize(
    "options",
    [
        ("--read-only",),
        ("--read-only", "--tmpfs", RUN),
        ("--cap-drop", "ALL", "--cap-add", "SETUID", "--cap-add", "SETGID"),
    ],
    ids=["read-only", "read-only with a tmpfs", "root without capabilities"],
)
def test_where_the_folder_is_not_to_be_had_the_command_starts(
    engine: Engine, options: tuple[str, ...]
) -> None:
    """The agent leaves no address there, or one that is root's."""
    app = start(engine, "root with both users", *options)
    until(lambda: times_up(app) == 1, "the command")
    folder, *file = app.exec("sh", "-c", f"stat --format '%u %a' {RUN} {RUN}/uri || true").split(
        "\n"
    )
    assert not file or (folder, file[0]) == ("0 755", "0 644")


@pytest.mark.slow
def test_a_volume_that_two_share(engine: Engine, tmp_path: Path) -> None:
    """A neighbour swaps files and links while root's `run` restarts: nothing outside is written."""
    folders, secret = Folders(tmp_path), tmp_path / "secret"
    secret.write_text("root alone\n")
    mounts = (*folders.mounts, "--volume", f"{secret}:/secret")
    app = start(engine, "root with both users", *mounts)
    until(lambda: times_up(app) == 1, "the command")
    until(folders.has_a_record, "the run's record")
    os.chown(folders.run, APP, APP)
    neighbour = engine.start_plain(
        "--user", APP, "--no-healthcheck", *mounts, "--volume", f"{SWAPPING}:/swapping.py:ro",
        "--entrypoint", "python3", command=("/swapping.py", RUN, JOURNAL),
    )  # fmt: skip
    until(lambda: "swapping" in neighbour.logs(), "the first swap")
    for number in (2, 3):
        engine.docker("restart", "--time", "1", app.id)
        until(lambda number=number: times_up(app) == number, "the command")  # type: ignore[misc]
    assert engine.docker("wait", neighbour.id) == "0"
    assert secret.read_text() == "root alone\n"
    assert secret.stat().st_uid == 0


def test_in_anothers_pid_namespace(engine: Engine) -> None:
    """PID 1 is another container's; the address of ours is believed, that of a third user's not."""
    other = engine.start_plain("--no-healthcheck", "--user", "1234", command=("serve",))
    app = engine.start(
        "--pid", f"container:{other.id}", "--user", APP, "--no-healthcheck",
        command=("run", "--listen", "127.0.0.1:0", "--", *ASLEEP),
    )  # fmt: skip
    until(lambda: times_up(app) == 1, "the command")
    asked = ("sh", "-c", "selfinspect healthcheck || true")
    until(lambda: app.exec(*asked) == "ok", "its agent")
    third = engine.docker(
        "exec", "--user", "4321", app.id, "sh", "-c", "selfinspect healthcheck 2>&1 || true"
    )
    assert third == "selfinspect: error: no agent listens here at http://127.0.0.1:10310"


LISTENER = """
import os, socket, sys
print("up", flush=True)
with socket.create_server(("127.0.0.1", 9999)) as server:
    for path in sys.argv[1:]:
        try:
            os.unlink(path)
            open(path, "w").write("http://127.0.0.1:9999\\n")
            print("written", flush=True)
        except OSError as error:
            print("refused", flush=True)
    while True:
        with server.accept()[0] as caller:
            print("asked", repr(caller.recv(65536)), flush=True)
            caller.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
"""


@pytest.mark.parametrize("users", ["root with both users", "one user"])
def test_the_operators_token_goes_to_no_address_of_the_commands_user(
    engine: Engine, tmp_path: Path, users: str
) -> None:
    """Neither by a health check nor by any verb of root's."""
    token = tmp_path / "token"
    token.write_text("operators-secret\n")
    token.chmod(0o444)
    user, words = USERS[users]
    app = engine.start_plain(
        "--user", user, "--no-healthcheck", "--volume", f"{token}:/token:ro",
        "--env", "SELFINSPECT_TOKEN_FILE=/token",
        command=("run", *words, "--engine", "off", "--", "python3", "-c", LISTENER, f"{RUN}/uri"),
    )  # fmt: skip
    expected = "refused" if users == "root with both users" else "written"
    until(lambda: expected in app.logs(), "what the command made of the file")
    for verb in ("healthcheck", "show", "id", "events"):
        engine.docker(
            "exec", "--user", "0", app.id, "sh", "-c", f"timeout 60 selfinspect {verb} || true"
        )
    if users == "one user":
        until(lambda: "asked" in app.logs(), "the callers")
    else:
        assert "asked" not in app.logs()
    assert "operators-secret" not in app.logs()


PLANTED = {
    "pipe": "mkfifo",
    "folder": "mkdir",
    "link to an endless file": "ln -s /dev/zero",
    "dangling link": "ln -s /nowhere",
    "circular link": "ln -s /run/selfinspect/uri",
}
ME = (
    "import selfinspect, sys\n"
    "try: print(selfinspect.me(timeout=1))\n"
    "except selfinspect.NotAvailable: sys.exit(1)"
)


def test_nothing_in_the_addresss_place_holds_a_client_up(engine: Engine) -> None:
    """It works as it does without an agent; a megabyte more would be the container's end."""
    app = start(engine, "one user", "--memory", "256m")
    until(lambda: times_up(app) == 1, "the command")
    for kind, plant in PLANTED.items():
        app.exec("sh", "-c", f"rm -rf {RUN}/uri; {plant} {RUN}/uri")
        for client in (
            ("selfinspect", "healthcheck"),
            ("selfinspect", "id", "--json"),
            ("selfinspect", "wait", "--timeout", "0s"),
            ("/opt/selfinspect/bin/python3", "-I", "-c", ME),
        ):
            ended = app.exec("sh", "-c", 'timeout 60 "$@" >/dev/null 2>&1; echo $?', "sh", *client)
            assert ended in ("0", "1", "3"), (kind, client)


SWAPPED = """
setpriv --reuid $1 python3 /swapping.py $2 >/dev/null & swapper=$!
while kill -0 $swapper; do
  timeout 60 selfinspect healthcheck; echo "ended $?"
  timeout 60 selfinspect show id; echo "ended $?"
done 2>&1
"""


@pytest.mark.slow
def test_clients_of_roots_beside_a_thousand_swaps(engine: Engine, tmp_path: Path) -> None:
    """They end, and never take a file that a link leads to for an address."""
    secret = tmp_path / "secret"
    secret.write_text("root alone\n")
    secret.chmod(0o600)
    app = start(
        engine, "one user",
        "--volume", f"{SWAPPING}:/swapping.py:ro", "--volume", f"{secret}:/secret:ro",
    )  # fmt: skip
    until(lambda: times_up(app) == 1, "the command")
    said = engine.docker(
        "exec", "--user", "0", app.id, "sh", "-c", SWAPPED, "sh", APP, RUN
    ).splitlines()
    ended = [line for line in said if line.startswith("ended")]
    assert len(ended) > 1
    assert set(ended) <= {"ended 0", "ended 1", "ended 3"}
    assert not [line for line in said if "root alone" in line]


def test_a_name_server_that_is_silent_does_not_lengthen_the_timeout(engine: Engine) -> None:
    """`me(timeout=1)` gives up, where a name is looked up for two minutes and more."""
    slow = ("--dns", "192.0.2.1", "--dns-option", "timeout:30", "--dns-option", "attempts:5")
    app = engine.start_plain(*slow, "--entrypoint", "sleep", command=("1000",))
    ended = app.exec(
        "sh", "-c",
        'export SELFINSPECT_URI=http://agent.example:1; timeout 60 "$@"; echo $?', "sh",
        "/opt/selfinspect/bin/python3", "-I", "-c", ME,
    )  # fmt: skip
    assert ended == "1"
