"""What a container knows about itself: identity proven, own inspect data, stats and events."""

__version__ = "0.1.0"
