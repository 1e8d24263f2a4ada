"""The agent: looks which container this is, follows its events, and keeps what is served."""
