"""`python -m blip2_core bench`: what the public checkpoints need, estimated here or measured on a GPU."""

import argparse
import sys
from pathlib import Path
from typing import Any

MEASURED = ("Salesforce/blip2-opt-2.7b", "Salesforce/instructblip-vicuna-7b")
CHECKPOINTS_HELP = (
    "On a GPU: make full-size models of random weights with planted outlier features, and measure how long they load, "
    "what they hold by precision beside the 8-bit load of transformers, whether bf16 logits are those of transformers' "
    "own classes, and a streamed answer. Needs some 35 GB of disk and 16 GB of GPU memory for each class in bf16."
)


def add_parser(subparsers: Any) -> None:
    """Add `bench` to the command line."""
    bench = subparsers.add_parser("bench", help="measure the public checkpoints' needs on a GPU", description=__doc__)
    kinds = bench.add_subparsers(metavar="WHAT", required=True)
    checkpoints = kinds.add_parser("checkpoints", help="measure on a GPU", description=CHECKPOINTS_HELP)
    add = checkpoints.add_argument
    add("--models", nargs="+", default=list(MEASURED), metavar="NAME", help="hub ids; none is downloaded (%(default)s)")
    add("--out", type=Path, metavar="FILE", help="JSON file that gets the numbers")
    add("--scratch", type=Path, metavar="DIR", help="where the weights are written and removed again (the system's)")
    add(
        "--small", action="store_true", help="tiny models, on a CPU too: tries the script out, its numbers mean nothing"
    )
    checkpoints.set_defaults(run=run_checkpoints)
    memory = kinds.add_parser("memory", help="print the estimated memory of each checkpoint as Markdown")
    memory.set_defaults(run=run_memory)


def run_checkpoints(args: argparse.Namespace) -> int:
    """Measure, print the table, write the JSON."""
    from .checkpoints import check_names, measure_all, pick_place, table, write_report

    place = pick_place(small=args.small)
    check_names(args.models)
    report = measure_all(args.models, device=place, small=args.small, scratch=args.scratch)
    sys.stdout.write(table(report))
    if args.out is not None:
        write_report(args.out, report)
    return 0


def run_memory(args: argparse.Namespace) -> int:
    """Print the table that docs/checkpoints.md has."""
    from .memory_table import memory_table

    sys.stdout.write(memory_table())
    return 0
