"""The console script: `run` is dispatched before anything heavy is loaded."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Collection, Mapping

    from selfinspect.agent import Serve
else:
    import _signal as signal  # the interpreter has it already; `signal` itself takes 5 ms


def main(mask: "Collection[int] | None" = None) -> int:
    """Run the verb on the command line and return the exit code.

    Args:
        mask: the signals that were blocked before the launcher blocked all; None where it did not.
    """
    if mask is None:
        # Whatever comes from now on waits, for PID 1 has no default actions and Python tracebacks.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    import os  # noqa: PLC0415 - after the signals

    if sys.argv[1:2] == ["run"]:
        from selfinspect.supervise.run import main as run  # noqa: PLC0415

        return run(sys.argv[2:], os.environ, mask)
    if sys.argv[1:2] == ["serve"]:
        # PID 1 has no default actions: a stop while the libraries load would be lost.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: sys.exit(0))
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if sys.argv[1:] == ["healthcheck"] and (code := _healthcheck(os.environ)) is not None:
            return code
        _without_guessing()
        if sys.argv[1:2] == ["serve"]:
            from selfinspect.agent import main as agent  # noqa: PLC0415

            return agent(os.environ, _cli)
        return _cli()
    except KeyboardInterrupt:  # while that is being loaded
        return 128 + signal.SIGINT


def _healthcheck(environ: "Mapping[str, str]") -> int | None:
    """The check of every image, each minute: its exit code, None where the verb has to say more.

    Without the command line it takes a sixth of the CPU.
    """
    import os  # noqa: PLC0415 - after the signals

    from selfinspect.client import unhealthy  # noqa: PLC0415

    try:
        lack = unhealthy(environ)
        if lack is None:
            os.write(1, b"ok\n")
            return 0
    except (OSError, ValueError):
        return None
    from selfinspect.cli.streams import of_this_process  # noqa: PLC0415

    of_this_process().complain(lack)
    return 1


def _cli(serve: "Serve | None" = None) -> int:
    from selfinspect.cli import main as cli  # noqa: PLC0415

    return cli(serve=serve)


def _without_guessing() -> None:
    """Have requests load no library that guesses encodings: nothing here needs one.

    Its tables, and the codecs of five languages that they load, take 2 MiB and 70 ms.
    """
    import warnings  # noqa: PLC0415

    for name in ("chardet", "charset_normalizer"):
        sys.modules[name] = None  # type: ignore[assignment]  # imports fail, as if not installed
    warnings.filterwarnings("ignore", "Unable to find acceptable character detection")


if __name__ == "__main__":
    sys.exit(main())
