"""Which language a file is in: by its name, its extension, its first line, in that order.

Names, extensions, file names and interpreters are those of linguist's ``languages.yml`` (MIT),
which The Stack v2 was labelled with, cut down to the commonest. Kinds are linguist's types but for
four languages that it types as data and that hold code people write: SQL, Protocol Buffer,
GraphQL and Thrift.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath


class Kind(StrEnum):
    """What a file of a language is to this project: code, running text, or neither."""

    SOURCE = "source"
    PROSE = "prose"
    DATA = "data"


@dataclass(frozen=True)
class Language:
    """A language by linguist's name, with what opens and closes a comment on one line."""

    name: str
    kind: Kind
    media_type: str
    comment_start: str = ""
    comment_end: str = ""


_HASH, _SLASHES, _DASHES, _SEMICOLONS, _PERCENT = "#", "//", "--", ";;", "%"
_STARS, _ANGLES, _PARENS = "/* */", "<!-- -->", "(* *)"

_SOURCE = (
    # name, comment, extensions, file names, interpreters
    ("Ada", _DASHES, ".adb .ads", "", ""),
    ("Assembly", _SEMICOLONS, ".asm .nasm", "", ""),
    ("Awk", _HASH, ".awk", "", "awk gawk mawk"),
    ("Batchfile", "REM", ".bat .cmd", "", ""),
    ("C", _SLASHES, ".c .h", "", ""),
    ("C#", _SLASHES, ".cs .csx", "", ""),
    ("C++", _SLASHES, ".cpp .cc .cxx .c++ .hpp .hh .hxx .h++ .inl .ipp .tcc .tpp", "", ""),
    ("CMake", _HASH, ".cmake", "CMakeLists.txt", "cmake"),
    ("COBOL", "      *", ".cob .cbl .cobol", "", ""),
    ("CSS", _STARS, ".css", "", ""),
    ("Clojure", _SEMICOLONS, ".clj .cljs .cljc .edn", "", ""),
    ("CoffeeScript", _HASH, ".coffee", "Cakefile", "coffee"),
    ("Common Lisp", _SEMICOLONS, ".lisp .lsp .asd .cl", "", "sbcl clisp ecl"),
    ("Coq", _PARENS, ".coq", "", ""),
    ("Crystal", _HASH, ".cr", "", "crystal"),
    ("Cuda", _SLASHES, ".cu .cuh", "", ""),
    ("Cython", _HASH, ".pyx .pxd .pxi", "", ""),
    ("D", _SLASHES, ".d .di", "", "rdmd"),
    ("Dart", _SLASHES, ".dart", "", "dart"),
    ("Dockerfile", _HASH, ".dockerfile", "Dockerfile Containerfile", ""),
    ("Elixir", _HASH, ".ex .exs", "mix.lock", "elixir"),
    ("Elm", _DASHES, ".elm", "", ""),
    ("Emacs Lisp", _SEMICOLONS, ".el", ".emacs", ""),
    ("Erlang", _PERCENT, ".erl .hrl", "rebar.config", "escript"),
    ("F#", _SLASHES, ".fs .fsi .fsx", "", ""),
    ("Fortran", "!", ".f90 .f95 .f03 .f08", "", ""),
    ("GLSL", _SLASHES, ".glsl .frag .vert .comp .geom", "", ""),
    ("Go", _SLASHES, ".go", "", ""),
    ("GraphQL", _HASH, ".graphql .gql", "", ""),
    ("Groovy", _SLASHES, ".groovy .gradle", "Jenkinsfile", "groovy"),
    ("HCL", _HASH, ".hcl .tf", "", ""),
    ("HTML", _ANGLES, ".html .htm .xhtml", "", ""),
    ("Haskell", _DASHES, ".hs", "", "runghc runhaskell"),
    ("Idris", _DASHES, ".idr", "", ""),
    ("Isabelle", _PARENS, ".thy", "", ""),
    ("Java", _SLASHES, ".java", "", ""),
    ("JavaScript", _SLASHES, ".js .mjs .cjs .jsx .es6", "Jakefile", "node nodejs"),
    ("Julia", _HASH, ".jl", "", "julia"),
    ("Kotlin", _SLASHES, ".kt .kts", "", ""),
    ("Lean", _DASHES, ".lean", "", ""),
    ("Less", _SLASHES, ".less", "", ""),
    ("Lua", _DASHES, ".lua", "", "lua luajit"),
    ("M4", "dnl", ".m4 .ac", "configure.ac", ""),
    ("MATLAB", _PERCENT, ".matlab", "", ""),
    ("Makefile", _HASH, ".mk .mak", "Makefile makefile GNUmakefile", "make"),
    ("Meson", _HASH, "", "meson.build meson_options.txt meson.options", ""),
    ("Nim", _HASH, ".nim .nims", "", ""),
    ("Nix", _HASH, ".nix", "", ""),
    ("OCaml", _PARENS, ".ml .mli .mll .mly", "", "ocaml"),
    ("Objective-C", _SLASHES, ".m", "", ""),
    ("Objective-C++", _SLASHES, ".mm", "", ""),
    ("PHP", _SLASHES, ".php .phtml .inc", "", "php"),
    ("Pascal", _SLASHES, ".pas .dpr .lpr .pp", "", ""),
    ("Perl", _HASH, ".pl .pm .t .perl", "Makefile.PL", "perl"),
    ("PowerShell", _HASH, ".ps1 .psm1 .psd1", "", "pwsh"),
    ("Prolog", _PERCENT, ".pro .prolog", "", "swipl"),
    ("Protocol Buffer", _SLASHES, ".proto", "", ""),
    ("Python", _HASH, ".py .pyi .pyw .wsgi", "SConstruct SConscript wscript", "python pypy"),
    ("R", _HASH, ".r", ".Rprofile", "Rscript"),
    ("Racket", _SEMICOLONS, ".rkt", "", "racket"),
    ("Raku", _HASH, ".raku .rakumod .p6 .pm6", "", "raku perl6"),
    ("Ruby", _HASH, ".rb .rake .gemspec .ru", "Rakefile Gemfile Vagrantfile Podfile", "ruby jruby"),
    ("Rust", _SLASHES, ".rs", "", ""),
    ("SCSS", _SLASHES, ".scss", "", ""),
    ("SQL", _DASHES, ".sql", "", ""),
    ("Sass", _SLASHES, ".sass", "", ""),
    ("Scala", _SLASHES, ".scala .sbt .sc", "", "scala"),
    ("Scheme", _SEMICOLONS, ".scm .ss .sld", "", "guile"),
    ("Shell", _HASH, ".sh .bash .zsh .ksh .bats", ".bashrc .profile .zshrc configure", "sh"),
    ("Smalltalk", '" "', ".st", "", "gst"),
    ("Solidity", _SLASHES, ".sol", "", ""),
    ("Standard ML", _PARENS, ".sml .sig .fun", "", ""),
    ("Starlark", _HASH, ".bzl .star .bazel", "BUILD WORKSPACE", ""),
    ("Svelte", _ANGLES, ".svelte", "", ""),
    ("Swift", _SLASHES, ".swift", "", "swift"),
    ("SystemVerilog", _SLASHES, ".sv .svh", "", ""),
    ("TSX", _SLASHES, ".tsx", "", ""),
    ("Tcl", _HASH, ".tcl .tm", "", "tclsh wish"),
    ("Thrift", _SLASHES, ".thrift", "", ""),
    ("TypeScript", _SLASHES, ".ts .mts .cts", "", "deno ts-node"),
    ("Unix Assembly", _HASH, ".s", "", ""),
    ("VHDL", _DASHES, ".vhd .vhdl", "", ""),
    ("Verilog", _SLASHES, ".v .vh", "", ""),
    ("Vim Script", '"', ".vim", ".vimrc vimrc", ""),
    ("Visual Basic .NET", "'", ".vb .vbs", "", ""),
    ("Vue", _ANGLES, ".vue", "", ""),
    ("WebAssembly", _SEMICOLONS, ".wat .wast", "", ""),
    ("Zig", _SLASHES, ".zig", "", ""),
)

_PROSE = (
    # name, media type, extensions, file names
    ("AsciiDoc", "text/asciidoc", ".adoc .asciidoc", ""),
    ("Markdown", "text/markdown", ".md .markdown .mkd .mdown .rmd .qmd .mdx", ""),
    ("Org", "text/org", ".org", ""),
    ("Roff", "text/troff", ".1 .2 .3 .4 .5 .6 .7 .8 .man", ""),
    ("TeX", "text/x-tex", ".tex .ltx .sty .cls .dtx", ""),
    ("Texinfo", "text/x-texinfo", ".texi .texinfo", ""),
    ("reStructuredText", "text/x-rst", ".rst .rest", ""),
    (
        "Text",
        "text/plain",
        ".txt .text",
        (
            "README COPYING LICENSE LICENCE NOTICE AUTHORS CHANGES CHANGELOG CONTRIBUTING "
            "CONTRIBUTORS COPYRIGHT HACKING INSTALL MAINTAINERS NEWS PATENTS THANKS TODO"
        ),
    ),
)

_DATA = (
    # name, extensions, file names
    ("BibTeX", ".bib", ""),
    ("CSV", ".csv", ""),
    ("Diff", ".diff .patch", ""),
    ("EditorConfig", "", ".editorconfig"),
    ("Gettext Catalog", ".po .pot", ""),
    ("Go Checksums", "", "go.sum"),
    ("INI", ".ini .cfg .conf .properties", ".coveragerc .flake8 .pylintrc"),
    ("Ignore List", "", ".gitignore .gitattributes .gitmodules .dockerignore .npmignore"),
    ("JSON", ".json .jsonl .ndjson .geojson .json5 .jsonc .webmanifest .map", ".babelrc .eslintrc"),
    ("Jupyter Notebook", ".ipynb", ""),
    ("Lock File", ".lock .lockb", ""),
    ("Package Metadata", ".egg-info", "PKG-INFO METADATA RECORD WHEEL INSTALLER MANIFEST.in"),
    ("Pip Requirements", "", "requirements.txt SOURCES.txt entry_points.txt top_level.txt"),
    ("SVG", ".svg", ""),
    ("TOML", ".toml", ""),
    ("TSV", ".tsv .tab", ""),
    ("XML", ".xml .xsd .xsl .xslt .plist .csproj .vcxproj .xlf .rdf .wsdl .ui .qrc", ""),
    ("YAML", ".yaml .yml", ".clang-format .clang-tidy"),
)

_MEDIA_TYPES = {
    "CSS": "text/css",
    "HTML": "text/html",
    "JavaScript": "text/javascript",
    "C#": "text/x-csharp",
    "F#": "text/x-fsharp",
    "Shell": "text/x-shellscript",
}

_BY_SUFFIX: dict[str, Language] = {}
_BY_NAME: dict[str, Language] = {}
_BY_INTERPRETER: dict[str, Language] = {}
LANGUAGES: dict[str, Language] = {}
"""Every known language by its name."""


def _enter(language: Language, suffixes: str, names: str, interpreters: str = "") -> None:
    LANGUAGES[language.name] = language
    _BY_SUFFIX.update(dict.fromkeys(suffixes.split(), language))
    _BY_NAME.update(dict.fromkeys(names.split(), language))
    _BY_INTERPRETER.update(dict.fromkeys(interpreters.split(), language))


for _name, _comment, _suffixes, _names, _interpreters in _SOURCE:
    _slug = re.sub(r"[^a-z0-9+]+", "-", _name.lower()).strip("-")
    _start, _, _end = (
        _comment.strip().partition(" ") if " " in _comment.strip() else (_comment, "", "")
    )
    _enter(
        Language(_name, Kind.SOURCE, _MEDIA_TYPES.get(_name, f"text/x-{_slug}"), _start, _end),
        _suffixes,
        _names,
        _interpreters,
    )
for _name, _media_type, _suffixes, _names in _PROSE:
    _enter(Language(_name, Kind.PROSE, _media_type), _suffixes, _names)
for _name, _suffixes, _names in _DATA:
    _enter(Language(_name, Kind.DATA, "application/octet-stream"), _suffixes, _names)
_BY_INTERPRETER.update(dict.fromkeys(("bash", "dash", "zsh", "ksh", "ash"), LANGUAGES["Shell"]))

_SHEBANG = re.compile(
    r"#!\s*(?:\S*/)?(?:env\s+(?:-\S+\s+|\w+=\S*\s+)*)?(?:\S*/)?([A-Za-z][\w+-]*?)[\d.]*(?:\s|$)"
)

_REFINEMENTS = (
    # language by name, a sign in the text, the language it is then; after linguist's heuristics.yml
    (
        "C",
        r"^\s*(?:template\s*<|namespace\s+\w*\s*\{|class\s+\w+|using\s+namespace)|\bstd::",
        "C++",
    ),
    ("C", r"^\s*@(?:interface|protocol|class|property|end)\b", "Objective-C"),
    ("Objective-C", r"^\s*(?:function\b|%|end\s*;?\s*$)", "MATLAB"),
    ("Perl", r"^\s*:-\s*\w|^[a-z]\w*\([^$@%]*\)\s*:-", "Prolog"),
    ("Verilog", r"^\s*(?:Require|Proof|Qed|Lemma|Theorem|Definition|Inductive)\b", "Coq"),
    ("TypeScript", r"\A\s*<\?xml|\A\s*<!DOCTYPE TS", "XML"),
    ("Rust", r"\A\s*<\?xml", "XML"),
)
_REFINERS = tuple(
    (LANGUAGES[before], re.compile(sign, re.MULTILINE), LANGUAGES[after])
    for before, sign, after in _REFINEMENTS
)
_REFINE_CHARS = 20_000


def by_path(path: str) -> Language | None:
    """The language that ``path`` alone names; None when only the text can tell, or nothing can."""
    name = PurePosixPath(path).name
    if name in _BY_NAME:
        return _BY_NAME[name]
    if re.fullmatch(r"(?:dev-|test-)?requirements[\w-]*\.txt", name):
        return LANGUAGES["Pip Requirements"]
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    # README.first, LICENSE-MIT, COPYING.LESSER, Dockerfile.dev, Makefile.am
    return _BY_NAME.get(re.split(r"[.-]", name, maxsplit=1)[0])


def by_shebang(text: str) -> Language | None:
    """The language of the interpreter that the first line asks for."""
    match = _SHEBANG.match(text)
    return _BY_INTERPRETER.get(match.group(1)) if match else None


def identify(path: str, text: str) -> Language | None:
    """The language of a file: its name decides, its text settles names that languages share.

    Objective-C, MATLAB, C, C++ and others share suffixes; the signs looked for are linguist's, in
    the first 20,000 characters.
    """
    language = by_path(path)
    if language is None:
        return by_shebang(text)
    head = text[:_REFINE_CHARS]
    for before, sign, after in _REFINERS:
        if language is before and sign.search(head):
            return after
    return language


def is_source(path: str) -> bool:
    """Whether ``path`` is named like a source file: neither prose nor data nor unknown."""
    language = by_path(path)
    return language is not None and language.kind is Kind.SOURCE
