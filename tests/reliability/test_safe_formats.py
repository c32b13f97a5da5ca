"""No code of ours reads a format that can run code, starts a shell, or talks to a network by itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for package in ("codesearch", "indexer", "tui") for path in (ROOT / package).rglob("*.py")
)

FORBIDDEN_MODULES = frozenset(
    "pickle cPickle _pickle dill cloudpickle joblib shelve marshal jsonpickle".split()
)
FORBIDDEN_CALLS = frozenset(
    "eval exec compile __import__ os.system os.popen torch.load joblib.load np.loadtxt pd.read_pickle"
    " yaml.load yaml.unsafe_load subprocess.getoutput subprocess.getstatusoutput".split()
)


ALLOWED = {"indexer/light_dataclasses.py": ["exec"]}
"""`__init__` is compiled from the names of fields, as the standard library does; of nothing that was read."""


def dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def violations(code: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found += [f"import {alias.name}" for alias in node.names if _is_forbidden(alias.name)]
        elif isinstance(node, ast.ImportFrom) and _is_forbidden(node.module or ""):
            found.append(f"from {node.module}")
        elif isinstance(node, ast.Call):
            name = dotted(node.func)
            keywords = {word.arg: word.value for word in node.keywords}
            if name in FORBIDDEN_CALLS:
                found.append(name)
            for word, harmless in (("shell", False), ("allow_pickle", False), ("trust_remote_code", False)):
                value = keywords.get(word)
                if value is not None and not (isinstance(value, ast.Constant) and value.value is harmless):
                    found.append(f"{name}({word}=…)")
            if name in ("np.load", "numpy.load") and "allow_pickle" not in keywords:
                found.append(f"{name} without allow_pickle=False")
            if name in ("torch.jit.load", "AutoModel.from_pretrained", "AutoTokenizer.from_pretrained"):
                found.append(name)
    return found


def _is_forbidden(module: str) -> bool:
    return module.partition(".")[0] in FORBIDDEN_MODULES


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_source_reads_what_can_run(path: Path) -> None:
    assert violations(path.read_text("utf-8")) == ALLOWED.get(path.relative_to(ROOT).as_posix(), [])


@pytest.mark.parametrize(
    "code",
    [
        "import pickle", "from joblib import load", "torch.load(f)", "np.load(f)",
        "np.load(f, allow_pickle=True)",
        "subprocess.run(c, shell=True)", "eval(x)", "from_pretrained(n, trust_remote_code=flag)",
    ],
)  # fmt: skip
def test_the_check_sees(code: str) -> None:
    assert violations(code)


def test_models_are_safetensors_alone() -> None:
    models = ROOT / "indexer" / "models"
    weights = {".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack", ".onnx"}
    assert {path.suffix for path in models.rglob("*") if path.suffix in weights} == {".safetensors"}
