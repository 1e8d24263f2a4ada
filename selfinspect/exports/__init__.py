"""The variables that tell an app what it is: which there are, their values, and who wants which.

PID 1 loads these modules, so they load nothing by themselves.
"""

MASK = "[masked]"
"""What stands in place of a secret; no variable may carry it. Here, because PID 1 loads it."""
