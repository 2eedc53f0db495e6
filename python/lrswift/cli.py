# PYTHON_ARGCOMPLETE_OK
"""The command line: `lrswift info | train | find-lr | learn-schedule | compare | leaderboard | ...`."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import multiprocessing
import os
import shlex
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, get_args

import numpy as np

from . import optim, random
from ._core import version as core_version
from .config import config, get_threads, max_memory_allocated, set_threads, show_config
from .data import DATASETS, Splits, fetch, load
from .data.fetch import REMOTES
from .errors import ArgumentError, Error, MissingFiles
from .experiments import comparison, own, schedule_report
from .experiments.hpo import SEARCHES, HpoComparison, compare_hpo
from .experiments.hpo.comparison import DEFAULT_SEARCHES
from .experiments.leaderboard import DEFAULT_METHODS, WORKLOADS, leaderboard, named, references
from .experiments.leaderboard import METHODS as RIVALS
from .experiments.leaderboard.workload import Half
from .experiments.outputs import KEY, check_ours, free_folder
from .experiments.papers import FIGURES, SCALES, contents, reproduce
from .experiments.sensitivity import Sensitivity, sensitivity
from .files.atomic import check_target, make_folder
from .learning.learn import learn_schedule
from .learning.learned_schedule import LearnedSchedule
from .learning.options import UPDATES
from .loop.history import History
from .nn import Module
from .nn.functional import cross_entropy
from .pictures.figure import saved
from .pictures.table import Cell, Column, Row, Table
from .pictures.terminal import WIDTH, wrapped
from .rates.docstrings import describe_methods
from .rates.made import RATES
from .search.find import RULES, find_lr
from .store import plain, read, write, write_json
from .training.composed import DIRECTIONS, direction
from .training.fit import fit, held_out
from .training.methods import KINDS, METHODS, Method

_COMPOSED = f"""or a rate, a direction, or rate+direction, with arguments: l4, dog+momentum, l4+adam:alpha=0.2
  rates: {", ".join(RATES)}
  directions: {", ".join(DIRECTIONS)}
`lrswift info --methods` says what each of them is and takes"""
_PICTURES = [name for name in DATASETS if name not in ("text", "multi30k")]


def parser() -> argparse.ArgumentParser:
    """The command line's parser; each command sets `run`."""
    listed = "\n".join(
        f"  {name:<13}  {m.label}: rate {KINDS[m.kind]}, {m.how}" for name, m in METHODS.items()
    )
    listed = wrapped(f"methods:\n{listed}\n\n{_COMPOSED}")
    top = argparse.ArgumentParser(
        prog="lrswift",
        description="Training that finds its own learning rate.",
        epilog="lrswift COMMAND --help says more.",
    )
    top.add_argument("--version", action="version", version=f"lrswift {core_version()}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    info = commands.add_parser("info", help="version, processor, kernels, BLAS, threads")
    info.add_argument("--methods", action="store_true", help="every method: source, cost, arguments, bounds")
    _common(info, None)
    info.set_defaults(run=_info, files=("info.json",), adds=True)

    train = commands.add_parser(
        "train", help="train one network with one method",
        epilog=listed, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    _problem(train)
    train.add_argument(
        "--method", type=_method, default="auto", metavar="METHOD", help="see below (default: auto)"
    )
    train.add_argument("--epochs", type=_positive, default=5, help="passes over the data (default: 5)")
    train.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    _common(train, "folder for history.csv, model.safetensors and a checkpoint")
    train.set_defaults(run=_train, files=("history.csv", "model.safetensors", "checkpoint.safetensors"))

    find = commands.add_parser(
        "find-lr", help="find a learning rate by short runs that are undone, or by the derivative (ALRS)"
    )
    _problem(find)
    find.add_argument(
        "--optimizer", type=_direction, default="adam", metavar="DIRECTION",
        help=f"what the rate is for (default: adam): {', '.join(DIRECTIONS)}, with arguments: adam:eps=1e-4",
    )  # fmt: skip
    find.add_argument("--start", type=float, default=1.0, help="first rate tried (default: 1)")
    find.add_argument("--rule", choices=RULES, default="trials", help="signs: ALRS (default: trials)")
    _common(find, "folder for found.json and, with matplotlib, found.png")
    find.set_defaults(run=_find, files=("found.json", "found.png"))

    learn = commands.add_parser(
        "learn-schedule", help="learn rates, momentum and weight decay from hypergradients (FDS)"
    )
    _problem(learn)
    learn.add_argument("--steps", type=_positive, default=250, help="length of a training run (default: 250)")
    learn.add_argument("--rates", type=_positive, default=5, help="learning rates in a run (default: 5)")
    learn.add_argument("--outer-steps", type=_positive, default=10, help="schedules to try (default: 10)")
    learn.add_argument("--update", choices=UPDATES, default="gated", help="outer step (default: gated)")
    learn.add_argument("--seeds", type=_positive, default=2, help="networks per outer step (default: 2)")
    learn.add_argument(
        "--trials", type=_positive, help="starting points from Optuna, refined (default: zeros alone)"
    )
    learn.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    _common(learn, "folder for checkpoint, schedule and picture (default: schedule)", "schedule")
    learn.set_defaults(run=_learn, files=("checkpoint.safetensors", "schedule.safetensors", "schedule.png"))

    compare = commands.add_parser(
        "compare", help="train one network with many methods and seeds, and report",
        epilog=listed, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    _problem(compare)
    names = ",".join(comparison.DEFAULT_METHODS)
    compare.add_argument("--methods", default=names, metavar="A,B,...", help=f"see below (default: {names})")
    compare.add_argument("--seeds", type=_positive, default=3, help="runs per method (default: 3)")
    compare.add_argument("--epochs", type=_positive, default=20, help="passes over the data (default: 20)")
    compare.add_argument(
        "--initial",
        type=_rates,
        metavar="R,R,...",
        help="report the final loss against these initial rates, such as 1e-4,1e-3,1e-2,1e-1,1",
    )
    compare.add_argument("--resume", action="store_true", help="go on with the runs not in --out yet")
    _common(compare, "folder for results.csv, results.json and report.html (default: report)", "report")
    compare.set_defaults(run=_compare, files=("results.csv", "results.json", "report.html"))

    search = commands.add_parser(
        "compare-hpo", help="search for a schedule with Optuna and with hypergradients, at equal cost",
        epilog=wrapped("searches:\n" + "\n".join(f"  {name:<14}  {s.how}" for name, s in SEARCHES.items())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    _problem(search)
    names = ",".join(DEFAULT_SEARCHES)
    search.add_argument("--searches", default=names, metavar="A,B,...", help=f"see below (default: {names})")
    search.add_argument(
        "--steps", type=_positive, default=100, help="length of a training run (default: 100)"
    )
    search.add_argument("--rates", type=_positive, default=5, help="learning rates in a run (default: 5)")
    search.add_argument(
        "--budget", type=float, default=200, metavar="RUNS",
        help="what each search may cost, in whole training runs (default: 200)",
    )  # fmt: skip
    search.add_argument("--seeds", type=_positive, default=3, help="times each search is run (default: 3)")
    search.add_argument("--resume", action="store_true", help="go on with the searches not in --out yet")
    _common(search, "folder for results.csv, results.json and report.html (default: searches)", "searches")
    search.set_defaults(run=_compare_hpo, files=("results.csv", "results.json", "report.html"))

    board = commands.add_parser(
        "leaderboard", help="methods with nothing tuned, on many workloads, beside tuned references",
        epilog=_listed_board(), formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    names = ",".join(DEFAULT_METHODS)
    board.add_argument("--methods", metavar="A,B,...", help=f"see below (default, without --mine: {names})")
    board.add_argument(
        "--mine", action="append", default=[], metavar="MODULE:NAME",
        help="a method of your own: a function (params, steps) that makes an optimizer, a function (run) "
        "that trains, or a Method; may be given several times",
    )  # fmt: skip
    board.add_argument(
        "--workloads", metavar="A,B,...", help="see below, name@10 for ten times the budget, or module:name"
    )
    board.add_argument("--half", choices=get_args(Half), help="only these workloads (default: both halves)")
    board.add_argument(
        "--seeds", type=_whole_numbers, default=[1, 2, 3], metavar="1,2,3", help="(default: 1,2,3)"
    )
    board.add_argument("--fresh", action="store_true", help="run also what --out has, which else is kept")
    board.add_argument(
        "--references", action="store_true", help="tune the references anew, into references.json; an hour"
    )
    board.add_argument("--tuned", metavar="FILE", help="references of your own (default: the package's)")
    board.add_argument(
        "--processes", type=_positive, default=1, help="runs at a time, each on --threads (default: 1)"
    )
    board.add_argument(
        "--root", metavar="DIR", help="where data sets are (default: $LRSWIFT_DATA, then ./data)"
    )
    _common(
        board, "folder for runs.jsonl, results.csv, results.json and report.html (default: leaderboard)",
        "leaderboard", seeded=False,
    )  # fmt: skip
    board.set_defaults(run=_leaderboard, files=("results.csv", "results.json", "report.html"), adds=True)

    sets = commands.add_parser("data", help="list the data sets, or download one")
    sets.add_argument("action", choices=("list", "get"), help="list: what is known, and what is here")
    sets.add_argument("name", nargs="?", metavar="NAME", help=", ".join(REMOTES))
    sets.add_argument(
        "--root", metavar="DIR", help="where data sets are (default: $LRSWIFT_DATA, then ./data)"
    )
    sets.add_argument("--quiet", action="store_true", help="no progress bars")
    sets.set_defaults(run=_data, files=(), out=None, default_out=None, force=False, threads=None, json=False)

    again = commands.add_parser(
        "reproduce", help="the papers' figures and tables, again, beside the papers' numbers",
        epilog=wrapped(f"figures:\n{textwrap.indent(contents(), '  ')}"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    again.add_argument(
        "figure", choices=(*FIGURES, "all"), metavar="FIGURE", nargs="?", help="see below; all: every one"
    )
    again.add_argument("--list", action="store_true", help="the figures, with paper and scales")
    again.add_argument(
        "--processes", type=_positive, default=1, help="runs at a time, each on --threads (default: 1)"
    )
    again.add_argument("--scale", choices=SCALES, default="small", help="how large (default: small)")
    again.add_argument(
        "--quick", dest="scale", action="store_const", const="quick", help="short for --scale quick: seconds"
    )
    again.add_argument(
        "--data", metavar="DIR", help="where data sets are (default: $LRSWIFT_DATA, then ./data)"
    )
    _common(again, "folder for tables and pictures (default: figures)", "figures")
    again.set_defaults(run=_reproduce, files=(), adds=True)
    return top


def _method(text: str) -> Method:
    try:
        return METHODS[text]
    except Error as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _direction(text: str) -> Callable[..., optim.Optimizer]:
    try:
        return direction(text)
    except Error as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text}; allowed: a whole number of at least 1") from None
    if value < 1:
        raise argparse.ArgumentTypeError(f"got {value}; allowed: at least 1")
    return value


def _whole_numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"got {text}; allowed: whole numbers with commas between them, such as 1,2,3"
        ) from None


def _listed_board() -> str:
    methods = "\n".join(f"  {name:<22}  {method.about}" for name, method in RIVALS.items())
    workloads = "\n".join(f"  {name:<20}  {w.half:<9}  {w.about}" for name, w in WORKLOADS.items())
    return wrapped(f"methods:\n{methods}\n\nworkloads:\n{workloads}")


def _rates(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",") if part]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"got {text}; allowed: positive numbers with commas between them, such as 1e-3,1e-2"
        ) from None


def _problem(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data", default="digits", metavar="NAME|FILE",
        help=f"{', '.join(_PICTURES)}, or a .csv, .npz or .parquet file of yours: a class and numbers in "
        "each row, of which a fifth is kept for the test (default: digits)",
    )  # fmt: skip
    command.add_argument(
        "--target", metavar="COLUMN", help="the class in your file (default: the last column, y of .npz)"
    )
    command.add_argument(
        "--root", metavar="DIR", help="where data sets are (default: $LRSWIFT_DATA, then ./data)"
    )
    command.add_argument(
        "--model", default="mlp", metavar="NAME|MODULE:FUNCTION",
        help=f"{', '.join(comparison.MODELS)}, or a function of yours that makes a network, of lrswift or "
        "torch, of (inputs, classes) (default: mlp)",
    )  # fmt: skip
    command.add_argument("--batch-size", type=_positive, default=64, help="examples per step (default: 64)")


def _common(
    command: argparse.ArgumentParser, out: str | None, default: str | None = None, seeded: bool = True
) -> None:
    if seeded:
        command.add_argument("--seed", type=int, default=0, help="of all random numbers (default: 0)")
    command.add_argument("--out", metavar="DIR", help=out or "folder for info.json")
    command.set_defaults(default_out=default)
    command.add_argument(
        "--force", action="store_true", help="replace what another run has written into --out"
    )
    command.add_argument("--threads", type=_positive, help="how many to use (default: all cores)")
    command.add_argument("--quiet", action="store_true", help="no progress bars")
    command.add_argument("--json", action="store_true", help="the result on stdout as a JSON record")


@contextlib.contextmanager
def _folder(args: argparse.Namespace) -> Iterator[None]:
    """Makes and tries the folder for results, before there are any to lose.

    What another run has written stays: a default folder gives way to one with a number, one that was named
    is refused, unless with --force. `adds`: the command itself keeps what is there.
    """
    goes_on, keeps = getattr(args, "resume", False), getattr(args, "adds", False) or args.force
    if args.out is None and args.default_out is not None:
        free = args.default_out if keeps or goes_on else free_folder(args.default_out, args.files, args.line)
        args.out = free
    if args.out is None:
        if goes_on:
            raise ArgumentError("--resume: --out: not given; allowed: the folder to go on in")
        yield
        return
    if not (keeps or goes_on) and os.path.isdir(args.out):
        check_ours(Path(args.out), args.files, args.line, hasattr(args, "resume"))
    made = not os.path.lexists(args.out)
    args.out = make_folder(args.out, "--out")
    for name in args.files:
        check_target(args.out / name, "--out")
    try:
        yield
    finally:
        if made:
            # after a mistake there is nothing in it
            with contextlib.suppress(OSError):
                args.out.rmdir()


def _given(args: argparse.Namespace) -> None:
    """Reads data and network that are named, before anything is trained."""
    args.splits = own.data(args.data, args.target, args.root, args.seed)
    random.seed(args.seed)
    args.make = own.network(args.model, args.splits)
    # records have the name
    args.named = args.model if args.model in comparison.MODELS else args.make


def _prepared(args: argparse.Namespace) -> tuple[Splits, Module]:
    random.seed(args.seed)
    return args.splits, args.make(args.splits.train, len(args.splits.classes))


def _info(args: argparse.Namespace) -> None:
    if args.methods:
        print(wrapped(describe_methods()))
        if args.out is not None:
            raise ArgumentError("--out: given with --methods, which writes nothing; allowed: one of them")
        return
    facts = config() if args.json else show_config()
    if args.json:
        print(json.dumps(facts))
    if args.out is not None:
        write_json(args.out / "info.json", facts)
        _wrote(args)


def _train(args: argparse.Namespace) -> None:
    splits, model = _prepared(args)
    method: Method = args.method
    rate = None
    if method.kind == "found":
        found = find_lr(
            model,
            cross_entropy,
            splits.train,
            method.make,
            args.batch_size,
            seed=args.seed,
            progress=not args.quiet,
        )
        print(f"found learning rate {found.lr:.4g} in {found.steps} batches")
        rate = found.lr
    optimizer = method.optimizer(model.named_parameters(), rate)  # type: ignore[arg-type]
    train, rate_valid = held_out(optimizer, splits.train)
    stopped = None
    checkpoint = None if args.out is None else args.out / "checkpoint.safetensors"
    try:
        history = fit(
            model, optimizer, train, splits.test, rate_valid=rate_valid,
            epochs=args.epochs, batch_size=args.batch_size, seed=args.seed, progress=not args.quiet,
            checkpoint=checkpoint, resume=args.resume,
        )  # fmt: skip
    except KeyboardInterrupt as stop:
        known: History | None = getattr(stop, "history", None)
        if known is None or not known.rows:
            raise
        stopped, history = stop, known
        again = _again(args) if args.out is not None else "the same line begins anew, with --out it can go on"
        _say(f"interrupted: what follows is of the {len(known.rows)} epochs that are done; {again}")
    heads = ("epoch", "train loss", "test loss", "accuracy %", "learning rate", "seconds")
    facts = {"data": args.data, "model": args.model, "method": method.label, "epochs": history.rows}
    _tell(args, facts, lambda: _table(heads, map(_epoch, history.rows)))
    if not args.quiet:
        most = max_memory_allocated() / 1e6
        _say(f"at most {most:.1f} MB in tensors, gradients and buffers")
    if args.out is not None:
        history.to_csv(args.out / "history.csv")
        state = {name: np.asarray(value) for name, value in model.state_dict().items()}
        write(args.out / "model.safetensors", state, {KEY: args.line})
        _wrote(args)
    if stopped is not None:
        raise stopped


def _say(line: str) -> None:
    """What is no result, beside it."""
    print(line, file=sys.stderr)


def _again(args: argparse.Namespace) -> str:
    """How an interrupted command goes on."""
    words = shlex.split(args.line)
    named = (
        []
        if any(word == "--out" or word.startswith("--out=") for word in words)
        else ["--out", str(args.out)]
    )
    return f"`{shlex.join([*words, *named, *(['--resume'] * (not args.resume))])}` goes on"


def _wrote(args: argparse.Namespace) -> None:
    """Says which files there are now."""
    there = [name for name in args.files if (args.out / name).exists()]
    if there:
        _say(f"wrote {', '.join(there)} into {args.out}")


def _tell(args: argparse.Namespace, facts: dict[str, Any], text: Callable[[], str]) -> None:
    """The result on stdout: as text, or as a record."""
    print(json.dumps(plain(facts)) if args.json else text())


def _epoch(row: dict[str, Any]) -> list[str]:
    low, high = row["lr_low"], row["lr_high"]
    rates = f"{row['lr']:.3g}" if low == high else f"{low:.3g} - {high:.3g}"
    losses = f"{row['train_loss']:.4f}", f"{row['valid_loss']:.4f}"
    return [str(row["epoch"]), *losses, f"{100 * row['accuracy']:.2f}", rates, f"{row['seconds']:.2f}"]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Aligned text; the first entry of a row is its name."""
    body = [Row(name, [Cell(text) for text in texts]) for name, *texts in rows]
    return Table([Column(head) for head in heads], body).text(rule=False)


def _find(args: argparse.Namespace) -> None:
    splits, model = _prepared(args)
    try:
        found = find_lr(
            model, cross_entropy, splits.train, args.optimizer, args.batch_size,
            start=args.start, seed=args.seed, progress=not args.quiet, rule=args.rule,
        )  # fmt: skip
    except KeyboardInterrupt as stop:
        tried = getattr(stop, "values", np.zeros(0))
        if args.out is not None:
            write_json(
                args.out / "found.json",
                {"lr": None, "done": False, "values": tried.tolist(), "command": args.line},
            )
            _wrote(args)
        _say(
            f"interrupted after {len(tried)} batches, before a rate was found; the model is as it was, and "
            "the same line begins anew"
        )
        raise
    untouched = "untouched" if found.receipt["untouched"] else "CHANGED"
    facts: dict[str, Any] = {
        "lr": found.lr, "value": found.value, "done": found.done, "steps": found.steps,
        "signals": found.signals, "values": found.values.tolist(), "receipt": found.receipt,
        "reliable": found.reliable, "rule": found.rule, "command": args.line,
    }  # fmt: skip
    told = (
        f"learning rate {found.lr:.4g} (a tenth of {found.value:.4g}), "
        f"{found.steps} batches, model {untouched}{'' if found.reliable else ', not reliable'}"
    )
    _tell(args, facts, lambda: told)
    if args.out is not None:
        write_json(args.out / "found.json", facts)
        _draw(args.out / "found.png", found.plot)
        _wrote(args)


def _learn(args: argparse.Namespace) -> None:
    splits = args.splits
    stopped = None
    try:
        learned = learn_schedule(
            lambda seed: args.make(splits.train, len(splits.classes)),
            cross_entropy, splits.train, None, args.steps, args.batch_size, args.rates,
            outer_steps=args.outer_steps, update=args.update, seeds=args.seeds, seed=args.seed,
            start=None if args.trials is None else "optuna", trials=args.trials or 1,
            checkpoint=args.out / "checkpoint.safetensors", resume=args.resume, progress=not args.quiet,
        )  # fmt: skip
    except KeyboardInterrupt as stop:
        known: LearnedSchedule | None = getattr(stop, "schedule", None)
        _say(f"interrupted after {0 if known is None else len(known.values)} outer steps; {_again(args)}")
        if known is None:
            _wrote(args)
            raise
        stopped, learned = stop, known
    _tell(args, schedule_report.facts(learned), lambda: schedule_report.table(learned))
    if not args.json:
        _say(schedule_report.verdict(learned))
    path = args.out / "schedule.safetensors"
    learned.save(path)
    arrays, told = read(path)
    write(path, arrays, {**told, KEY: args.line})
    _draw(args.out / "schedule.png", learned.plot)
    _wrote(args)
    if stopped is not None:
        raise stopped


def _draw(path: Path, plot: Callable[[], Any]) -> None:
    """Writes a picture; says so where there is no matplotlib."""
    told = saved(path, plot)
    if told != str(path):
        _say(told)


def _compare(args: argparse.Namespace) -> None:
    methods = [name for name in args.methods.split(",") if name]
    common = (args.seeds, args.epochs, args.batch_size, args.seed, args.root, args.out)
    told = {"progress": not args.quiet, "command": args.line, "resume": args.resume}
    result: comparison.Comparison | Sensitivity
    try:
        if args.initial is None:
            result = comparison.compare(args.splits, args.named, methods, *common, **told)
        else:
            result = sensitivity(args.splits, args.named, methods, args.initial, *common, **told)
    except KeyboardInterrupt as stop:
        done: comparison.Comparison | Sensitivity | None = getattr(stop, "comparison", None)
        if done is not None and done.runs:
            _tell(args, done.facts(), lambda: done.table(WIDTH))
            _say(f"interrupted: these are the {len(done.runs)} runs that are done; {_again(args)}")
            _wrote(args)
        raise
    _tell(args, result.facts(), lambda: result.table(WIDTH))
    _wrote(args)


def _compare_hpo(args: argparse.Namespace) -> None:
    names = [name for name in args.searches.split(",") if name]
    try:
        result = compare_hpo(
            args.splits, args.named, names, args.steps, args.budget, args.seeds, args.batch_size, args.seed,
            learning_rates=args.rates, root=args.root, out=args.out, resume=args.resume,
            progress=not args.quiet, command=args.line,
        )  # fmt: skip
    except KeyboardInterrupt as stop:
        done: HpoComparison | None = getattr(stop, "comparison", None)
        if done is not None and done.runs:
            _tell(args, done.facts(), done.table)
            _say(f"interrupted: these are the {len(done.runs)} searches that are done; {_again(args)}")
            _wrote(args)
        raise
    _tell(args, result.facts(), result.table)
    _wrote(args)


def _leaderboard(args: argparse.Namespace) -> None:
    asked = None if args.workloads is None else [name for name in args.workloads.split(",") if name]
    if args.references:
        chosen = named.workloads(asked, args.half)
        path = args.out / references.FILE
        made = references.make(chosen, path, args.root, not args.quiet)
        rows = [[name, r.setting, f"{r.start:.4g}", f"{r.final:.4g}"] for name, r in made.items()]
        print(_table(("workload", "reference", "start", "reached"), rows))
        _say(f"wrote {path}")
        return
    listed = DEFAULT_METHODS if args.methods is None and not args.mine else (args.methods or "").split(",")
    methods = [*(name for name in listed if name), *args.mine]
    with _processes(args.processes) as executor:
        result = leaderboard(
            methods, asked, args.half, args.seeds, out=args.out, root=args.root, tuned=args.tuned,
            fresh=args.fresh, executor=executor, progress=not args.quiet, command=args.line,
        )  # fmt: skip
    _tell(args, result.facts(), result.table)
    _wrote(args)


@contextlib.contextmanager
def _processes(count: int) -> Iterator[ProcessPoolExecutor | None]:
    """None for one: here. Others begin anew, as threads of this one do not survive a fork."""
    if count == 1:
        yield None
        return
    with ProcessPoolExecutor(
        count, multiprocessing.get_context("spawn"), set_threads, (get_threads(),)
    ) as pool:
        yield pool


def _data(args: argparse.Namespace) -> None:
    if args.action == "get":
        if args.name is None:
            raise ArgumentError(f"data get: name: not given; allowed: {', '.join(REMOTES)}")
        print(fetch(args.name, args.root, not args.quiet))
        return
    rows = []
    for name in DATASETS:
        try:
            splits = load(name, args.root)
            here = f"{len(splits.train)} + {len(splits.test)} examples"
        except MissingFiles:
            here = f"not here; lrswift data get {name}" if name in REMOTES else "not here"
        rows.append([name, here])
    print(_table(("data set", "train + test"), rows))


def _reproduce(args: argparse.Namespace) -> None:
    if args.list or args.figure is None:
        print(wrapped(contents()))
        return
    with _processes(args.processes) as executor:
        print(reproduce(args.figure, args.scale, args.data, args.out, args.seed, not args.quiet, executor))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status. What the user got wrong is one line, not a traceback."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    top = parser()
    with contextlib.suppress(ImportError):
        # completion in a shell that was told: eval "$(register-python-argcomplete lrswift)"
        importlib.import_module("argcomplete").autocomplete(top)
    args = top.parse_args(given)
    args.line = shlex.join(["lrswift", *given])
    # bars are for people, and files of output have none
    args.quiet = args.quiet or not sys.stderr.isatty()
    try:
        return _done(args)
    except KeyboardInterrupt:
        print("lrswift: interrupted", file=sys.stderr)
        return 130


def _done(args: argparse.Namespace) -> int:
    kept = contextlib.ExitStack()
    try:
        if args.threads is not None:
            set_threads(args.threads)
        kept.enter_context(_folder(args))
        with contextlib.ExitStack() as undone:
            undone.push(kept.__exit__)
            if hasattr(args, "target"):
                _given(args)
            undone.pop_all()
    except (Error, OSError, ImportError) as error:
        print(f"lrswift: {error}", file=sys.stderr)
        # a data set of the list that is not there is nobody's mistake
        return 1 if isinstance(error, MissingFiles) and args.data in DATASETS else 2
    try:
        with kept:
            args.run(args)
    except (Error, OSError, ImportError) as error:
        print(f"lrswift: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
