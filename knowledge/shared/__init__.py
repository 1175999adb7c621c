"""A library that several nodes share over a Chroma server: one log of commits, a cache on each.

Beside the collection of vectors lies a second one with the documents' texts and a log: each entry
is what one sync changed, and the first writer to take the next number has it. What a node keeps in
its folder is derived from the log and can be deleted. `library.py` is the library itself.
"""
