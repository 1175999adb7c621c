"""The chat: a terminal app over `agent.session`. The only room that knows Textual and Rich."""
