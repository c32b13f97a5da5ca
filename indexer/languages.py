"""The table of languages: which files are which, and what can be known of them. Values only.

Not a parser: `grammar` names a tree-sitter grammar and a query file in `grammars/`, `headings` a
heading style, and `parse.py` applies them. The walk's reader calls `language_of`; filters, front
ends and ranking ask `knows` and `is_code`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

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


_ROWS = (
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
    # Prose with headings.
    Language("markdown", (".md", ".markdown", ".mdx", ".mkd", ".mdown", ".rmd", ".qmd"),
             headings="markdown", is_code=False, aliases=("md",)),
    Language("rst", (".rst", ".rest"), headings="rst", is_code=False, aliases=("restructuredtext",)),
    # Indexed as text: one row a file, no symbols.
    Language("json", (".json", ".jsonc", ".json5", ".geojson", ".webmanifest"),
             (".eslintrc", ".babelrc", ".prettierrc"), is_code=False),
    Language("yaml", (".yaml", ".yml"), ("citation.cff",), is_code=False, aliases=("yml",)),
    Language("toml", (".toml",), ("pipfile",), is_code=False),
    Language("ini", (".ini", ".cfg", ".conf", ".properties", ".editorconfig"), (".gitconfig", ".npmrc"),
             is_code=False),
    Language("xml", (".xml", ".xsd", ".xsl", ".xslt", ".plist", ".csproj", ".svg", ".pom", ".xaml"),
             is_code=False),
    Language("html", (".html", ".htm", ".xhtml", ".jinja", ".j2", ".ejs", ".hbs", ".erb"), is_code=False),
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
    Language("latex", (".tex", ".sty", ".cls", ".bib"), is_code=False, aliases=("tex",)),
    Language("asciidoc", (".adoc", ".asciidoc", ".asc"), is_code=False),
    Language("org", (".org",), is_code=False),
    Language("notebook", (".ipynb",), is_code=False, aliases=("jupyter",)),
    Language("pdf", (".pdf",), is_code=False),
    Language("docx", (".docx", ".docm", ".dotx"), is_code=False, aliases=("word",)),
    Language("epub", (".epub",), is_code=False),
    Language("csv", (".csv", ".tsv"), is_code=False),
    Language(TEXT, (".txt", ".text", ".log"), ("readme", "license", "copying", "notice", "authors",
                                               "changelog", "todo"), is_code=False),
)  # fmt: skip

LANGUAGES: dict[str, Language] = {row.name: row for row in _ROWS}
"""By name, in the order of the table."""

_BY_SUFFIX = {suffix: row.name for row in _ROWS for suffix in row.suffixes}
_BY_FILE_NAME = {name: row.name for row in _ROWS for name in row.file_names}
_BY_SHEBANG = {name: row.name for row in _ROWS for name in row.shebangs}
_BY_ALIAS = {alias: row.name for row in _ROWS for alias in (row.name, *row.aliases)}

_SHEBANG = re.compile(r"#![ \t]*(?:\S*/)?([^/\s]+)(?:[ \t]+(?:-\S+[ \t]+)*(\S+))?")
_VERSION = re.compile(r"[\d.]+$")

_CONTENT_SIGNS = (
    # Suffixes shared by two languages: what in the head says the second.
    (".h", "cpp", re.compile(r"^\s*(?:class|namespace|template|using)\b|\bstd::|^\s*public:", re.M)),
    (".m", "matlab", re.compile(r"^\s*(?:function\b|%)", re.M)),
)


def language_of(path: str, head: str) -> str:
    """Name the language of a file.

    `path` is repo-relative and POSIX, `head` the first characters of its text (a few hundred are
    enough; they decide by shebang or where two languages share a suffix). Always a name in
    `LANGUAGES`; `text` where nothing better is known.
    """
    name = path.rpartition("/")[2].lower()
    found = _BY_FILE_NAME.get(name, "")
    if not found:
        dot = name.find(".", 1)
        while dot != -1 and not found:
            suffix = name[dot:]
            found = _BY_SUFFIX.get(suffix, "")
            for shared, other, sign in _CONTENT_SIGNS:
                if suffix == shared and sign.search(head):
                    found = other
            dot = name.find(".", dot + 1)
    if not found and head.startswith("#!"):
        found = _of_shebang(head)
    if not found:
        stem = name.partition(".")[0]
        found = _BY_FILE_NAME.get(stem, TEXT) if stem in ("dockerfile", "makefile") else TEXT
    return found


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
