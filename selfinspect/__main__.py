"""The console script: `run` is dispatched before anything heavy is loaded."""

from __future__ import annotations

import os
import signal
import sys


def main() -> int:
    """Run the verb on the command line and return the exit code."""
    if sys.argv[1:2] == ["run"]:
        from selfinspect.supervise.run import main as run  # noqa: PLC0415

        return run(sys.argv[2:], dict(os.environ))
    if sys.argv[1:2] == ["serve"]:
        # PID 1 has no default actions: a stop while the libraries load would be lost.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: sys.exit(0))
    from selfinspect.cli import main as cli  # noqa: PLC0415

    return cli()


if __name__ == "__main__":
    sys.exit(main())
