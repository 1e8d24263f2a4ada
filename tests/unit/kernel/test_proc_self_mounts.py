"""The one parser of `mountinfo`, and what each of its readers relies on."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfinspect.kernel.proc_self import escaped, mounted_at, parse_mounts, unescaped

OVERLAY = (
    "714 705 0:39 / / rw,relatime master:2 shared:9 - overlay overlay "
    "rw,lowerdir=/l/A:/l/B,upperdir=/var/lib/docker/overlay2/aa/diff,workdir=/w"
)


def test_a_mount_with_all_its_fields() -> None:
    """Optional fields, however many, end at the hyphen."""
    [mount] = parse_mounts(f"{OVERLAY}\n")
    assert (mount.id, mount.root, mount.point, mount.type) == ("714", "/", "/", "overlay")
    assert mount.source == "overlay"
    assert mount.options[0] == "rw"
    assert mount.upperdir == "/var/lib/docker/overlay2/aa/diff"
    assert not mount.deleted


def test_escapes_of_the_kernel_are_undone() -> None:
    """A space, a tab, a newline and a backslash stand as octal digits in every field."""
    [mount] = parse_mounts(r"1 2 8:1 /my\040disk/a\134b /a\011b rw - ext4 /dev/a\040b rw,x=\012")
    assert (mount.root, mount.point) == ("/my disk/a\\b", "/a\tb")
    assert (mount.source, mount.options) == ("/dev/a b", ("rw", "x=\n"))


@pytest.mark.parametrize("field", ["\\", "\\0", "\\08", "\\089", "a\\x41", "\\\\"])
def test_what_is_no_escape_stays(field: str) -> None:
    """A file system that writes a backslash into its options gets it back."""
    assert unescaped(field) == field


@given(st.text())
def test_escaping_is_undone(text: str) -> None:
    """Whatever a name holds, it stands on one line as one word, and comes back whole."""
    assert not set(" \t\n") & set(escaped(text))
    assert unescaped(escaped(text)) == text


def test_a_root_that_was_removed_is_named_without_the_kernels_note() -> None:
    """An engine that replaces /etc/hosts leaves the mount of the old one."""
    [mount] = parse_mounts("1 2 8:1 /containers/aa/hosts//deleted /etc/hosts rw - ext4 /dev/vda rw")
    assert (mount.root, mount.deleted) == ("/containers/aa/hosts", True)


@pytest.mark.parametrize(
    ("tail", "source", "options"),
    [
        ("- tmpfs  rw", "", ("rw",)),
        ("- tmpfs", "", ("",)),
        ("- 9p drvfs rw,aname=drvfs;path=C:\\My Files;uid=0", "drvfs",
         ("rw", "aname=drvfs;path=C:\\My Files;uid=0")),
        ("- cgroup - rw,memory", "-", ("rw", "memory")),
    ],
)  # fmt: skip
def test_odd_file_systems(tail: str, source: str, options: tuple[str, ...]) -> None:
    """No source, no options, spaces in the options, a hyphen for a source."""
    [mount] = parse_mounts(f"1 2 8:1 / / rw {tail}")
    assert (mount.source, mount.options, mount.upperdir) == (source, options, None)


@pytest.mark.parametrize(
    "line",
    ["", "junk", "1 2 3", "junk - ", "1 2 8:1 / / rw", "1 2 8:1 / / - ext4 x rw",
     "x 2 8:1 / / rw - a b c", "1 2 8:1 / / rw ext4 /dev/sda1 rw"],
)  # fmt: skip
def test_a_line_of_another_form_is_left_out(line: str) -> None:
    """Half a line does not count as a mount."""
    assert parse_mounts(line) == []


def test_only_the_kernels_newline_ends_a_line() -> None:
    """A name with another separator of lines in it forges no mount."""
    forged = f"1 2 8:1 /x\x1c{OVERLAY}\u2028{OVERLAY}\x0b /y rw - ext4 /dev/vda rw"
    assert [mount.root for mount in parse_mounts(forged)] != ["/"]
    assert len(parse_mounts(forged)) == 1


def test_the_last_mount_at_a_point_covers_the_others() -> None:
    """And one that is not there is None."""
    mounts = parse_mounts(f"{OVERLAY}\n109 108 8:1 / / rw - ext4 /dev/sda1 rw\n")
    top = mounted_at(mounts, "/")
    assert top is not None
    assert top.source == "/dev/sda1"
    assert mounted_at(mounts, "/proc") is None


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    """Whatever the file holds, the parser returns."""
    for mount in parse_mounts(text):
        assert mount.upperdir is None or isinstance(mount.upperdir, str)


def test_it_loads_nothing() -> None:
    """PID 1 reads mounts with it, and stays light."""
    script = (
        "import sys; before = set(sys.modules);"
        "import selfinspect.kernel.proc_self;"
        "print(*sorted(name for name in set(sys.modules) - before if 'selfinspect' not in name))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() in ([], ["__future__"])
