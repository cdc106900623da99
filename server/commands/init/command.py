"""`init`: open a lab on a target; on a repository without a contract, propose and prove one."""

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from autoresearch.common.files import person_text
from autoresearch.contract import FILE_NAME, parse_contract
from autoresearch.errors import ContractError
from autoresearch.lab import Lab
from autoresearch.run_directory import remove_tree
from autoresearch.setup.environment import build
from autoresearch.setup.lab_creation import create_lab, find_source, lab_on, open_signed
from autoresearch.system.home import default_home, lab_folder, lab_names
from autoresearch.targets import BESIDE, contract_for
from server.commands.init.attempt import has_gpu, look_at, prove, remove_unproved
from server.commands.init.endings import Ended, told_to_end
from server.commands.init.own_number import Own, own_number
from server.commands.init.tables import Working, baseline_words, rows_of, working
from server.commands.labs import show_lab
from server.commands.output import JsonOption, console, plain, print_json, say, table
from server.sessions.open_labs import recipe_of

if TYPE_CHECKING:
    from autoresearch.attachment.baseline import Baseline, Chooser, Opener
    from autoresearch.attachment.proposal_parts import Answers, Proposal
    from autoresearch.git.snapshot import Snapshot

INTERRUPTED = 130
OPTIONS_ONLY = "The options are for a repository without a contract: edit the contract instead."


Command = Annotated[
    str,
    Parameter(help='The command of a run, as you type it: "python work.py".', show_default=False),
]
MetricName = Annotated[
    str,
    Parameter(
        help="The metric's name as it is printed, or its key in --metric-file; wall_s or cpu_s for "
        "the lab's clock.",
        show_default=False,
    ),
]
NOTHING_STARTED = "Nothing was started, and no lab was created. --dry-run prints the contract."
Direction = Annotated[str, Parameter(help="Which way is better: min or max.", show_default=False)]
Pattern = Annotated[
    str,
    Parameter(
        help="A regular expression that matches its line; the group is the number.",
        show_default=False,
    ),
]
MetricFile = Annotated[
    str,
    Parameter(
        help="A JSON file that the command writes, such as out/results.json, with the number at "
        "the key --metric.",
        show_default=False,
    ),
]
Editable = Annotated[
    tuple[str, ...],
    Parameter(help="A file, or a glob, that experiments may change.", show_default=False),
]
Seconds = Annotated[
    float | None,
    Parameter(help="Seconds after which a run is killed. [default: 60]", show_default=False),
]
InputPaths = Annotated[
    tuple[str, ...],
    Parameter(help="A path that runs read but git does not track.", show_default=False),
]
Python = Annotated[
    str, Parameter(help="The interpreter, such as .venv/bin/python.", show_default=False)
]
Packages = Annotated[
    tuple[str, ...],
    Parameter(help="A package that uv installs, though nothing declares it.", show_default=False),
]
Guards = Annotated[
    tuple[str, ...],
    Parameter(
        help='A command that must pass before a keep: "tests=pytest -q".', show_default=False
    ),
]
Variables = Annotated[
    tuple[str, ...],
    Parameter(
        help="A variable of runs: NAME=VALUE, or NAME for the value that you have set.",
        show_default=False,
    ),
]
LeftOut = Annotated[
    tuple[str, ...],
    Parameter(
        help="A path or a variable that you have, the program looks for, and runs do without.",
        show_default=False,
    ),
]
Expected = Annotated[
    float | None,
    Parameter(
        help="The number that your own run gives, to show beside the lab's.", show_default=False
    ),
]
Yours = Annotated[
    bool,
    Parameter(
        help="Also run the command once as you would, with your variables and home and without a "
        "sandbox, in a copy of your folder; its number is shown beside the lab's."
    ),
]
Key = Annotated[
    Path | None, Parameter(help="An SSH key that verdicts are signed with, such as id_ed25519.")
]
Goal = Annotated[
    float | None,
    Parameter(
        help="A value of the metric that is good enough: the lab is done when control runs "
        "confirm it.",
        show_default=False,
    ),
]
MostExperiments = Annotated[
    int | None, Parameter(help="Experiments after which no more are taken.", show_default=False)
]
MostHours = Annotated[
    float | None,
    Parameter(
        help="Hours after the first experiment from which no more are taken.", show_default=False
    ),
]
Taken = Annotated[
    bool,
    Parameter(help="Accept what is found; fail, naming options, if something can't be found out."),
]


def init(
    source: Annotated[str, Parameter(help="A shipped target, such as microgpt, or a folder.")],
    *,
    yes: Taken = False,
    command: Command = "",
    metric: MetricName = "",
    direction: Direction = "",
    pattern: Pattern = "",
    metric_file: MetricFile = "",
    edit: Editable = (),
    budget_s: Seconds = None,
    input: InputPaths = (),  # noqa: A002 - the option's name
    python: Python = "",
    network: Annotated[bool, Parameter(help="Let runs use the network.")] = False,
    package: Packages = (),
    guard: Guards = (),
    goal: Goal = None,
    experiments: MostExperiments = None,
    hours: MostHours = None,
    env: Variables = (),
    leave_out: LeftOut = (),
    expect: Expected = None,
    run_yours: Yours = False,
    dry_run: Annotated[
        bool, Parameter(help="Print the contract; don't start or keep anything.")
    ] = False,
    sign: Key = None,
    json: JsonOption = False,
) -> int:
    """Open a lab on a target: a clone of its own; your repository is only read.

    A repository whose last commit holds autoresearch.toml is opened as that file says. For any
    other, a contract is proposed, confirmed with you in a terminal, and tested by runs of the
    unchanged code. The lab keeps the contract: nothing is written into your folder.
    """
    from autoresearch.attachment.proposal_parts import Answers

    answers = Answers(
        command=command,
        metric=metric,
        direction=direction,
        edit=edit,
        pattern=pattern,
        metric_file=metric_file,
        budget_s=budget_s,
        inputs=input,
        python=_full_path(python, source),
        packages=package,
        network=network,
        guards=guard,
        goal=goal,
        experiments=experiments,
        hours=hours,
        env=env,
        leave_out=leave_out,
    )
    own = Own(number=expect, run=run_yours)
    return _opened(source, answers, own, yes=yes, dry_run=dry_run, sign=sign, json=json)


def _opened(
    source: str,
    answers: "Answers",
    own: Own,
    *,
    yes: bool,
    dry_run: bool,
    sign: Path | None,
    json: bool,
) -> int:
    """Open what has a contract, and attach what has none."""
    from autoresearch.attachment.proposal_parts import Answers

    fresh = source in BESIDE and source not in lab_names(default_home())
    if fresh and answers.python and not sign and answers == Answers(python=answers.python):
        return _open_known(source, None, json, contract_for(source, answers.python))
    folder = Path(source).expanduser() if _is_folder(source) else None
    if folder is not None and not dry_run:
        remove_unproved(folder)
    committed = folder / FILE_NAME if folder is not None else None
    has_one = committed is not None and committed.is_file()
    if dry_run and answers == Answers() and committed is not None and has_one:
        parse_contract(committed.read_bytes(), str(committed))
        console.print(person_text(committed.read_bytes()), markup=False, end="")
        return 0
    again = dry_run and folder is not None and not has_one  # whether or not there is a lab on it
    if _is_known(source) and not again:
        if answers != Answers() or dry_run or own != Own():
            raise ContractError(f"{source} already has a contract.", OPTIONS_ONLY, reason="exists")
        return _open_known(source, sign, json)
    return attach(Path(source), answers, yes=yes, dry_run=dry_run, json=json, sign=sign, own=own)


def _is_folder(source: str) -> bool:
    """Return whether it names a folder, rather than a shipped target or a lab."""
    named = source in BESIDE or source in lab_names(default_home())
    return not named and Path(source).expanduser().is_dir()


def _is_known(source: str) -> bool:
    """Return whether no proposal is needed: a shipped target, a lab, its repository, a contract."""
    if not _is_folder(source):
        return True
    path = Path(source).expanduser()
    return (path / FILE_NAME).is_file() or lab_on(path, default_home()) is not None


def _open_known(source: str, sign: Path | None, json: bool, contract: str = "") -> int:
    with working(json) as watch:
        if sign is not None:
            open_signed(source, default_home(), sign, tell=watch.now)
        view = _opener(source, None, watch)(contract).overview()
    if json:
        print_json(view)
        return 0
    show_lab(view)
    say(f"Lab {view.lab} is ready. Next: autoresearch-mcp connect claude-code")
    return 0


def attach(
    path: Path,
    answers: "Answers",
    *,
    yes: bool = False,
    dry_run: bool = False,
    json: bool = False,
    open_lab: "Opener | None" = None,
    sign: Path | None = None,
    has_gpu: Callable[[], bool] = has_gpu,
    own: Own = Own(),  # noqa: B008 - frozen
) -> int:
    """Propose a contract for a repository, or a folder of one, prove it, and show the lab.

    `open_lab` makes a lab of a contract's text, by default as `init` does; `own` is the user's own
    number.
    """
    from autoresearch.attachment.contract_text import contract_text
    from autoresearch.attachment.karpathy import refuse_unready

    seen = look_at(path.expanduser().resolve(), dry_run=dry_run)
    try:
        with told_to_end():
            proposal, choose = _settled(
                seen, answers, taken=yes or dry_run, plain=json or dry_run, run=not dry_run
            )
            if proposal is None:
                say(NOTHING_STARTED)
                return 0
            if dry_run:
                _show_proposal(proposal, Console(stderr=True, highlight=False))
                console.print(contract_text(proposal), markup=False, end="")
                return 0
            if proposal.text is not None:
                contract = parse_contract(proposal.text.value.encode())
                has_one = contract.run.device != "gpu" or has_gpu()
                refuse_unready(contract, seen.top, gpu=has_one)
            with working(json) as watch:
                opener = open_lab or _opener(str(seen.top), sign, watch)
                proven = prove(proposal, seen, opener, watch, choose)
            yours = own_number(own, proven, seen, ask=not (yes or json))
    except (KeyboardInterrupt, Ended) as end:
        with contextlib.suppress(OSError):  # of a terminal that is gone
            print("Stopped: its runs were ended and its lab removed.", file=sys.stderr)
        return end.status if isinstance(end, Ended) else INTERRUPTED
    _show_proven(proven, json, yours)
    return 0


def _settled(
    seen: "Snapshot", answers: "Answers", *, taken: bool, plain: bool, run: bool
) -> "tuple[Proposal | None, Chooser]":
    """Return the proposal to measure, and who chooses an unknown metric: a person or a rule."""
    from autoresearch.attachment.contract_proposal import propose
    from autoresearch.attachment.metric_choice import choose_alone, refuse_unknown
    from server.commands.init.kept_findings import recall
    from server.commands.init.questions import Terminal, is_terminal

    def again(answers: "Answers") -> "Proposal":
        proposal = propose(seen, answers, os.environ)
        return recall(default_home(), seen.top, proposal, answers)

    proposal = again(answers)
    if is_terminal(console) and not (taken or plain):
        terminal = Terminal(console)
        return terminal.settle(proposal, answers, again), terminal.choose
    if not plain:
        _show_proposal(proposal)
    refuse_unknown(proposal, taken=taken, run=run)
    return proposal, choose_alone


def _opener(source: str, sign: Path | None, watch: Working) -> "Opener":
    home = default_home()

    def open_lab(contract: str) -> Lab:
        found = find_source(source, home, contract)
        if found.existing is None:
            create_lab(found, home, sign, contract=contract, tell=watch.now)
            try:
                return Lab.reopen(found.name, home=home)
            except BaseException:  # nobody knows of it yet who could remove it
                remove_tree(lab_folder(home, found.name))
                raise
        elif (recipe := recipe_of(source, home)) is not None:
            build(home, recipe, watch.now)
        return Lab.reopen(found.name, home=home)

    return open_lab


def _full_path(python: str, source: str) -> str:
    """Return the path as typed, from here or the repository's folder; links are not followed."""
    here, there = Path(python).expanduser(), Path(source).expanduser() / python
    if not python or here.is_absolute():
        return str(here) if python else ""
    return os.path.normpath((here if here.exists() else there).absolute())


def _show_proposal(proposal: "Proposal", on: Console = console) -> None:
    if proposal.text is not None:  # a whole contract, which no column is wide enough for
        on.print(Text(f"{proposal.text.why}:\n\n{proposal.text.value}"))
        return
    shown = table("", "proposed", "why")
    for name, value, why in rows_of(proposal):
        shown.add_row(Text(name, style="bold"), Text(value), Text(why))
    on.print(shown)
    on.print()


def _show_proven(proven: "Baseline", json: bool, yours: float | None) -> None:
    view = proven.lab.overview()
    if json:
        print_json(
            {
                "lab": plain(view),
                "contract": proven.contract,
                "found": {
                    name: {"value": value, "why": why}
                    for name, value, why in rows_of(proven.proposal)
                },
                "baseline": {
                    "values": proven.values,
                    "seconds": proven.seconds,
                    "yours": yours,
                    "differences": proven.differences,
                },
            }
        )
        return
    show_lab(view)
    for words in baseline_words(proven, yours):
        say(words)
    say(f"Lab {view.lab} is ready. Next: autoresearch-mcp connect claude-code")
