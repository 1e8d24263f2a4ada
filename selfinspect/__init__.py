"""What a container knows about itself: identity proven, own inspect data, stats and events."""

__version__ = "0.1.0"
__all__ = ["NotAvailable", "Self", "__version__", "me"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from selfinspect.client import me
    from selfinspect.errors import NotAvailable
    from selfinspect.model import Self
else:

    def __getattr__(name: str) -> object:
        """Load what the app asks for, when it does: PID 1 has no use for it."""
        homes = {"me": "client", "NotAvailable": "errors", "Self": "model"}
        if name not in homes:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415

        return getattr(import_module(f"{__name__}.{homes[name]}"), name)
