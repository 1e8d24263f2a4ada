"""The variables by which an app learns what it is: names, values, and the sets to choose from.

PID 1 loads `own` and `size`, which therefore load nothing else.

Pure.
"""

MASK = "[masked]"
"""What stands in place of a secret; no variable may carry it. Here, because PID 1 loads it."""
