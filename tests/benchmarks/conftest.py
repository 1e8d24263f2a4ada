from __future__ import annotations

from tests.engine.conftest import engine, private_engine, relay

__all__ = ["engine", "private_engine", "relay"]
