"""Searching a library by a plain policy, for models that cannot call tools. No model is asked.

    gathering = Gathering(turn)
    async with aclosing(gathering.events()) as events: ...
    gathering.passages, gathering.parts

- `decompose.py`: the questions in a question.
- `plan.py`: which searches to make, in the light of those made; `leads.py`: which names to follow.
- `choose.py`: which passages to keep.
- `gather.py`: carries a plan out over a turn's library, as events.
"""

from __future__ import annotations

from agent.modes.policy.decompose import parts
from agent.modes.policy.gather import Gathering
from agent.modes.policy.plan import Plan, Probe

__all__ = ["Gathering", "Plan", "Probe", "parts"]
