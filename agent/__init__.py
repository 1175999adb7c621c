"""The agent: a question and passages of a library in, a stream of events out; and its faces."""

__version__ = "0.1.0"
