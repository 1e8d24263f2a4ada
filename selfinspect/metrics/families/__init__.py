"""Families of metrics, a subsystem a module. Pure.

Names, labels and units are cAdvisor's, so that its dashboards and alerts work unchanged. What
is unknown has no sample: a zero would look like a counter that was reset.
"""
