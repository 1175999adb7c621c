"""Extractive question answering: the sentences, quoted as they stand, that answer a question.

Offline, without a language model. `words` and `shapes` look at letters, `question` at what is
asked, `units` at what can be quoted, `features`, `confidence` and `marks` turn that into numbers,
`weights.json` holds what they weigh, and `reader` puts it together.
"""

from agent.models.reader.reader import Reader
from agent.models.reader.types import Extract, Reading

__all__ = ["Extract", "Reader", "Reading"]
