from __future__ import annotations

from hypothesis import settings

# On a busy machine any example may be slow, and that says nothing.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
