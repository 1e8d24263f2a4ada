"""PID 1: listeners, signals, reaping, exit codes. Loads nothing heavy, and nothing by itself.

Started as any other process than PID 1 it does the same, except that orphans go to whoever is
PID 1 there: making itself their reaper takes `prctl`, which Python has only through `ctypes`.
"""
