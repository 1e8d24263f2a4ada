"""What selfinspect.pyz runs: `__main__.py` of the archive."""  # noqa: INP001

import _signal  # the interpreter has it already: nothing is loaded before the signals wait

MASK = _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())

import sys  # noqa: E402
from zipimport import zipimporter  # noqa: E402


class Importer(zipimporter):
    """Knows a module's file by its name, where its parent compiles the module to find out."""

    def get_filename(self, fullname: str) -> str:
        """The module's source, whether or not there is bytecode beside it."""
        end = "/__init__.py" if self.is_package(fullname) else ".py"
        return f"{self.archive}/{self.prefix}{fullname.rpartition('.')[2]}{end}"


# A Python other than the one that built the bytecode would compile all that it loads twice.
sys.path_hooks[sys.path_hooks.index(zipimporter)] = Importer
sys.path_importer_cache.clear()

from selfinspect.__main__ import main  # noqa: E402

sys.exit(main(MASK))
