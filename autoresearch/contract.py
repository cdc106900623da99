"""The contract, autoresearch.toml: what may be edited, how a run is started, how it is scored.

Every mistake in it becomes one ContractError that names the key's path and the fix. Whether the
named files exist is checked when a lab is created, since they lie in a commit.
"""

import hashlib
import tomllib
from typing import Annotated, Any, Literal, get_origin

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from autoresearch.common.files import NotUtf8Error, person_text
from autoresearch.contract_tables.guards import Command, Guard, GuardTable
from autoresearch.contract_tables.knobs import KNOB_NAME, KnobTable
from autoresearch.contract_tables.metric import Metric, Section, measures_speed
from autoresearch.errors import ContractError

FILE_NAME = "autoresearch.toml"
DEFAULT_MEMORY_MB = 4096  # for a run whose contract sets no limit


class Target(Section):
    """The name and description of the code under research."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    description: Annotated[str, Field(max_length=500)] = ""


class Brief(Section):
    """The file with the human's instructions to researchers."""

    path: str


class Edit(Section):
    """Globs of the files that an experiment may change; everything else is frozen."""

    allow: Annotated[tuple[str, ...], Field(min_length=1)]


class Budget(Section):
    """Exactly one of wall seconds, CPU seconds, training tokens under a CPU ceiling, a time-out.

    A budget is what a run has to do its work with. A time-out is none: the program ends by itself
    after the same work on any machine, and one that does not is killed.
    """

    tokens: Annotated[int, Field(gt=0)] | None = None
    cpu_s: Annotated[float, Field(gt=0)] | None = None
    wall_s: Annotated[float, Field(gt=0)] | None = None
    timeout_s: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _one_budget(self) -> "Budget":
        seconds = [s for s in (self.cpu_s, self.wall_s, self.timeout_s) if s is not None]
        if self.tokens is not None:
            if self.cpu_s is None or len(seconds) > 1:
                raise ValueError("a token budget is { tokens = N, cpu_s = CEILING }")
        elif len(seconds) != 1:
            raise ValueError("give one of wall_s, cpu_s, timeout_s, or tokens with a cpu_s ceiling")
        return self

    @property
    def unit(self) -> str:
        """One of "tokens", "cpu_s", "wall_s" and "timeout_s"."""
        if self.tokens is not None:
            return "tokens"
        if self.cpu_s is not None:
            return "cpu_s"
        return "wall_s" if self.wall_s is not None else "timeout_s"

    @property
    def amount(self) -> float:
        """The size of the budget in its unit."""
        amount = self.tokens or self.cpu_s or self.wall_s or self.timeout_s
        assert amount is not None
        return amount

    def describe(self) -> str:
        """Return a text for people: "250,000 training tokens within 15 CPU-seconds"."""
        if self.tokens is not None:
            return f"{self.tokens:,} training tokens within {self.cpu_s:g} CPU-seconds"
        if self.timeout_s is not None:
            return f"a time-out of {self.timeout_s:g} seconds"
        return f"{self.amount:g} {'CPU-' if self.unit == 'cpu_s' else ''}seconds"


class Inputs(Section):
    """Files outside git that a run may read, and whether it may use the network."""

    read_only: tuple[str, ...] = ()  # paths: in the repository, absolute, or from ~
    network: bool = False


class Environment(Section):
    """Packages that uv installs into an environment of the lab's own, in which the target runs."""

    packages: tuple[str, ...] = ()  # as pip names them; or
    lock: Literal["", "uv.lock"] = ""  # the project's lock file; the project is not installed
    python: str = ""  # a version such as "3.12"; empty: as this product's, or as the project says

    @model_validator(mode="after")
    def _one_list(self) -> "Environment":
        if bool(self.packages) == bool(self.lock):
            raise ValueError('give one of packages = ["numpy"] and lock = "uv.lock"')
        return self


class RunTable(Section):
    """The command of a run and its limits."""

    command: Annotated[tuple[str, ...], Field(min_length=1)]
    python: str = ""  # an interpreter; empty: the one this product runs on
    env: dict[str, str] = Field(default_factory=dict)
    startup_s: Annotated[float, Field(gt=0)] = 20.0
    memory_mb: Annotated[int, Field(ge=64)] = DEFAULT_MEMORY_MB
    device: Literal["cpu", "gpu", "any"] = "cpu"  # "any": a GPU where there is one
    cpus: Annotated[int, Field(ge=1, le=256)] = 1  # cores and threads, at most those there are
    gpu_memory_mb: Annotated[int, Field(ge=0)] = 0  # that must be free before a run starts
    early_stop: bool = False  # stop a run whose curve is far behind the incumbent's
    guard_s: Annotated[float, Field(gt=0)] = 300.0  # for all guards together
    budget: Budget

    @field_validator("python")
    @classmethod
    def _is_full_path(cls, python: str) -> str:
        if python and (not python.startswith("/") or python.startswith("/proc/")):
            raise ValueError("must be the full path of an interpreter, and not below /proc")
        return python

    @property
    def wall_ceiling_s(self) -> float:
        """Wall seconds after which a run is killed: start-up, then the budget with room to wait."""
        if self.budget.timeout_s is not None:
            return self.budget.timeout_s
        if self.budget.wall_s is not None:
            return self.startup_s + self.budget.wall_s
        assert self.budget.cpu_s is not None
        return self.startup_s + 3 * self.budget.cpu_s


class Stop(Section):
    """Limits of the research as a whole; beyond one of them no experiment is taken."""

    experiments: Annotated[int, Field(ge=1)] | None = None
    hours: Annotated[float, Field(gt=0)] | None = None  # since the first experiment was proposed

    @model_validator(mode="after")
    def _some_limit(self) -> "Stop":
        if self.experiments is None and self.hours is None:
            raise ValueError("give experiments = N, hours = H, or both")
        return self


class Sealed(Section):
    """The scoring of a model that never sees its targets."""

    entry: Annotated[str, Field(pattern=r"^[\w./-]+\.py:[A-Za-z_]\w*$")]
    data: str  # in the repository; a token file may lie outside: absolute, or from ~
    vocab: Literal["characters", "tokens", "arrays"]
    checkpoint: Annotated[str, Field(pattern=r"^[\w][\w.-]*$")]
    checkpoint_mb: Annotated[float, Field(gt=0)] = 64.0
    held_out: Annotated[int, Field(ge=100)] = 2000
    bulk: bool = False
    score_s: Annotated[float, Field(gt=0)] = 60.0
    # CPU seconds for a model to load, in each process, and for all its answers; None: by what the
    # lab's first code takes (verdicts/scoring_cost.py). On a GPU wall seconds, where that is more.
    load_cpu_s: Annotated[float, Field(gt=0)] | None = None
    score_cpu_s: Annotated[float, Field(gt=0)] | None = None
    # With vocab = "tokens": rows of `context` positions are scored on the device, and `samples`
    # secret positions must cost the same within `tolerance` nats by their prefixes alone.
    context: Annotated[int, Field(ge=0, le=2**17)] = 0
    samples: Annotated[int, Field(ge=64, le=2**16)] = 1024
    tolerance: Annotated[float, Field(gt=0, le=1)] = 1e-3
    # With vocab = "arrays": `data` are the model's inputs, and a frozen function of the target's
    # own evaluates targets and answers, rows of .npy, .npz, .csv or .jsonl.
    targets: str = ""
    function: Annotated[str, Field(pattern=r"^([\w./-]+\.py:[A-Za-z_]\w*)?$")] = ""

    @model_validator(mode="after")
    def _vocab_fits(self) -> "Sealed":
        if self.vocab == "tokens" and not self.context:
            raise ValueError('vocab = "tokens" needs context, the positions of a row')
        if self.vocab == "tokens" and self.bulk:
            raise ValueError('bulk is for vocab = "characters"; "tokens" has samples')
        if self.vocab != "tokens" and self.outside:
            raise ValueError("data outside the repository must be a token file")
        if (self.vocab == "arrays") != bool(self.targets and self.function):
            raise ValueError('vocab = "arrays", and only that, takes targets and function')
        return self

    @property
    def outside(self) -> bool:
        """True if the data lie outside the repository."""
        return self.data.startswith(("/", "~"))


class Scaling(Section):
    """The constant in an editable file that sets the model size, and the sizes to fit a law to."""

    knob: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")]
    sizes: Annotated[tuple[float, ...], Field(min_length=3)]


class Contract(Section):
    """The whole of autoresearch.toml."""

    target: Target
    brief: Brief | None = None
    edit: Edit
    inputs: Inputs = Inputs()
    environment: Environment | None = None
    run: RunTable
    metric: Metric
    stop: Stop | None = None
    sealed: Sealed | None = None
    guards: dict[str, Guard] = Field(default_factory=dict)  # each must exit with 0
    knobs: dict[Annotated[str, Field(pattern=KNOB_NAME)], KnobTable] = Field(default_factory=dict)
    scaling: Scaling | None = None

    @model_validator(mode="after")
    def _scoring_fits(self) -> "Contract":
        if self.metric.scoring == "sealed" and self.sealed is None:
            raise ValueError('scoring = "sealed" needs the table [sealed]')
        if self.metric.scoring != "sealed":
            if self.sealed is not None:
                raise ValueError(f'[sealed] is for scoring = "sealed", not {self.metric.scoring!r}')
            if self.run.budget.tokens is not None:
                raise ValueError("a token budget is for sealed targets: the lab serves the tokens")
        elif self.sealed and self.sealed.vocab == "arrays" and self.run.budget.tokens is not None:
            raise ValueError('vocab = "arrays" has no tokens: give a budget in seconds')
        if self.run.budget.timeout_s is not None:
            if self.sealed is not None:
                raise ValueError("timeout_s is for targets that print their own number")
            if self.run.early_stop:
                raise ValueError("early_stop compares shares of a budget, and timeout_s is none")
        return self

    @property
    def guard_commands(self) -> dict[str, Command]:
        """The command of each guard, by its name."""
        tables = self.guards.items()
        return {name: g.command if isinstance(g, GuardTable) else g for name, g in tables}

    @property
    def guard_numbers(self) -> dict[str, GuardTable]:
        """The guards that print a number, by their names."""
        tables = self.guards.items()
        return {name: g for name, g in tables if isinstance(g, GuardTable) and g.metric}

    @property
    def load_sensitive(self) -> bool:
        """True if a slower machine changes the metric: seconds are the budget, or are measured."""
        unit = self.run.budget.unit
        if unit == "timeout_s":
            return measures_speed(self.metric)
        return unit != "tokens"

    @property
    def sealed_paths(self) -> tuple[str, ...]:
        """Files in the repository that no run and no reader sees."""
        if self.sealed is None or self.sealed.outside:
            return ()
        return (self.sealed.data, *filter(None, [self.sealed.targets]))

    @property
    def environment_paths(self) -> tuple[str, ...]:
        """Files that define the environment's packages."""
        if self.environment is None or not self.environment.lock:
            return ()
        return (self.environment.lock, "pyproject.toml")


def parse_contract(text: bytes, origin: str = FILE_NAME) -> Contract:
    """Parse and check a contract.

    Args:
        text: The content of autoresearch.toml.
        origin: The file's name in messages.

    Returns:
        The contract, with defaults filled in.

    Raises:
        ContractError: It is not TOML, or has mistakes; the message lists all, one a line.
    """
    try:
        tables = tomllib.loads(person_text(text))
    except NotUtf8Error as error:
        raise ContractError(f"{origin} {error}.", reason="not_utf8") from error
    except tomllib.TOMLDecodeError as error:
        raise ContractError(
            f"{origin} is not TOML: {error}.", "Fix that line.", reason="not_toml"
        ) from error
    try:
        return Contract.model_validate(tables)
    except ValidationError as error:
        lines = [_explain(tables, dict(mistake)) for mistake in error.errors()]
        raise ContractError(
            f"{origin} has {len(lines)} mistake{'s' * (len(lines) > 1)}:\n" + "\n".join(lines),
            "docs/contract.md shows a whole contract.",
            reason="mistakes",
        ) from error


def sha256(text: bytes) -> str:
    """Return the SHA-256 (hex) by which ledger events identify a file's content."""
    return hashlib.sha256(text).hexdigest()


def _explain(tables: dict[str, Any], mistake: dict[str, Any]) -> str:
    loc: tuple[str | int, ...] = mistake["loc"]
    if loc[:1] == ("guards",):
        loc = (*loc[:2], *loc[3:])  # between them stands which kind of guard was tried
    path = ".".join(str(part) for part in loc)
    if mistake["type"] == "extra_forbidden":
        return f"- {path}: no such key; {_siblings(loc)}"
    if mistake["type"] == "missing":
        return f"- {path}: missing"
    said = f" (it is {mistake['input']!r})" if mistake["type"] != "value_error" else ""
    where = f"{path}: " if path else ""  # the whole contract's own mistakes name their keys
    return f"- {where}{mistake['msg'].removeprefix('Value error, ')}{said}"


def _siblings(loc: tuple[str | int, ...]) -> str:
    model: type[BaseModel] | None = Contract
    parts = iter(loc[:-1])
    for part in parts:
        field = model.model_fields.get(str(part)) if model else None
        model = _model_of(field.annotation) if field else None
        if field and get_origin(field.annotation) is dict:
            next(parts, None)  # a name that is the user's own
    known = ", ".join(model.model_fields) if model else ""
    return f"allowed here: {known}" if known else "remove it"


def _model_of(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_of, getattr(annotation, "__args__", ()))), None)
