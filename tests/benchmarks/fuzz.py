"""A coverage-guided fuzzer over reading, parsing, chunks and passages.

    pip install atheris
    python tests/benchmarks/fuzz.py [--seconds 600] [--out FOLDER]

Starts from tests/reliability/corpus and sample_repos; the first byte of an input chooses the name
of the file, the rest is the file. An input that breaks a promise is written to --out and ends the run:
mend what it shows, and copy it to tests/reliability/corpus as `what-it-is.suffix.case`, less its first byte.
The parsers below Python are not instrumented; a crash in them ends the run all the same.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))


def write_seeds(folder: Path, names: tuple[str, ...], corpus: Path) -> None:
    """Inputs to begin with, their first byte before them."""
    suffixes = [Path(name).suffix for name in names]
    for number, path in enumerate([*sorted(corpus.iterdir()), *sorted((ROOT / "sample_repos").rglob("*.*"))]):
        suffix = Path(path.stem).suffix if path.suffix == ".case" else path.suffix
        if path.is_file() and suffix in suffixes:
            content = bytes([suffixes.index(suffix)]) + path.read_bytes()[:4000]
            (folder / f"seed_{number}").write_bytes(content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--out", type=Path, default=Path("fuzz-findings"))
    options = parser.parse_args()
    import atheris

    with atheris.instrument_imports(include=["indexer", "codesearch"]):
        from tests.reliability.fuzzing import CORPUS, NAMES, read_any

    def one(data: bytes) -> None:
        if data:
            read_any(NAMES[data[0] % len(NAMES)], data[1:])

    options.out.mkdir(parents=True, exist_ok=True)
    seeds = Path(tempfile.mkdtemp(prefix="fuzz-"))
    write_seeds(seeds, NAMES, CORPUS)
    limits = [f"-max_total_time={options.seconds}", "-max_len=4096", "-timeout=20", "-rss_limit_mb=3000"]
    limits.append("-print_final_stats=1")  # executions, and how many a second
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={options.out}/", str(seeds)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
