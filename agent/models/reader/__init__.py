"""Extractive question answering: the sentences, quoted as they stand, that answer a question.

Offline, without a language model. `words` and `shapes` look at letters, `question` at what is
asked, `units` at what can be quoted, `features`, `confidence` and `marks` turn that into numbers,
`weights.json` holds what they weigh, and `reader` puts it together. `whole` reads more than a few
passages at once, and `kept` keeps what that took; `recall` remembers vectors for a while.
"""

from agent.models.reader.kept import KeptVectors
from agent.models.reader.reader import Reader
from agent.models.reader.recall import RECENT, Recalling
from agent.models.reader.types import Extract, Reading
from agent.models.reader.whole import Study

__all__ = ["RECENT", "Extract", "KeptVectors", "Reader", "Reading", "Recalling", "Study"]
