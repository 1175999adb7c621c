"""Cited reports as an MCP server: the room for it. It has no tools yet, so nothing is served."""
