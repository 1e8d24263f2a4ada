"""Names of block devices."""

from __future__ import annotations

from selfinspect.kernel.files import read

_NAME = b"DEVNAME="


class Devices:
    """Names by number, looked up once each in `/sys/dev/block` below a root."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._names: dict[tuple[int, int], str] = {}

    def __call__(self, major: int, minor: int) -> str:
        """The device's file, `/dev/sda`, or its numbers, `8:0`, where it has no known name."""
        known = self._names.get((major, minor))
        if known is None:
            known = self._look_up(f"{major}:{minor}")
            if known.startswith("/"):
                self._names[major, minor] = known
        return known

    def _look_up(self, numbers: str) -> str:
        event = read(f"{self._root}/sys/dev/block/{numbers}/uevent") or b""
        for line in event.splitlines():
            if line.startswith(_NAME) and len(line) > len(_NAME):
                return "/dev/" + line.removeprefix(_NAME).decode(errors="replace")
        return numbers
