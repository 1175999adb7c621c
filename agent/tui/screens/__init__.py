"""One screen a file: each takes plain data and callables, and knows no model and no library."""
