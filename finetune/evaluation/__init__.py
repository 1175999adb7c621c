"""Before against after: what a training changed, in figures with confidence intervals.

    evaluate.py   the order of the work: a run and a set -> an `Evaluation`
    work.py       what is to be measured, checked before anything is loaded
    chat.py       a chat model before and after · `classify.py`: a classifier
    questions.py  what both models are asked
    results.py    what is found, as values
    intervals.py  figures with bootstrap confidence intervals
    models.py     the base and what was trained (door: torch, transformers, peft)
    pools.py      texts -> samples long enough to tell a style
    measures.py   the style classifier and Cosine Delta (door: scikit-learn)
    style.py      groups of texts by both measures
    facts.py      grounded sentences restyled; who checks is injected
    labels.py     accuracy, precision, recall, F1, confusion
    advice.py     what to try next
    page.py       the HTML page, over page.css · `write.py`: both files

Nothing heavy is loaded before `evaluate` is called.
"""
