"""`codesearch doctor`: check an index byte by byte, and repair it."""

from __future__ import annotations

from shlex import quote

import click

from codesearch.cli.console import advice, put
from codesearch.cli.options import state_option
from codesearch.cli.progress import ProgressBar


@click.command("doctor", short_help="Check every byte of an index, and repair it.")
@click.argument("path", required=False, type=click.Path())
@click.option("--repair", is_flag=True, help="Repair what is found; intact vectors are kept.")
@click.option("--trust", is_flag=True, help="Use an index that another user or machine built.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@state_option
@click.pass_context
def doctor_command(
    context: click.Context, /, path: str | None, repair: bool, trust: bool, as_json: bool
) -> None:
    """Check every byte of the index of PATH, or of the nearest folder above that has one.

    Prints one line for each thing that is wrong. Exits with 0 where answers can be relied on, else with 2.
    """
    from codesearch.cli.options import require_folder, state_in_force
    from codesearch.render.sanitize import json_text, label
    from indexer import doctor
    from indexer.wording import counted

    state = state_in_force()
    root = doctor.find_index(require_folder(path or "."), state)
    if trust:
        doctor.trust(root, state)
    if repair:
        with ProgressBar(quiet=as_json) as progress:
            diagnosis = doctor.repair(root, progress, state)
    else:
        diagnosis = doctor.examine(root, state)
    if as_json:
        findings = [{"kind": finding.kind, "sentence": finding.sentence} for finding in diagnosis.findings]
        value = {
            "schema": 1,
            "root": str(diagnosis.root),
            "sound": diagnosis.is_sound,
            "files_checked": diagnosis.n_files_checked,
            "bytes_checked": diagnosis.n_bytes_checked,
            "findings": findings,
        }
        put(json_text(value, indent=2) + "\n")
    else:
        for finding in diagnosis.findings:
            put(f"{finding.kind:<9} {label(finding.sentence)}\n")
        own = counted(diagnosis.n_files_checked, "file")
        checked = f"{own} of its own, {diagnosis.n_bytes_checked:,} bytes, checked"
        repair_it = (
            "" if not diagnosis.findings else f"; `codesearch doctor --repair {quote(str(root))}` repairs it"
        )
        verdict = "sound" if diagnosis.is_sound else "damaged"
        put(advice(f"The index of {label(str(diagnosis.root))} is {verdict} ({checked}){repair_it}.\n"))
    context.exit(0 if diagnosis.is_sound else 2)
