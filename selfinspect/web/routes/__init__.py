"""The paths that drill, wait or stream: one module each. The others stand in `web.app`."""
