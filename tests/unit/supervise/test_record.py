"""What PID 1 writes down of a run, and what is read of it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from selfinspect.agent.past import mark_below
from selfinspect.model import RunRecord
from selfinspect.settings import Settings
from selfinspect.supervise.record import DEFAULT_FOLDER, Record, mark_of, parsed, path_of, read
from selfinspect.supervise.users import User
from tests.support.odd_files import ODD_FILES, see_that_nothing_leaked, swapping
from tests.unit.supervise.conftest import AGENT

if TYPE_CHECKING:
    from collections.abc import Sequence

LAYER = "/var/lib/docker/overlay2/{}/diff"
ROOT = "338 249 0:87 / / rw,relatime - overlay overlay rw,lowerdir=/l/A:/l/B,upperdir={},workdir=/w"
HOSTNAME = "363 338 254:0 /docker/containers/{}/hostname /etc/hostname rw - ext4 /dev/vda rw"


def mountinfo(layer: str = "aa", container: str = "c1") -> str:
    """The mounts of a container."""
    return "\n".join([ROOT.format(LAYER.format(layer)), HOSTNAME.format(container), ""])


class Kept:
    """A folder of records, and a container's root beside it."""

    def __init__(self, path: Path) -> None:
        self.folder = path / "journal"
        self.root = path / "root"
        (self.root / "proc/self").mkdir(parents=True)

    def record(self, mounts: str | None = None) -> Record:
        """One that writes there."""
        return Record(str(self.folder), mountinfo() if mounts is None else mounts, oom_counts=())

    def read(self, mounts: str | None = None) -> tuple[RunRecord, ...]:
        """What the container with these mounts reads."""
        text = mountinfo() if mounts is None else mounts
        (self.root / "proc/self/mountinfo").write_text(text)
        mark = mark_below(self.root)
        return () if mark is None else read(self.folder, mark)

    @property
    def files(self) -> list[Path]:
        """All that is there."""
        return sorted(self.folder.iterdir())


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """A place for records."""
    return Kept(tmp_path)


def test_an_expected_exit_code_is_marked(kept: Kept) -> None:
    """The command's own code stays beside it."""
    record = kept.record()
    record.begin()
    record.end(143, signal.SIGTERM, expected=True)
    [ended] = kept.read()
    assert (ended.exit_code, ended.signal, ended.expected) == (143, signal.SIGTERM, True)


def test_a_run_from_its_start_to_its_end(kept: Kept) -> None:
    """Its line is there while it lasts, and has the end after that."""
    record = kept.record()
    record.begin()
    [begun] = kept.read()
    assert (begun.finished, begun.exit_code, begun.signal, begun.forwarded) == (None,) * 4
    assert begun.boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    record.forwarded = signal.SIGTERM
    record.end(143, signal.SIGTERM)
    [ended] = kept.read()
    assert (ended.started, ended.boot) == (begun.started, begun.boot)
    assert ended.finished is not None
    assert ended.finished >= ended.started
    assert (ended.exit_code, ended.signal, ended.forwarded) == (143, 15, 15)


def test_runs_stand_in_order(kept: Kept) -> None:
    """Those before keep their lines; the oldest go in time."""
    for code in range(120):
        record = kept.record()
        record.begin()
        record.end(code, None)
    assert [record.exit_code for record in kept.read()] == [*range(20, 120)]


def test_a_folder_of_several_containers(kept: Kept) -> None:
    """Each reads its own, though they share a network, and so the files that name it."""
    others = [mountinfo("bb"), mountinfo("aa", "c2")]
    for number, mounts in enumerate([mountinfo(), *others]):
        kept.record(mounts).end(number, None)
    assert len(kept.files) == 3
    assert [record.exit_code for record in kept.read()] == [0]
    assert [record.exit_code for record in kept.read(others[0])] == [1]
    assert [record.exit_code for record in kept.read(others[1])] == [2]


@pytest.mark.parametrize("odd", ["\r", "\f", "\x1c", "\x85", "\u2028"])
def test_a_folder_of_the_host_may_have_any_name(kept: Kept, odd: str) -> None:
    """The kernel leaves what separates lines elsewhere as it is; no run is lost by it."""
    mounts = mountinfo(container=f"c{odd}1")
    for code in (1, 2):
        kept.record(mounts).end(code, None)
    assert [run.exit_code for run in kept.read(mounts)] == [1, 2]


def test_what_tells_a_container_apart_outlasts_a_restart() -> None:
    """Mount IDs and devices change, and an overlay's other options may."""
    again = mountinfo().replace("338 249 0:87", "512 20 0:91").replace("/l/A:/l/B", "/l/C")
    assert mark_of(again) == mark_of(mountinfo())


def test_a_mark_keeps_its_form() -> None:
    """It names files: a version that forms it differently would lose what others wrote."""
    layer = "upperdir=/var/lib/docker/overlay2/aa/diff"
    assert mark_of(mountinfo()) == f"{layer} /docker/containers/c1/hostname"
    line = r"22 1 0:9 /@/my\040x / rw - btrfs /dev/vda rw,subvol=/my\040x"
    files = "/docker/containers/c1/hostname"
    assert mark_of(f"{line}\n{HOSTNAME.format('c1')}") == (
        rf"/@/my\040x,btrfs /dev/vda rw,subvol=/my\040x {files}"
    )


def test_a_mark_outlasts_the_engines_new_copy_of_a_file() -> None:
    """The mount of the old one stays until the container is restarted."""
    replaced = mountinfo().replace("/hostname /etc", "/hostname//deleted /etc")
    assert mark_of(replaced) == mark_of(mountinfo())


def test_a_machine_is_no_container() -> None:
    """It has no mark, and nothing is written for it."""
    root, other = "22 1 254:0 / / rw - ext4 /dev/vda rw", "23 22 0:5 / /proc rw - proc proc rw"
    assert mark_of(f"{root}\n{other}\n") is None
    assert mark_of("") is None
    assert mark_of("junk\n1 2 3") is None


def test_a_root_without_layers() -> None:
    """The folder, the file system and its options distinguish it, as with btrfs."""
    line = "22 1 0:9 /subvolumes/{0} / rw - btrfs /dev/vda rw,subvol=/subvolumes/{0}\n"
    marks = {mark_of(line.format(each) + HOSTNAME.format("c1")) for each in ("a", "b")}
    assert len(marks) == 2
    assert None not in marks


def test_nothing_is_written_on_a_machine(kept: Kept) -> None:
    """Not even the folder is made."""
    record = kept.record("")
    record.begin()
    record.end(0, None)
    assert not kept.folder.exists()
    assert kept.read("") == ()


def test_another_agents_user_may_read_it(kept: Kept) -> None:
    """Whatever the umask; no draft is left."""
    umask = os.umask(0o077)
    try:
        kept.record().begin()
    finally:
        os.umask(umask)
    [file] = kept.files
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"selfinspect runs 2 other\n1 2 3\n"])
def test_a_file_that_is_none_of_ours_is_begun_anew(kept: Kept, content: bytes) -> None:
    """Junk, or what another version wrote, is not read."""
    kept.folder.mkdir()
    mark = mark_of(mountinfo())
    assert mark is not None
    Path(path_of(str(kept.folder), mark)).write_bytes(content)
    assert kept.read() == ()
    kept.record().end(3, None)
    assert [record.exit_code for record in kept.read()] == [3]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1",
        "1 b - - - -",
        "1 b - - - - - - -",
        "x b - - - - -",
        "1 b y - - - -",
        "- b - - - - -",
    ],
)
def test_a_line_that_is_none(line: str) -> None:
    """It is left out."""
    assert parsed(line) is None


def test_a_line() -> None:
    """A dash stands for unknown."""
    assert parsed("1 - 2 137 9 - 4 -") == RunRecord(1, None, 2, 137, 9, None, 4)


def test_a_line_of_an_older_version_is_read() -> None:
    """It has no word on whether the exit code was expected."""
    assert parsed("1 - 2 137 9 - 4") == RunRecord(1, None, 2, 137, 9, None, 4)
    assert parsed("1 - 2 143 15 15 - 1") == RunRecord(1, None, 2, 143, 15, 15, None, expected=True)


@pytest.mark.parametrize("number", ["9" * 20, "9" * 5000, "-1", "\u0663", "1_0", " 1"])
def test_a_number_that_pid_1_never_wrote(number: str) -> None:
    """Who may write the folder may write anything: no time or code is so large."""
    assert parsed(f"{number} b - - - - -") is None
    assert parsed(f"1 b {number} - - - -") is None


@pytest.mark.parametrize("kind", ODD_FILES)
def test_what_is_in_its_place_is_replaced_or_left(kept: Kept, kind: str) -> None:
    """It is read as no runs; nothing is written through it, and a folder alone stays."""
    kept.folder.mkdir()
    mark = mark_of(mountinfo())
    assert mark is not None
    path = Path(path_of(str(kept.folder), mark))
    ODD_FILES[kind](path)
    assert kept.read() == ()
    kept.record().end(3, None)
    assert [record.exit_code for record in kept.read()] == ([] if kind == "folder" else [3])
    see_that_nothing_leaked(path)


def test_a_thousand_swaps_lead_nowhere(kept: Kept) -> None:
    """A link and a file in turn, while the runs are written: nothing outside is."""
    kept.folder.mkdir()
    mark = mark_of(mountinfo())
    assert mark is not None
    path = Path(path_of(str(kept.folder), mark))
    with swapping(path) as over:
        while not over.is_set():
            kept.record().end(3, None)
    see_that_nothing_leaked(path, "half a file")


@pytest.mark.parametrize("obstacle", ["a file", "a link", "a pipe", "nowhere"])
def test_nothing_in_its_way_is_the_commands_matter(kept: Kept, obstacle: str) -> None:
    """It neither fails nor waits nor follows a link."""
    mark = mark_of(mountinfo())
    assert mark is not None
    path = Path(path_of(str(kept.folder), mark))
    match obstacle:
        case "a file":
            kept.folder.write_text("")
        case "a link":
            kept.folder.mkdir()
            path.symlink_to(kept.root / "target")
        case "a pipe":
            kept.folder.mkdir()
            os.mkfifo(path)
        case "nowhere":
            kept.folder = Path("/proc/nowhere")
    record = kept.record()
    record.begin()
    record.end(0, None)
    assert not (kept.root / "target").exists()


def test_kills_for_want_of_memory_are_counted_once_the_command_was_killed(
    kept: Kept, tmp_path: Path
) -> None:
    """The first count that is there: cgroup v2 has it in one file, v1 in another."""
    count = tmp_path / "memory.events"
    count.write_text("low 0\noom 3\noom_kill 2\noom_group_kill 0\n")
    for number in (signal.SIGTERM, signal.SIGKILL):
        Record(str(kept.folder), mountinfo(), oom_counts=(str(tmp_path / "none"), str(count))).end(
            128 + number, number
        )
    assert [record.oom_kills for record in kept.read()] == [None, 2]


def test_the_folder_is_the_settings() -> None:
    """PID 1 cannot load those."""
    assert Path(DEFAULT_FOLDER) == Settings().journal


DRIVER = """
import os, sys
from selfinspect.supervise.run import run
agent, mountinfo, *arguments = sys.argv[1:]
agent = [sys.executable, "-c", agent]
sys.exit(run(arguments, os.environ, agent, f"{mountinfo}.uri", mountinfo))
"""


def words(kept: Kept, *command: str) -> list[str]:
    """A command under `run`, in what it takes for a container."""
    mounts = kept.root / "proc/self/mountinfo"
    mounts.write_text(mountinfo())
    agent = f"{AGENT}handover.control.recv(1)"
    arguments = ["--listen", "127.0.0.1:0", "--metrics-listen", "off", f"--journal={kept.folder}"]
    return [sys.executable, "-c", DRIVER, agent, str(mounts), *arguments, "--", *command]


def supervised(kept: Kept, *command: str, through: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    """The same, started."""
    return subprocess.Popen(
        [*through, *words(kept, *command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def test_a_second_one_in_a_container_is_no_run_of_it(kept: Kept) -> None:
    """As `docker exec` may start one."""
    with supervised(kept, "sh", "-c", '"$@"; exit 4', "sh", *words(kept, "false")) as run:
        run.wait(60)
    assert [record.exit_code for record in kept.read()] == [4]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("exit 3", (3, None, None)),
        ("kill -SEGV $$", (139, 11, None)),
        ("kill -TERM $PPID; exec sleep 99", (143, 15, 15)),
        ("trap 'exit 0' TERM; kill -TERM $PPID; while :; do sleep 0.02; done", (0, None, 15)),
    ],
)
def test_how_a_command_ended(
    kept: Kept, script: str, expected: tuple[int, int | None, int | None]
) -> None:
    """Its exit code, the signal that ended it, and the one that came from outside."""
    with supervised(kept, "sh", "-c", script) as run:
        run.wait(60)
    [record] = kept.read()
    assert (record.exit_code, record.signal, record.forwarded) == expected


def test_a_supervisor_that_is_killed_leaves_a_run_without_end(kept: Kept) -> None:
    """So that whoever reads it knows that it did not end by itself."""
    begun = f"until ls {kept.folder}/*.runs >/dev/null 2>&1; do sleep 0.02; done"
    with supervised(kept, "sh", "-c", f"{begun}; kill -KILL $PPID; echo") as run:
        assert run.stdout is not None
        run.stdout.read()
    [record] = kept.read()
    assert record.finished is None


HANGS = """
import ctypes, os, sys
folder, *command = sys.argv[1:]
fuse = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0".encode()
if ctypes.CDLL(None).mount(b"dead", folder.encode(), b"fuse", 0, options):
    raise OSError("cannot mount")
os.set_inheritable(fuse, True)
os.execvp(command[0], command)
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/fuse").exists(), reason="mounting takes root and FUSE"
)
def test_a_disk_that_hangs_holds_nothing_up(kept: Kept) -> None:
    """As a dead server's: the command starts, gets its signals, and its exit code counts."""
    kept.folder.mkdir()
    hung = ["unshare", "--mount", sys.executable, "-c", HANGS, str(kept.folder)]
    with supervised(
        kept, "sh", "-c", "trap 'exit 9' TERM; echo; while :; do sleep 0.02; done", through=hung
    ) as run:
        assert run.stdout is not None
        try:
            assert run.stdout.readline() == b"\n"
            run.send_signal(signal.SIGTERM)
            assert run.wait(60) == 9
        finally:
            run.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder away")
def test_a_folder_that_has_to_be_made_is_the_agents(kept: Kept) -> None:
    """Its journal is to stand there, too."""
    user = User(65532, 65532, [])
    Record(str(kept.folder), mountinfo(), user).begin()
    assert (kept.folder.stat().st_uid, kept.folder.stat().st_gid) == (65532, 65532)
    assert len(kept.read()) == 1
