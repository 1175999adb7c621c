"""What kind of document a file is, by its name and by its first bytes. Opens nothing."""

from __future__ import annotations

from pathlib import PurePath
from typing import NamedTuple

from knowledge.types import Kind


class FileKind(NamedTuple):
    """A kind, and for code its language."""

    kind: Kind
    language: str = ""


_ENDINGS: dict[FileKind, str] = {
    FileKind("markdown"): "md markdown mdown mkd mdx qmd rmd",
    FileKind("text"): "txt text adoc asciidoc org tex textile wiki log srt vtt po bib",
    FileKind("html"): "html htm xhtml",
    FileKind("pdf"): "pdf",
    FileKind("docx"): "docx docm",
    FileKind("pptx"): "pptx pptm",
    FileKind("xlsx"): "xlsx xlsm",
    FileKind("csv"): "csv tsv",
    FileKind("epub"): "epub",
    FileKind("notebook"): "ipynb",
    FileKind("email"): "eml mbox",
    FileKind("json"): "json jsonl ndjson geojson",
    FileKind("rst"): "rst rest",
    FileKind("image"): "png jpg jpeg tif tiff",
    FileKind("code", "ada"): "adb ads",
    FileKind("code", "asm"): "asm s",
    FileKind("code", "astro"): "astro",
    FileKind("code", "awk"): "awk",
    FileKind("code", "bash"): "sh bash zsh ksh bats",
    FileKind("code", "batch"): "bat cmd",
    FileKind("code", "bicep"): "bicep",
    FileKind("code", "bzl"): "bzl star",
    FileKind("code", "c"): "c h",
    FileKind("code", "clojure"): "clj cljs cljc edn",
    FileKind("code", "cmake"): "cmake",
    FileKind("code", "cobol"): "cob cbl",
    FileKind("code", "coffeescript"): "coffee",
    FileKind("code", "cpp"): "cc cpp cxx c++ hh hpp hxx ipp cu cuh ino",
    FileKind("code", "crystal"): "cr",
    FileKind("code", "csharp"): "cs",
    FileKind("code", "css"): "css scss sass less",
    FileKind("code", "d"): "d",
    FileKind("code", "dart"): "dart",
    FileKind("code", "diff"): "diff patch",
    FileKind("code", "elixir"): "ex exs",
    FileKind("code", "elm"): "elm",
    FileKind("code", "erlang"): "erl hrl",
    FileKind("code", "fish"): "fish",
    FileKind("code", "fortran"): "f90 f95 f03 f08",
    FileKind("code", "fsharp"): "fs fsi fsx",
    FileKind("code", "gdscript"): "gd",
    FileKind("code", "gleam"): "gleam",
    FileKind("code", "glsl"): "glsl vert frag comp wgsl hlsl metal",
    FileKind("code", "go"): "go",
    FileKind("code", "graphql"): "graphql gql",
    FileKind("code", "groovy"): "groovy gradle",
    FileKind("code", "haskell"): "hs",
    FileKind("code", "ini"): "ini cfg conf properties env",
    FileKind("code", "java"): "java",
    FileKind("code", "javascript"): "js mjs cjs jsx",
    FileKind("code", "json"): "jsonc json5",
    FileKind("code", "jsonnet"): "jsonnet libsonnet",
    FileKind("code", "julia"): "jl",
    FileKind("code", "kotlin"): "kt kts",
    FileKind("code", "latex"): "sty cls",
    FileKind("code", "lean"): "lean",
    FileKind("code", "lisp"): "lisp el scm rkt",
    FileKind("code", "lua"): "lua",
    FileKind("code", "make"): "mk mak",
    FileKind("code", "nim"): "nim nims",
    FileKind("code", "nix"): "nix",
    FileKind("code", "objc"): "m mm",
    FileKind("code", "ocaml"): "ml mli",
    FileKind("code", "odin"): "odin",
    FileKind("code", "pascal"): "pas dpr",
    FileKind("code", "perl"): "pl pm",
    FileKind("code", "php"): "php",
    FileKind("code", "powershell"): "ps1 psm1",
    FileKind("code", "prisma"): "prisma",
    FileKind("code", "prolog"): "plg",
    FileKind("code", "protobuf"): "proto",
    FileKind("code", "purescript"): "purs",
    FileKind("code", "python"): "py pyi pyw pyx",
    FileKind("code", "r"): "r",
    FileKind("code", "rego"): "rego",
    FileKind("code", "ruby"): "rb rake gemspec",
    FileKind("code", "rust"): "rs",
    FileKind("code", "sas"): "sas",
    FileKind("code", "scala"): "scala sbt",
    FileKind("code", "solidity"): "sol",
    FileKind("code", "sql"): "sql",
    FileKind("code", "stata"): "do ado",
    FileKind("code", "svelte"): "svelte",
    FileKind("code", "swift"): "swift",
    FileKind("code", "systemverilog"): "svh",
    FileKind("code", "tcl"): "tcl",
    FileKind("code", "template"): "erb ejs hbs j2 jinja jinja2 mustache twig liquid",
    FileKind("code", "terraform"): "tf tfvars hcl",
    FileKind("code", "thrift"): "thrift",
    FileKind("code", "toml"): "toml",
    FileKind("code", "tsx"): "tsx",
    FileKind("code", "typescript"): "ts mts cts",
    FileKind("code", "vb"): "vb vbs bas",
    FileKind("code", "verilog"): "v sv vhd vhdl",
    FileKind("code", "vim"): "vim",
    FileKind("code", "vue"): "vue",
    FileKind("code", "xml"): "xml xsd xsl xslt",
    FileKind("code", "yaml"): "yaml yml",
    FileKind("code", "zig"): "zig",
}
_BY_ENDING = {ending: kind for kind, names in _ENDINGS.items() for ending in names.split()}

_PLAIN = (
    "readme license licence copying notice authors contributors changelog changes news history "
    "install todo codeowners maintainers thanks version"
)
"""Names without an ending that plain text goes by."""
_BY_NAME: dict[str, FileKind] = {
    "dockerfile": FileKind("code", "dockerfile"),
    "containerfile": FileKind("code", "dockerfile"),
    "makefile": FileKind("code", "make"),
    "gnumakefile": FileKind("code", "make"),
    "cmakelists.txt": FileKind("code", "cmake"),
    "justfile": FileKind("code", "make"),
    "gemfile": FileKind("code", "ruby"),
    "rakefile": FileKind("code", "ruby"),
    "vagrantfile": FileKind("code", "ruby"),
    "jenkinsfile": FileKind("code", "groovy"),
    "go.mod": FileKind("code", "go.mod"),
    "build.bazel": FileKind("code", "bzl"),
    "procfile": FileKind("text"),
    **dict.fromkeys(_PLAIN.split(), FileKind("text")),
}

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"RIFF", "a media file"),
    (b"ID3", "an audio file"),
    (b"OggS", "an audio file"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"\xcf\xfa\xed\xfe", "a program"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"Rar!", "a RAR archive"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\xd0\xcf\x11\xe0", "an old Office document (.doc, .xls or .ppt)"),
    (b"{\\rtf", "an RTF document"),
)
_PARTS = {
    b"word/document.xml": FileKind("docx"),
    b"ppt/presentation.xml": FileKind("pptx"),
    b"xl/workbook.xml": FileKind("xlsx"),
}
"""By a part that each holds, whose name an archive's directory shows."""
_PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*")
LARGE: frozenset[Kind] = frozenset({"pdf", "docx", "pptx", "xlsx", "epub", "email", "image"})
"""Kinds whose files may be much larger than the text in them."""


def kind_of_name(name: str) -> FileKind | None:
    """The kind that a file's name promises; None where it promises nothing this room reads."""
    path = PurePath(name.replace("\\", "/"))
    lower = path.name.lower()
    if named := _BY_NAME.get(lower):
        return named
    if lower.endswith((".min.js", ".min.css", ".map")):
        return None  # made by a machine for a machine
    return _BY_ENDING.get(path.suffix.lower().removeprefix("."))


def kind_of_content(data: bytes) -> FileKind | None:
    """The kind that the bytes themselves show, where they show one without doubt."""
    head = data[:1024]
    if b"%PDF-" in head:
        return FileKind("pdf")
    if head.startswith(b"PK\x03\x04"):
        if b"mimetypeapplication/epub+zip" in head:
            return FileKind("epub")
        return next((kind for part, kind in _PARTS.items() if part in data), None)
    if head.startswith(_PICTURES):
        return FileKind("image")
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return FileKind("html")
    return None


def binary_format(data: bytes) -> str:
    """What a file of no kind read here is, in words: `a PNG image`; empty where unknown."""
    return next((words for magic, words in _MAGIC if data.startswith(magic)), "")
