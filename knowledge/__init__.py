"""Documents become passages: read, split, embed, index, find. Knows no agent and no chat model.

The only public face of the room is `knowledge.library.Library`; the words it speaks are in
`knowledge.types` and `knowledge.errors`. Importing this package loads the standard library only.
"""
