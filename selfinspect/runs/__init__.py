"""The runs of a container: what each was, and why it ended. Pure."""
