"""The ways to answer: each turns a question into a stream of events."""
