"""Samples of the container's resources, from the engine or the kernel."""
