"""The table of languages: which files are which, and what can be known of them. Values only.

Documents have a table of their own, `document_formats.py`, from which their rows here are made.

Not a parser: `grammar` names a tree-sitter grammar and a query file in `grammars/`, `headings` a
heading style, and `parse.py` applies them. The walk's reader calls `language_of`; filters, front
ends and ranking ask `knows` and `is_code`.
"""

from __future__ import annotations

import re

from indexer.document_formats import DOCUMENT_FORMATS
from indexer.light_dataclasses import dataclass

TEXT = "text"
"""The language of everything that nothing better is known of."""


@dataclass(frozen=True, slots=True)
class Language:
    """One row of the table."""

    name: str
    suffixes: tuple[str, ...] = ()
    """Lower case, with the dot; the longest that fits a file's name wins."""
    file_names: tuple[str, ...] = ()
    """Whole names, lower case."""
    shebangs: tuple[str, ...] = ()
    """Interpreter names as in `#!/usr/bin/env python3`, version digits left off."""
    grammar: str = ""
    """Name in tree-sitter-language-pack and of `grammars/<grammar>.scm`; empty: no symbols."""
    headings: str = ""
    """Heading style (`markdown`, `rst`); empty: none."""
    is_code: bool = True
    """Code, as against prose and data: what the kind filters `code` and `docs` mean."""
    aliases: tuple[str, ...] = ()
    """What people also call it in `--lang`."""


_ROWS: tuple[Language, ...] = (
    Language("python", (".py", ".pyi", ".pyw", ".pyx", ".pxd"), ("sconstruct", "sconscript", "wscript"),
             ("python", "pypy"), "python", aliases=("py",)),
    Language("javascript", (".js", ".mjs", ".cjs", ".jsx", ".es6"), ("jakefile",), ("node", "nodejs", "bun"),
             "javascript", aliases=("js", "jsx")),
    Language("typescript", (".ts", ".mts", ".cts"), (), ("deno", "ts-node", "tsx"), "typescript",
             aliases=("ts",)),
    Language("tsx", (".tsx",), grammar="tsx"),
    Language("go", (".go",), grammar="go", aliases=("golang",)),
    Language("java", (".java",), grammar="java"),
    Language("rust", (".rs",), grammar="rust", aliases=("rs",)),
    Language("c", (".c", ".h"), grammar="c"),
    Language("cpp", (".cc", ".cpp", ".cxx", ".c++", ".hh", ".hpp", ".hxx", ".h++", ".ipp", ".tpp", ".inl",
                     ".cu", ".cuh", ".ino"), grammar="cpp", aliases=("c++", "cxx")),
    Language("csharp", (".cs", ".csx"), grammar="csharp", aliases=("c#", "cs")),
    Language("ruby", (".rb", ".rake", ".gemspec", ".ru", ".rbi"),
             ("rakefile", "gemfile", "guardfile", "vagrantfile", "podfile", "fastfile"),
             ("ruby", "jruby"), "ruby", aliases=("rb",)),
    Language("php", (".php", ".php3", ".php4", ".php5", ".phtml"), (), ("php",), "php"),
    Language("kotlin", (".kt", ".kts"), grammar="kotlin", aliases=("kt",)),
    Language("scala", (".scala", ".sc", ".sbt"), (), ("scala",), "scala"),
    Language("swift", (".swift",), (), ("swift",), "swift"),
    Language("elixir", (".ex", ".exs"), (), ("elixir",), "elixir", aliases=("ex",)),
    Language("haskell", (".hs", ".hsc"), (), ("runhaskell", "runghc", "stack"), "haskell", aliases=("hs",)),
    Language("lua", (".lua", ".rockspec"), (), ("lua", "luajit"), "lua"),
    Language("zig", (".zig", ".zon"), grammar="zig"),
    Language("bash", (".sh", ".bash", ".zsh", ".ksh", ".bats", ".ebuild"),
             (".bashrc", ".bash_profile", ".zshrc", ".profile", "pkgbuild"),
             ("bash", "sh", "zsh", "ksh", "dash", "ash"), "bash", aliases=("sh", "shell")),
    Language("sql", (".sql", ".ddl", ".pgsql", ".psql"), grammar="sql"),
    Language("r", (".r",), (".rprofile",), ("rscript", "r"), "r"),
    # Indexed as text: one row a file, no symbols.
    Language("json", (".json", ".jsonc", ".json5", ".geojson", ".webmanifest"),
             (".eslintrc", ".babelrc", ".prettierrc"), is_code=False),
    Language("yaml", (".yaml", ".yml"), ("citation.cff",), is_code=False, aliases=("yml",)),
    Language("toml", (".toml",), ("pipfile",), is_code=False),
    Language("ini", (".ini", ".cfg", ".conf", ".properties", ".editorconfig"), (".gitconfig", ".npmrc"),
             is_code=False),
    Language("xml", (".xml", ".xsd", ".xsl", ".xslt", ".plist", ".csproj", ".svg", ".pom", ".xaml"),
             is_code=False),
    Language("css", (".css", ".scss", ".sass", ".less", ".tcss"), is_code=False),
    Language("vue", (".vue",)),
    Language("svelte", (".svelte",)),
    Language("astro", (".astro",)),
    Language("dockerfile", (".dockerfile",), ("dockerfile", "containerfile")),
    Language("make", (".mk", ".mak"), ("makefile", "gnumakefile", "justfile"), ("make",),
             aliases=("makefile",)),
    Language("cmake", (".cmake",), ("cmakelists.txt",)),
    Language("bazel", (".bzl", ".bazel"), ("build", "workspace")),
    Language("groovy", (".groovy", ".gradle"), ("jenkinsfile",), ("groovy",)),
    Language("perl", (".pl", ".pm", ".t"), (), ("perl",)),
    Language("powershell", (".ps1", ".psm1", ".psd1"), (), ("pwsh",)),
    Language("batch", (".bat", ".cmd")),
    Language("fish", (".fish",), (), ("fish",)),
    Language("objc", (".m", ".mm"), aliases=("objective-c",)),
    Language("matlab"),
    Language("puppet"),
    Language("prolog"),
    Language("coq"),
    Language("vlang"),
    Language("apex"),
    Language("vb", (".vb", ".vbs", ".bas"), aliases=("visualbasic",)),
    Language("dart", (".dart",)),
    Language("julia", (".jl",), (), ("julia",)),
    Language("ocaml", (".ml", ".mli")),
    Language("fsharp", (".fs", ".fsi", ".fsx"), aliases=("f#",)),
    Language("clojure", (".clj", ".cljs", ".cljc", ".edn")),
    Language("erlang", (".erl", ".hrl"), (), ("escript",)),
    Language("lisp", (".lisp", ".el", ".scm", ".rkt", ".lsp")),
    Language("nim", (".nim",)),
    Language("crystal", (".cr",)),
    Language("d", (".d", ".di")),
    Language("pascal", (".pas", ".pp", ".dpr")),
    Language("fortran", (".f", ".f77", ".f90", ".f95", ".f03", ".for")),
    Language("cobol", (".cob", ".cbl", ".cpy")),
    Language("ada", (".adb", ".ads")),
    Language("assembly", (".s", ".asm", ".nasm"), aliases=("asm",)),
    Language("verilog", (".v", ".sv", ".svh", ".vh")),
    Language("vhdl", (".vhd", ".vhdl")),
    Language("glsl", (".glsl", ".vert", ".frag", ".comp", ".hlsl", ".wgsl", ".metal")),
    Language("tcl", (".tcl",), (), ("tclsh", "wish")),
    Language("awk", (".awk",), (), ("awk", "gawk")),
    Language("vim", (".vim",), (".vimrc",)),
    Language("nix", (".nix",)),
    Language("terraform", (".tf", ".tfvars", ".hcl"), aliases=("hcl",)),
    Language("protobuf", (".proto",), aliases=("proto",)),
    Language("graphql", (".graphql", ".gql")),
    Language("thrift", (".thrift",)),
    Language("solidity", (".sol",)),
    Language("csv", (".csv", ".tsv"), is_code=False),
)  # fmt: skip

_ROWS += tuple(
    Language(
        row.language,
        (*row.suffixes, *row.other_suffixes),
        row.file_names,
        headings=row.headings,
        is_code=False,
        aliases=row.aliases,
    )
    for row in DOCUMENT_FORMATS
)

LANGUAGES: dict[str, Language] = {row.name: row for row in _ROWS}
"""By name, in the order of the table."""

_BY_SUFFIX = {suffix: row.name for row in _ROWS for suffix in row.suffixes}
_BY_FILE_NAME = {name: row.name for row in _ROWS for name in row.file_names}
_BY_SHEBANG = {name: row.name for row in _ROWS for name in row.shebangs}
_BY_ALIAS = {alias: row.name for row in _ROWS for alias in (row.name, *row.aliases)}

_SHEBANG = re.compile(r"#![ \t]*(?:\S*/)?([^/\s]+)(?:[ \t]+(?:-\S+[ \t]+)*(\S+))?")
_VERSION = re.compile(r"[\d.]+$")

_MAX_SIGN_CHARS = 200_000
_COMMENTS = re.compile(
    r"/\*.*?(?:\*/|\Z)|//[^\n]*"
    r"|^[ \t]*#[ \t]*if(?:def[ \t]+|[ \t]+defined[ \t]*\(?[ \t]*)__cplusplus\b.*?^[ \t]*#[ \t]*endif\b",
    re.DOTALL | re.MULTILINE,
)
"""Of C and what is like it, with what a C header has for C++ compilers."""


def _sign(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)


_CONTENT_SIGNS: dict[str, tuple[tuple[str, re.Pattern[str]], ...]] = {
    # Suffixes that languages share: what in the text, comments of C left out, says that it is another than
    # the table's; the first that fits.
    ".h": (
        ("objc", _sign(r"^\s*@(?:interface|protocol|class|import|property)\b|^\s*#\s*import\b")),
        ("cpp", _sign(
            r"^\s*(?:class\s+\w|(?:inline\s+)?namespace\s*[\w{]|using\s+\w|export\s+module\b|template\s*<)|\w::~?\w"
            r"|^\s*(?:public|private|protected)\s*:|^\s*virtual\s+[\w~]|^\s*explicit\s+\w+\s*\("
            r"|^\s*(?:static\s+|inline\s+)*constexpr\s|\)\s*(?:const\s*)?noexcept\b|<\s*typename\s|[=(,]\s*nullptr\b"
            r"|\b(?:static|dynamic|const|reinterpret)_cast\s*<|\boperator\s*(?:[-+*/=<>!&|^~\[(]|new\b|delete\b)"
            r"|^\s*(?:struct|union)\s+(?:\w+\s+){0,3}\w+\s*(?:final\s*)?:\s*(?!:)|^\s*enum\s+(?:class|struct)\s"
            r"|\bextern\s+\"C\+\+\"|^\s*#\s*include\s*<[a-z_]+>|\bconst\s+[\w:<>]+\s*&\s*\w*\s*[,)]")),
    ),
    ".m": (
        ("objc", _sign(r"^\s*@(?:interface|implementation|protocol|import|end)\b|^\s*#\s*(?:im|in)")),
        ("matlab", _sign(r"^\s*(?:function|classdef)\b|^\s*%|^\s*end(?:function)?\s*;?\s*$")),
    ),
    ".pp": (
        ("puppet", _sign(
            r"^\s*(?:class|define|node)\s+[\w:'\"]+.*\{|^\s*\w+\s*\{\s*['\"$][^:\n]*:\s*$"
            r"|^\s*include\s+[a-z]\w*(?:::\w+)*\s*$")),
    ),
    ".pl": (("prolog", _sign(r"^\s*:-\s*\w+|^[a-z]\w*(?:\([^\n]*\))?\s*(?::-|-->)")),),
    ".v": (
        ("coq", _sign(
            r"^\s*(?:Theorem|Lemma|Definition|Fixpoint|Inductive|Require|Proof|From\s+\w+\s+Require|Section)\b")),
        ("vlang", _sign(r"^\s*(?:pub\s+)?(?:fn|struct)\s+(?:\([^)]*\)\s*)?\w+[^;\n]*\{|^module\s+\w+\s*$")),
    ),
    ".ts": (("xml", _sign(r"\A\s*(?:<\?xml|<!DOCTYPE\s+TS\b|<TS\b)")),),
    ".tsx": (("xml", _sign(r"\A\s*<\?xml")),),
    ".cls": (
        ("vb", _sign(r"\A\s*VERSION\s+[\d.]+\s+CLASS\b|^Attribute\s+VB_\w+\s*=")),
        ("apex", _sign(r"^\s*(?:@\w+\s*)*(?:public|private|global)\s+(?:\w+\s+)*(?:class|interface|enum)\b")),
    ),
    ".d": (("make", _sign(r"\A\s*[^\n:=]+\.(?:o|lo|obj|d|rmeta|rlib)\s*:[^=]")),),
    ".fs": (("glsl", _sign(r"^\s*#version\s+\d|^\s*(?:uniform|varying|in|out)\s+\w+\s+\w+\s*;|\bgl_\w+")),),
    ".t": (
        ("text", _sign(r"\A(?!#!)(?![\s\S]*(?:\buse\s+\w|\bmy\s*[$@%(]|\bsub\s+\w|\bplan\b|\bok\s*\())")),
    ),
}  # fmt: skip


def language_of(path: str, text: str) -> str:
    """Name the language of a file.

    `path` is repo-relative and POSIX, `text` what is in it: it decides by shebang, or where languages
    share a suffix. Always a name in `LANGUAGES`; `text` where nothing better is known.
    """
    name = path.rpartition("/")[2].lower()
    found = _BY_FILE_NAME.get(name, "")
    if not found:
        dot = name.find(".", 1)
        while dot != -1 and not found:
            suffix = name[dot:]
            found = _BY_SUFFIX.get(suffix, "")
            if found and suffix in _CONTENT_SIGNS:
                found = _of_content(suffix, text) or found
            dot = name.find(".", dot + 1)
    if not found and text.startswith("#!"):
        found = _of_shebang(text)
    if not found:
        stem = name.partition(".")[0]
        found = _BY_FILE_NAME.get(stem, TEXT) if stem in ("dockerfile", "makefile") else TEXT
    return found


def _of_content(suffix: str, text: str) -> str:
    text = text[:_MAX_SIGN_CHARS]
    if suffix in (".h", ".m"):
        text = _COMMENTS.sub(" ", text)
    for language, sign in _CONTENT_SIGNS[suffix]:
        if sign.search(text):
            return language
    return ""


def knows(name: str) -> bool:
    """Tell whether `name` is a language or an alias of one, in any case."""
    return name.lower() in _BY_ALIAS


def canonical(name: str) -> str:
    """Return the table's name for a language or alias that `knows` accepts; KeyError otherwise."""
    return _BY_ALIAS[name.lower()]


def is_code(name: str) -> bool:
    """Tell whether files of this language are code, as against prose and data."""
    return LANGUAGES[name].is_code


def _of_shebang(head: str) -> str:
    match = _SHEBANG.match(head)
    if match is None:
        return ""
    program = match[2] if match[1] == "env" and match[2] else match[1]
    return _BY_SHEBANG.get(_VERSION.sub("", program.rpartition("/")[2].lower()), "")
