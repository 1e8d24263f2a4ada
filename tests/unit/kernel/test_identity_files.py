"""The files that say which container this is, below any root."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from selfinspect.kernel.files import LONGEST
from selfinspect.kernel.identity_files import IdentityFiles, read_identity_files


def put(root: Path, name: str, content: str | bytes) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_every_file_is_read_below_the_root(tmp_path: Path) -> None:
    """Texts come as they are; times and addresses are taken out of theirs."""
    put(tmp_path, "proc/self/cgroup", "0::/x\n")
    put(tmp_path, "proc/1/cgroup", "0::/y\n")
    put(tmp_path, "proc/self/mountinfo", "1 2 3\n")
    put(tmp_path, "proc/1/mountinfo", "4 5 6\n")
    put(tmp_path, "proc/version", "Linux version 6.1\n")
    put(tmp_path, "proc/sys/kernel/hostname", "web\n")
    put(tmp_path, "proc/1/cpuset", "/\n")
    put(tmp_path, "run/.containerenv", 'id="x"\n')
    os.utime(put(tmp_path, "etc/hosts", ""), ns=(1, 1_700_000_000_000_000_001))
    os.utime(put(tmp_path, ".dockerenv", ""), ns=(1, 1_700_000_000_123_456_789))
    ticks = os.sysconf("SC_CLK_TCK")
    fields = " ".join(["S", *(str(n) for n in range(4, 22)), str(5 * ticks), "0"])
    put(tmp_path, "proc/1/stat", f"1 (a) b) {fields}\n")
    put(tmp_path, "proc/stat", "cpu 1 2\nbtime 1700000000\n")
    put(tmp_path, "sys/class/net/eth0/address", "02:42:ac:11:00:02\n")
    put(tmp_path, "sys/class/net/lo/address", "00:00:00:00:00:00\n")
    assert read_identity_files(tmp_path) == IdentityFiles(
        cgroup="0::/x\n",
        init_cgroup="0::/y\n",
        mountinfo="1 2 3\n",
        init_mountinfo="4 5 6\n",
        version="Linux version 6.1\n",
        hostname="web\n",
        cpuset="/\n",
        containerenv='id="x"\n',
        dockerenv_mtime=1_700_000_000_123_456_789,
        init_started_at=1_700_000_005.0,
        macs=frozenset({"02:42:ac:11:00:02"}),
        etc_mtimes={"/etc/hosts": 1_700_000_000_000_000_001},
    )


def test_our_own_ips_are_those_of_local_hosts(tmp_path: Path) -> None:
    """Not the loopback's, not a broadcast address, not a network's."""
    lines = (
        "     +-- 127.0.0.0/8 2 0 2", "           |-- 127.0.0.1", "              /32 host LOCAL",
        "        |-- 172.17.0.0", "           /16 link UNICAST", "           |-- 172.17.0.2",
        "              /32 host LOCAL", "        |-- 172.17.255.255",
        "           /32 link BROADCAST",
    )  # fmt: skip
    put(tmp_path, "proc/net/fib_trie", "Main:\n" + "\n".join(lines))
    assert read_identity_files(tmp_path).ips == {"172.17.0.2"}


@pytest.mark.parametrize(("number", "private"), [(4026531835, False), (4026532600, True)])
def test_the_machines_first_cgroup_namespace_has_a_known_number(
    tmp_path: Path, *, number: int, private: bool
) -> None:
    """Any other is private."""
    (tmp_path / "proc/self/ns").mkdir(parents=True)
    (tmp_path / "proc/self/ns/cgroup").symlink_to(f"cgroup:[{number}]")
    assert read_identity_files(tmp_path).private_cgroups is private


def test_nothing_there_is_nothing_known(tmp_path: Path) -> None:
    """Missing files are absent, not an error."""
    assert read_identity_files(tmp_path) == IdentityFiles()


def test_what_cannot_be_read_is_absent(tmp_path: Path) -> None:
    """A folder, a FIFO and an endless file are as good as missing."""
    (tmp_path / "proc/self/cgroup").mkdir(parents=True)
    os.mkfifo(tmp_path / "proc/self/mountinfo")
    put(tmp_path, "run/.containerenv", "x" * (LONGEST + 1))
    assert read_identity_files(tmp_path) == IdentityFiles()


@pytest.mark.parametrize(
    ("stat", "machine"),
    [
        ("1 (a) S 1", "btime 1\n"),
        (f"1 (a){' 1' * 20}", "btime soon\n"),
        (f"1 (a){' 1' * 19} {'9' * 400}", "btime 1\n"),
        (f"1 (a){' 1' * 19} {'9' * 5000}", "btime 1\n"),
    ],
)
def test_a_start_that_is_no_time_is_unknown(tmp_path: Path, stat: str, machine: str) -> None:
    """Too few fields, words, and numbers beyond all time are not an error."""
    put(tmp_path, "proc/1/stat", stat)
    put(tmp_path, "proc/stat", machine)
    assert read_identity_files(tmp_path).init_started_at is None


def test_a_path_of_another_encoding_costs_no_other_line(tmp_path: Path) -> None:
    """The kernel prints file names as they are; a byte that is not text is not a digit."""
    put(tmp_path, "proc/self/cgroup", b"1:cpu:/caf\xe9\n2:pids:/docker/abc\xff\n")
    assert read_identity_files(tmp_path).cgroup == "1:cpu:/caf\ufffd\n2:pids:/docker/abc\ufffd\n"


def test_our_own_files_are_read() -> None:
    """On a real kernel the texts and the start of PID 1 are there."""
    from pathlib import Path  # noqa: PLC0415 only a type elsewhere

    files = read_identity_files(Path("/"))
    assert files.mountinfo
    assert files.init_started_at is not None


def test_this_machines_own_hostname_is_read() -> None:
    """`/proc/sys` answers no request for megabytes at once."""
    assert read_identity_files(Path("/")).hostname == f"{platform.node()}\n"
