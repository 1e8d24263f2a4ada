"""PID 1: listeners, signals, reaping, exit codes. Loads nothing heavy, and nothing by itself.

As another process than PID 1 (under another init, in a shared PID namespace) it does the same: it
makes itself the reaper of its orphans, and as a job of a shell it stops and continues with its
command.
"""
