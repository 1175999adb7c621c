"""A model that calls tools until it has a draft that stands, as a stream of events.

`run.py` is the room's face; `conversation.py` keeps what the model reads within bounds; `graph.py`
is the one door to langchain, and is imported when a loop first runs. What the tools do, and whether
a draft stands, is decided elsewhere.
"""

from agent.loop.run import Review, ToolLoop

__all__ = ["Review", "ToolLoop"]
