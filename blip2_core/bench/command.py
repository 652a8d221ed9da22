"""`python -m blip2_core bench`: what models need, estimated here, measured here, or measured on a GPU."""

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
    bench = subparsers.add_parser("bench", help="what models need, estimated or measured", description=__doc__)
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
    pocket = kinds.add_parser("pocket", help="measure the memory that pocket takes here, on the CPU")
    pocket.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON file that gets the numbers")
    pocket.set_defaults(run=run_pocket)
    memory = kinds.add_parser("memory", help="print the memory that each model needs as Markdown")
    memory.add_argument(
        "--measured", type=Path, required=True, metavar="FILE", help="what `bench pocket` wrote (docs/memory.json)"
    )
    memory.add_argument(
        "--gpu", type=Path, metavar="FILE", help="what `bench checkpoints` wrote (docs/checkpoints-h200.json)"
    )
    memory.set_defaults(run=run_memory)


def run_checkpoints(args: argparse.Namespace) -> int:
    """Measure, and after each load print its row and write the JSON: a run that is cut off keeps what it has."""
    from . import checkpoints as bench

    place = bench.pick_place(small=args.small)
    bench.check_names(args.models)
    bench.check_places(args.out, args.scratch)
    report: dict[str, Any] = {}
    sys.stdout.write(bench.table_head(place, small=args.small))
    for report in bench.measure_all(args.models, device=place, small=args.small, scratch=args.scratch):
        sys.stdout.write(bench.table_row(report))
        sys.stdout.flush()
        if args.out is not None:
            bench.write_report(args.out, report)
    sys.stdout.write(bench.verdict(report))
    return int(bench.failures(report) > 0)


def run_pocket(args: argparse.Namespace) -> int:
    """Measure and write the JSON."""
    from .checkpoints import write_report
    from .pocket_memory import measure_pocket

    measured = measure_pocket()
    write_report(args.out, measured)
    for precision, count in measured["bytes"].items():
        sys.stdout.write(f"{precision}: {count / 1e9:.2f} GB\n")
    return 0


def run_memory(args: argparse.Namespace) -> int:
    """Print the table that the README has."""
    from .memory_table import memory_table, read_gpu_peaks
    from .pocket_memory import read

    sys.stdout.write(memory_table(read(args.measured), read_gpu_peaks(args.gpu) if args.gpu else None))
    return 0
