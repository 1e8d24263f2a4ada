from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

MAIN = Path(__file__).parents[3] / "deploy" / "pyz_main.py"

COUNT = """
import runpy, sys
compiled = []
sys.addaudithook(lambda event, told: event == "compile" and compiled.append(str(told[1])))
try:
    runpy.run_path(sys.argv[1], run_name="__main__")
finally:
    print(*(file for file in compiled if "selfinspect" in file), sep="\\n")
"""


def test_each_module_is_compiled_once(tmp_path: Path) -> None:
    """Packages and modules, and each is where the archive has it."""
    archive = tmp_path / "program.pyz"
    with ZipFile(archive, "w") as file:
        file.write(MAIN, "__main__.py")
        file.writestr("selfinspect/__init__.py", "")
        file.writestr("selfinspect/inner/__init__.py", "")
        file.writestr("selfinspect/inner/module.py", "")
        file.writestr(
            "selfinspect/__main__.py",
            "import selfinspect.inner.module as inner\nmain = lambda mask: print(inner.__file__)\n",
        )
    ran = subprocess.run(
        [sys.executable, "-I", "-c", COUNT, archive], capture_output=True, text=True, check=True
    )
    place, *compiled = ran.stdout.splitlines()
    assert place == f"{archive}/selfinspect/inner/module.py"
    assert sorted(compiled) == [
        f"{archive}/selfinspect/{name}"
        for name in ("__init__.py", "__main__.py", "inner/__init__.py", "inner/module.py")
    ]
