"""The console script: `run` is dispatched before anything heavy is loaded."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Run the verb on the command line and return the exit code."""
    if sys.argv[1:2] == ["run"]:
        from selfinspect.supervise.run import main as run  # noqa: PLC0415

        return run(sys.argv[2:], dict(os.environ))
    from selfinspect.cli import main as cli  # noqa: PLC0415

    return cli()


if __name__ == "__main__":
    sys.exit(main())
