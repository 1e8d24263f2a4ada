"""Events kept across restarts of the agent, in an SQLite file or in memory."""
