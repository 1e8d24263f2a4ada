"""Lifecycle events: from the engine's streams into one order, and on to subscribers."""
