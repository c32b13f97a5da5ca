"""What `codesearch adapt` brings: held-out MRR of one repository, and what the result costs elsewhere.

    python tests/benchmarks/adapt.py FOLDER --out MODEL --minutes 10
    python tests/benchmarks/quality.py --ranks --sets repo --compare none
    python tests/benchmarks/quality.py --ranks --sets repo --compare last --model MODEL

The last two compare the starting and the adapted model, query by query, on repositories that neither was
trained on. FOLDER should be none of the benchmark's, with its history, on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from dataclasses import asdict
from pathlib import Path

from indexer.settings import BuildSettings
from indexer.training.adapt import adapt
from indexer.training.settings import AdaptProgress, TrainSettings

_DEFAULTS = TrainSettings()


def main() -> int:
    """Adapt once, say what happened as JSON."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("folders", nargs="+", type=Path)
    flags.add_argument("--out", type=Path, required=True)
    flags.add_argument("--model", default=BuildSettings().model)
    for name in ("minutes", "rate", "row_temperature", "single_temperature", "distillation", "learned_share"):
        flags.add_argument(f"--{name.replace('_', '-')}", type=float, default=getattr(_DEFAULTS, name))
    for name in ("seed", "batch_tokens", "max_steps"):
        flags.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(_DEFAULTS, name))
    given = flags.parse_args()
    settings = TrainSettings(**{name: getattr(given, name) for name in asdict(_DEFAULTS)})
    began = time.process_time()
    done = adapt(given.folders, given.out.absolute(), given.model, settings, _show)
    facts = asdict(done) | {
        "folder": str(done.folder),
        "settings": asdict(settings),
        "processor_seconds": time.process_time() - began,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "first_and_last_loss": (done.losses[:1], done.losses[-1:]),
    }
    facts.pop("losses")
    print(json.dumps(facts, indent=1))
    return 0 if done.is_written else 1


def _show(event: AdaptProgress) -> None:
    if event.stage == "measure" and event.loss is not None:
        print(f"step {event.done:.0f}: loss {event.loss:.3f}, MRR {event.mrr:.3f}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
