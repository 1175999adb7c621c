"""Our MCP servers: each a `build(services)` that opens nothing, and what they share."""
