"""Prometheus metrics under cAdvisor's names, and a few of our own."""
