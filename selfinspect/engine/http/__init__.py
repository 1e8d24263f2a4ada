"""How an engine is spoken to: over a Unix socket or TCP, with or without TLS."""
