"""A voice for a grounded answer: restyled sentence by sentence, checked, and left plain in doubt.

`restyle.py` is the pass; `pieces.py` cuts an answer, `mask.py` takes out what may not change,
`voices.py` speaks, `check.py` compares (over `tokens.py`); `cards.py` finds a card and `wearing.py`
puts it on. Nothing here decides whether an answer is grounded, and no fact is taken from a voice.
"""
