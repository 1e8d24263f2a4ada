"""The local HTTP endpoint: one file a resource, the guard before them all."""
