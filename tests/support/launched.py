"""The program as the image has it: by its own launcher, in a folder with an interpreter."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]
_VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"


def launched(folder: Path) -> str:
    """Lay out a folder as the image's, with this checkout's package in it; the program's path."""
    interpreter = Path(sys.executable).resolve()
    packages = folder / "lib" / _VERSION / "site-packages"
    packages.mkdir(parents=True)
    (packages / "selfinspect").symlink_to(ROOT / "selfinspect")
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if package.suffix != ".pth" and package.name != "selfinspect":
            (packages / package.name).symlink_to(package)
    (folder / "bin").mkdir()
    (folder / "bin" / "python3").symlink_to(interpreter)
    (folder / "pyvenv.cfg").write_text(f"home = {interpreter.parent}\n")
    program = folder / "bin" / "selfinspect"
    text = (ROOT / "deploy" / "launcher.py").read_text()
    program.write_text(text.replace("#!/opt/selfinspect/", f"#!{folder}/", 1))
    program.chmod(0o755)
    return str(program)
