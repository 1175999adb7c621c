"""Deep research: a question becomes a report whose cited sentences stand on stored snapshots.

The order of the flow: `plan` asks in parts, `gather` finds and reads, `notes` takes spans,
`reflect` says what is missing, `write` and `verify` make the report, `render` shows it. `run` goes
that way and `journal` remembers every step of it; `types` are the words they share.
"""
