"""What an engine's answers mean: JSON and log frames into records. Pure."""
