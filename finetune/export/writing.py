"""From a run to files that answer as it does: the order of the work. The room's public face.

Everything is written into a hidden folder beside its place, loaded from there, asked, and moved
when it has answered as the source. What is not as good as it must be is never left under its name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from finetune.export import answers, converter, gguf, place, serving, shapes, vocabulary, wanted
from finetune.export import source as sources
from finetune.export.answers import Agreement, Answer
from finetune.export.source import ExportError, Messages, Source
from finetune.export.wanted import Exported, Item, Options, Tell
from finetune.training import memory, quiet, runs

if TYPE_CHECKING:
    from finetune.export.dialogue import Dialogue
    from finetune.export.in_llamacpp import LlamaCpp
    from finetune.export.in_transformers import Loaded

_HIGH = 0.9
"""The share of tokens that must agree where weights were rounded to 8 bits, or to 16 in a merge."""
_TRICKY = (
    "It's 1,234.5 km — 12:30, isn't it?  Two  spaces,\ttab\nand\n\nlines.",
    "def f(x):\n    return x**2  # naïve café, Übung, 日本語, 🙂",
)
"""Texts that tokenizers cut in different ways."""


def export(run: Path, out: Path, options: Options, *, tell: Tell = lambda text: None) -> Exported:
    """Write a finished run in other forms, and see that each answers as the run's weights do.

    Args:
        run: Its folder.
        out: Where to write; new, empty, or of an earlier export, whose files of the same names go.
        options: What is wanted.
        tell: Told what is being done.

    Raises:
        RunError: The folder is no run.
        ExportError: It cannot be exported, or what was written does not answer as it should.
        OutOfMemory: It does not fit.
    """
    quiet.no_telemetry()
    source = sources.find(run)
    name = serving.card_name(options.name or run.resolve().name)
    kinds = wanted.kinds(source, options)
    options = replace(options, system=options.system or source.system)
    to_ollama = any(kind.startswith("gguf") for kind in kinds)
    if to_ollama and serving.ENDS in options.system:
        raise ExportError(
            f"A system text of Ollama's cannot hold {serving.ENDS}.", hint="--system TEXT"
        )
    tool = _converter(source, options, kinds)
    place.need_room(out, source, kinds, options.quantizations)
    with place.claimed(out) as work, quiet.quiet():
        try:
            return _Work(source, out, work, options, name, tool, tell).run(kinds)
        except Exception as error:
            if memory.is_out_of_memory(error):
                raise memory.OutOfMemory(
                    "Out of memory.",
                    hint="Export on the CPU: CUDA_VISIBLE_DEVICES= agent finetune export …",
                ) from error
            raise


def _converter(source: Source, options: Options, kinds: Sequence[str]) -> Path | None:
    """Who writes GGUF: None for our own writer. Refuses before any work is done."""
    if not any(kind.startswith("gguf") for kind in kinds):
        return None
    from finetune.export import in_llamacpp

    in_llamacpp.need()
    if "gguf-adapter" in kinds:
        try:
            shapes.read(source.config)
        except ExportError as error:
            raise ExportError(
                f"An adapter in GGUF: {error}", hint="Export merged weights: --kind gguf"
            ) from error
    if options.converter is not None:
        return converter.find(options.converter)
    try:
        shape = shapes.read(source.config)
        vocabulary.read(source.weights, shape.rows, "")
    except ExportError:
        found = converter.find(None)
        if found is None:
            raise
        return found
    return None


@dataclass(frozen=True, slots=True)
class _Voice:
    """What the trained weights said, and how they are spoken to."""

    answers: Sequence[Answer]
    prompts: Sequence[Messages]
    """What it was asked, as the agent hands it to a template."""
    texts: Sequence[str]
    """The prompts by the chat template."""
    tokens: Mapping[str, Sequence[int]]
    """Of these texts, and of tricky ones."""
    end: str
    """The token after an answer; empty for none."""
    stops: Sequence[str]
    """Tokens that end an answer."""
    pieces: Dialogue | None
    """Of the template, where it is made of pieces."""


def _listen(loaded: Loaded, source: Source) -> _Voice:
    from finetune.export import dialogue

    its_tokenizer = loaded.tokenizer
    texts = [loaded.render(messages, True) for messages in source.prompts]
    end = dialogue.turn_end(loaded.render, its_tokenizer.all_special_tokens)
    return _Voice(
        answers=loaded.answers(source.prompts),
        prompts=[loaded.turns(messages) for messages in source.prompts],
        texts=texts,
        tokens={text: loaded.tokens(text) for text in (*texts, *_TRICKY)},
        end=end,
        stops=list(dict.fromkeys(text for text in (end, its_tokenizer.eos_token) if text)),
        pieces=dialogue.find(loaded.render, its_tokenizer.bos_token or ""),
    )


@dataclass(slots=True)
class _Work:
    """One export. The source speaks first, is merged and let go; then each export is asked."""

    source: Source
    out: Path
    work: Path
    options: Options
    name: str
    tool: Path | None
    tell: Tell
    items: list[Item] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def run(self, kinds: Sequence[str]) -> Exported:
        from finetune.export.in_transformers import Loaded

        source = self.source
        self.tell("The trained weights answer")
        loaded = Loaded(source.base, source.weights, adapter=source.adapter)
        voice = _listen(loaded, source)
        merged = source.weights
        if source.adapter and {"merged", "gguf"} & set(kinds):
            self.tell("Merging")
            merged = self.work / "merged"
            loaded.merge(source, merged)
        loaded.close()
        if "adapter" in kinds:
            self._adapter(source.weights, voice)
        if "merged" in kinds:
            merged = self._merged(merged, voice)
        for kind, folder in (("gguf", merged), ("gguf-adapter", source.base)):
            if kind in kinds:
                for form in self.options.quantizations:
                    self._gguf(kind, folder, form, voice)
        return self._served(voice)

    def _adapter(self, folder: Path, voice: _Voice) -> None:
        partial = place.copy(folder, self.work / "adapter")
        agreement = self._ask(self.source.base, partial, voice, adapter=partial)
        self._keep(Item("adapter", partial, 0, agreement, 1.0))

    def _merged(self, folder: Path, voice: _Voice) -> Path:
        if self.source.adapter is None:
            folder = place.copy(folder, self.work / "merged")
        agreement = self._ask(folder, folder, voice)
        return self._keep(Item("merged", folder, 0, agreement, self._exact))

    def _ask(
        self, folder: Path, tokenizer: Path, voice: _Voice, *, adapter: Path | None = None
    ) -> Agreement:
        from finetune.export.in_transformers import Loaded

        self.tell(f"Asking what was written: {tokenizer.name}")
        asked = Loaded(folder, tokenizer, adapter=adapter)
        agreement = asked.agreement(voice.answers)
        asked.close()
        return agreement

    def _gguf(self, kind: str, folder: Path, form: str, voice: _Voice) -> None:
        """Write a GGUF file, or two, and ask llama.cpp."""
        from finetune.export.in_llamacpp import LlamaCpp

        stem, lora = self.name, None
        if kind == "gguf-adapter":
            assert self.source.adapter is not None
            stem, lora = f"{stem}-base", self.work / f"{stem}-adapter.gguf"
            gguf.write_adapter(self.source.adapter, self.source.config, lora, name=self.name)
        path = self.work / f"{stem}-{form}.gguf"
        self.tell(f"Writing {path.name}")
        if self.tool is not None:
            converter.write(self.tool, folder, path, form)
        else:
            gguf.write(folder, self.source.weights, path, form, name=stem, turn_end=voice.end)
        self.tell(f"Asking what was written: {path.name}")
        window = max(len(answer.prompt) + len(answer.tokens) for answer in voice.answers) + 1
        asked = LlamaCpp(path, adapter=lora, window=window)
        try:
            self._same_tokens(asked, voice)
            agreement = answers.compare(voice.answers, asked.next_tokens)
        finally:
            asked.close()
        required = {"f16": self._exact, "q8_0": _HIGH}.get(form, 0.0)
        self._keep(Item(kind, lora or path, 0, agreement, required, form, path if lora else None))

    @property
    def _exact(self) -> float:
        """What weights of 16 bits or more owe: all tokens, where no sum was rounded to 16 bits."""
        return 1.0 if self.source.width == 4 or self.source.adapter is None else _HIGH

    def _same_tokens(self, asked: LlamaCpp, voice: _Voice) -> None:
        """See that llama.cpp reads texts and templates as the tokenizer does.

        Raises:
            ExportError: It cuts a text into other tokens.
        """
        for text, tokens in voice.tokens.items():
            if asked.tokens(text) != tokens:
                raise ExportError(
                    f"llama.cpp cuts a text into other tokens than the tokenizer: {text[:60]!r}",
                    hint=shapes.OTHERWISE if self.tool is None else "Serve the merged weights.",
                )
        pairs = zip(voice.prompts, voice.texts, strict=True)
        if any(asked.render(messages) != text for messages, text in pairs):
            self._note("llama.cpp writes the chat template otherwise than transformers does.")

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _keep(self, item: Item) -> Path:
        """Give what was asked its name, and note it.

        Raises:
            ExportError: It did not answer as it must.
        """
        name = (item.base or item.path).name
        if item.agreement.share < item.required:
            eight = item.form == "q8_0"
            raise ExportError(
                f"{name} does not answer as the trained weights do: {item.agreement.words()}, and "
                f"{item.required:.0%} are required. It was not kept.",
                hint="Take a form of more bits: --quantize f16"
                if eight
                else "Look at the training's losses; where they are sound, report this.",
            )
        base = place.put(item.base, self.out / item.base.name) if item.base else None
        path = place.put(item.path, self.out / item.path.name)
        size = place.size(path)
        self.items.append(
            Item(item.kind, path, size, item.agreement, item.required, item.form, base)
        )
        self._write_record()
        return path

    def _write_record(self) -> None:
        record = {
            "run": str(self.source.run.resolve()),
            "base": str(self.source.base.resolve()),
            "card": f"{self.name}.toml",
            "items": [item.to_json() for item in self.items],
        }
        runs.write_text(self.out / place.RECORD, json.dumps(record, indent=2) + "\n")

    def _served(self, voice: _Voice) -> Exported:
        """Write what serves the items, and say how."""
        if self.source.note:
            self._note(self.source.note)
        modelfile = None
        if files := [item for item in self.items if item.form]:
            modelfile = self.out / "Modelfile"
            text = serving.modelfile(files[0], voice.pieces, voice.stops, self.options.system)
            runs.write_text(modelfile, text)
            if voice.pieces is None:
                self._note(
                    "The chat template does more than to put turns together, so the Modelfile has "
                    "no TEMPLATE: see what `ollama show --template` finds."
                )
        card = self.out / f"{self.name}.toml"
        runs.write_text(card, serving.card(self.name, self.source, self.items))
        return Exported(
            self.out,
            tuple(self.items),
            card,
            modelfile,
            serving.commands(self.name, self.source, self.items, card, modelfile),
            tuple(self.notes),
        )
