"""The engine: where it may be, how it is reached, and the little that may be asked of it."""
