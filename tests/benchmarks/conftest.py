from __future__ import annotations

from tests.engine.conftest import engine, relay

__all__ = ["engine", "relay"]
