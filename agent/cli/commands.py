"""The one table of commands, from which the help is printed and the click group loads.

Imports nothing, so that `agent --help` costs nothing. A command stands here only if it exists.
"""

from __future__ import annotations

COMMANDS: dict[str, tuple[str, str, str]] = {
    # name: (module that defines a click command of that name, one line of help, group)
    "add": ("agent.cli.library", "Add files, folders and web pages to the library", "Library"),
    "sync": ("agent.cli.library", "Make the library equal to its files again", "Library"),
    "sources": ("agent.cli.library", "List what the library holds", "Library"),
    "remove": ("agent.cli.library", "Take files or folders out of the library", "Library"),
    "library": ("agent.cli.libraries", "Several libraries, and named states of one", "Library"),
    "search": ("agent.cli.search", "Find passages, with scores and places", "Library"),
    "ask": ("agent.cli.ask", "Answer a question with checked citations", "Answers"),
    "chat": ("agent.cli.chat", "Ask and read in a full-screen app", "Answers"),
    "serve": ("agent.cli.serve", "Serve it to other programs and to browsers", "Answers"),
    "research": ("agent.cli.research", "Write a report with checked citations", "Answers"),
    "sessions": ("agent.cli.sessions", "List, show, search and export past answers", "Answers"),
    "finetune": ("agent.cli.finetune", "Train a voice of your own", "Voice"),
    "persona": ("agent.cli.persona", "Personas: list, show, put on and make", "Voice"),
    "demo": ("agent.cli.demo", "See it answer questions about itself", "Set-up"),
    "setup": ("agent.cli.setup", "Fetch what is needed to work offline", "Set-up"),
    "mcp": ("agent.cli.mcp", "Use other programs' tools, and lend them yours", "Set-up"),
    "users": ("agent.cli.users", "Who else may use what is served", "Set-up"),
    "cache": ("agent.cli.cache", "What models have read of a library and keep", "Set-up"),
    "doctor": ("agent.cli.doctor", "Check what works here and how to mend the rest", "Set-up"),
    "config": ("agent.cli.config", "Show and change settings", "Set-up"),
    "completion": ("agent.cli.completion", "Print a shell's completion script", "Set-up"),
}

OPTIONS: tuple[tuple[str, str], ...] = (
    ("-q, --quiet", "Print results and errors only."),
    ("-v, --verbose", "Say what is being done, and print traces of errors."),
    ("--no-input", "Never prompt; no standard input beside a question."),
    ("--library NAME", "The library to use instead of the configured one."),
)
"""The options that every command takes, before or after its name."""


def help_text(program: str = "agent") -> str:
    """The help of the whole program, ending in a line feed."""
    lines = [
        f"Usage: {program} COMMAND [OPTIONS] …",
        "",
        "Answers over your own documents, with citations that are checked, offline by default.",
    ]
    group = ""
    for name, (_, text, its_group) in COMMANDS.items():
        if its_group != group:
            group = its_group
            lines += ["", f"{group}:"]
        lines.append(f"  {name:<12}{text}")
    lines += ["", "Options of every command:"]
    lines += [f"  {flags:<18}{text}" for flags, text in OPTIONS]
    lines += [
        "",
        "  -V, --version     Print the version.",
        "  -h, --help        Print this help, or a command's.",
        "",
        "Start with:",
        f"  {program} demo",
        f"  {program} add PATH",
        f'  {program} ask "your question"',
        "",
    ]
    return "\n".join(lines)
