#!/opt/selfinspect/bin/python3 -IS
"""What /opt/selfinspect/bin/selfinspect is: pip's own launcher loads `re` and `site` first."""

import _signal  # the interpreter has it already: nothing is loaded before the signals wait

MASK = _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())

import sys  # noqa: E402

PREFIX = sys.executable.rpartition("/bin/")[0]
VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
sys.path.append(f"{PREFIX}/lib/{VERSION}/site-packages")

from selfinspect.__main__ import main  # noqa: E402

sys.exit(main(MASK))
