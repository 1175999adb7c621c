"""Figures, measured by hand: each module prints a table and, last, one JSON object."""
