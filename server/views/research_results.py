"""Results of the research tools: small and typed, each with a `summary` and a `next_step`.

A model reads the names and values in here and nothing else. Fields that are None are left out.
Effects are in metric units and positive is better. What training code wrote is in fields whose
names begin with `untrusted_`.
"""

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    model_serializer,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


def _strip(schema: dict[str, Any]) -> None:
    """Class names and their docstrings say nothing to a client."""
    schema.pop("title", None)
    schema.pop("description", None)


class Shown(BaseModel):
    """A part of a result; what is not known is left out instead of sent as null."""

    model_config = ConfigDict(json_schema_extra=_strip)

    @model_serializer(mode="wrap")
    def _drop_none(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in serialize(self).items() if value is not None}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        # The serializer only leaves keys out, so the schema is that of the fields.
        return handler({key: part for key, part in core.items() if key != "serialization"})


class Result(Shown):
    """Fields that every result begins with."""

    summary: Annotated[str, Field(description="what is so now, in one sentence")]
    next_step: Annotated[str, Field(description="what a good researcher does now")]
    resources: Annotated[
        list[str] | None, Field(description="addresses of MCP resources with more than is here")
    ] = None


class MetricShown(Shown):
    """The number that is researched."""

    name: str
    unit: str
    better: str  # "lower" or "higher"
    scoring: str
    goal: float | None = None  # where it is done


class IncumbentShown(Shown):
    """The best code so far."""

    experiment: str
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    sigma: float | None = None
    runs: int
    cpu_s: float | None = None  # of one run
    kept: list[str]


class Memory(Shown):
    """An earlier experiment."""

    experiment: str
    base: str | None = None  # what the effect is against
    hypothesis: str
    outcome: str
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    lesson: str
    touched: list[str]  # "train.py:31-40"
    note: str | None = None  # that it, or what it was built on, was taken back


class TrustShown(Shown):
    """Reliability of the lab's conclusions and its proposers' predictions."""

    false_keeps: str | None = None
    overfitting: str | None = None
    predictions: list[str]


class LabResult(Result):
    """A look at the lab."""

    lab: str
    target: str
    description: str
    metric: MetricShown
    editable: list[str]
    budget: str
    devices: str
    sandbox: str
    notices: list[str]
    brief: str
    incumbent: IncumbentShown
    outcomes: dict[str, int]
    running: list[str]
    open_experiments: list[str]
    recent: list[Memory]
    untouched: list[str]  # "train.py:31-40 lr_at"
    taken_back: list[str]  # keeps that did not hold
    stackable: list[str]  # near misses to try together
    reopened: list[str] | None = None  # dead ends worth another look, and why
    claims: list[str] | None = None  # who holds which idea, and for how long
    trust: TrustShown


class FileShown(Shown):
    """One file of a patch."""

    path: str
    added: int
    removed: int
    lines: list[str]


class ProposalResult(Result):
    """An accepted patch, or a claimed idea, which has no experiment yet."""

    experiment: str | None = None
    base: str | None = None
    files: list[FileShown] | None = None
    similar: list[Memory]
    claims: list[str] | None = None  # ideas that others hold


class RunResult(Result):
    """One run as it is now."""

    run: str
    experiment: str
    state: str
    progress: float | None = None
    elapsed_s: float
    cpu_s: float
    tokens: int  # served to it
    value: float | None = None
    device: str
    peak_mb: int | None = None  # of memory
    gpu_peak_mb: int | None = None
    sandbox: str
    untrusted_curve: Annotated[
        list[tuple[float, float]], Field(description="[training tokens or steps, loss]")
    ]
    untrusted_exception: str | None = None
    untrusted_log: str | None = None


class ValueShown(Shown):
    """One run in an evaluation."""

    run: str
    state: str
    value: float | None = None


class ControlsShown(Shown):
    """The control runs that an experiment is compared with."""

    experiment: str  # whose they are
    count: int
    mean: float | None = None
    sigma: float | None = None  # their own spread
    lost: int | None = None  # lost or disturbed by the machine, not counted
    yielded: int | None = None  # ended to make room for an experiment, not counted


class PredictionShown(Shown):
    """A prediction made before any run."""

    effect: float
    confidence: float


class EvaluationResult(Result):
    """An experiment's progress towards its verdict."""

    experiment: str
    hypothesis: str
    outcome: str | None = None
    verdict: str | None = None
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    sigma: float | None = None
    predicted: PredictionShown | None = None
    runs: list[ValueShown]
    controls: ControlsShown
    running: list[str]
    needs: str | None = None
    moved_incumbent: bool | None = None
    replayed_as: str | None = None
    note: str | None = None  # that it, or what it was built on, was taken back
    sandbox: str
    incumbent: IncumbentShown


class ConclusionResult(Result):
    """A lesson beside its evidence."""

    experiment: str
    hypothesis: str
    lesson: str
    outcome: str | None = None
    effect: float | None = None
    predicted: PredictionShown | None = None
    sandbox: str
    incumbent: IncumbentShown


class RecallResult(Result):
    """The experiments that match, the best match first."""

    experiments: list[Memory]
    sandbox: str  # of the runs that these effects rest on


class KnobShown(Shown):
    """A named value that can be turned."""

    name: str
    line: int
    value: str
    low: float | None = None
    high: float | None = None


class SectionResult(Result):
    """Code with its numbers and what is known about it."""

    path: str
    first: int
    last: int
    total_lines: int
    editable: bool
    within: list[str]  # outermost first: "function lr_at 31-40"
    code: str
    knobs: list[KnobShown]
    experiments: list[Memory]
    sandbox: str  # of the runs that these effects rest on
    base: str  # the commit that this code is at
