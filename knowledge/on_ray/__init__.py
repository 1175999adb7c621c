"""A sync's reading, splitting and embedding on a Ray cluster. The only door to ray and pyarrow.

`engine` is what the rest of the program sees, and loads neither. It starts a process of its own,
`driver`, which runs a Ray Data pipeline of the `stages` and sends back what comes out.
"""
