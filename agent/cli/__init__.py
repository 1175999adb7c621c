"""The command line: one file per command family, each loaded only when it is asked for.

Importing this package imports nothing else. `commands` is the table of what exists, `group` the
click group that loads it, `exits` the owner of errors and exit codes.
"""
