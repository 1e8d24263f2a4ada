"""The console script: `run` is dispatched before anything heavy is loaded."""

from __future__ import annotations

import os
import signal
import sys
import warnings


def main() -> int:
    """Run the verb on the command line and return the exit code."""
    if sys.argv[1:2] == ["run"]:
        from selfinspect.supervise.run import main as run  # noqa: PLC0415

        return run(sys.argv[2:], dict(os.environ))
    if sys.argv[1:2] == ["serve"]:
        # PID 1 has no default actions: a stop while the libraries load would be lost.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: sys.exit(0))
    _without_guessing()
    try:
        from selfinspect.cli import main as cli  # noqa: PLC0415

        return cli()
    except KeyboardInterrupt:  # while that is being loaded
        return 128 + signal.SIGINT


def _without_guessing() -> None:
    """Have requests do without what guesses encodings, which nothing here asks it to.

    Its tables, and the codecs of five languages that they load, take 2 MiB and 70 ms.
    """
    for name in ("chardet", "charset_normalizer"):
        sys.modules[name] = None  # type: ignore[assignment]  # imports fail, as if not installed
    warnings.filterwarnings("ignore", "Unable to find acceptable character detection")


if __name__ == "__main__":
    sys.exit(main())
