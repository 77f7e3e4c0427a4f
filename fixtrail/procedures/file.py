"""The file of standard procedures: which steps, in which order, an order of a fault group goes through."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from fixtrail.procedures.alignment import AlignmentStep
from schemas.toml_file import TomlTable, load_model

# The events of work in a workshop, as type and phase.
EventName = Literal[
    "check_in",
    "diagnosis.started",
    "diagnosis.completed",
    "quote_decision",
    "part_request.requested",
    "part_request.backordered",
    "part_request.fulfilled",
    "part_request.cancelled",
    "repair.started",
    "repair.paused",
    "repair.resumed",
    "repair.completed",
    "quality_check.started",
    "quality_check.completed",
    "ready",
    "expert.requested",
    "expert.joined",
    "expert.resolved",
    "expert.closed",
    "handoff",
]
CHECK = "quality_check."
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")]
Minutes = Annotated[float, Field(ge=0, le=30 * 24 * 60)]
MOST_STEPS = 60


class ProcedureStep(TomlTable):
    """One step. `step` is the code in a repair's `step`; minutes count from the step before it, as it was done.

    `back_to` names an earlier step with which the procedure may go on again after this one, as after a failed check.
    """

    name: Name
    event: EventName
    step: Name | None = None
    optional: bool = False
    repeatable: bool = False
    back_to: Name | None = None
    min_minutes: Minutes | None = None
    max_minutes: Minutes | None = None

    @model_validator(mode="after")
    def _in_range(self) -> "ProcedureStep":
        if self.step is not None and not self.event.startswith("repair."):
            raise ValueError("step is a code of repair events")
        if self.min_minutes is not None and self.max_minutes is not None and self.min_minutes > self.max_minutes:
            raise ValueError("min_minutes is above max_minutes")
        return self

    @property
    def label(self) -> str:
        """The label of an event that does this step: type, phase and code."""
        return self.event if self.step is None else f"{self.event}/{self.step}"


class Procedure(TomlTable):
    """The steps of orders with one of these fault groups; without any, of all orders that no other names.

    `least_share_of_planned`: repairs that take less of the quoted labour hours are too fast.
    """

    name: Name
    title: str = ""
    groups: tuple[Name, ...] = ()
    least_share_of_planned: Annotated[float, Field(gt=0, le=1)] | None = None
    step: Annotated[tuple[ProcedureStep, ...], Field(min_length=1, max_length=MOST_STEPS)]

    @field_validator("step")
    @classmethod
    def _names(cls, steps: tuple[ProcedureStep, ...]) -> tuple[ProcedureStep, ...]:
        names = [step.name for step in steps]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"more than one step is called {', '.join(twice)}")
        for number, step in enumerate(steps):
            if step.back_to is not None and step.back_to not in names[: number + 1]:
                raise ValueError(f"step {step.name}: there is no step {step.back_to} before it to go back to")
        return steps

    @property
    def codes(self) -> bool:
        """Whether it needs the codes of repairs."""
        return any(step.step is not None for step in self.step)

    @property
    def needs_check(self) -> bool:
        """Whether a quality check is a step that may not be left out."""
        return any(step.event.startswith(CHECK) and not step.optional for step in self.step)

    def steps(self) -> tuple[AlignmentStep, ...]:
        """The steps in the form that the alignment takes."""
        names = [step.name for step in self.step]
        return tuple(
            AlignmentStep(
                frozenset({step.label}),
                step.optional,
                step.repeatable,
                None if step.back_to is None else names.index(step.back_to),
            )
            for step in self.step
        )


class Procedures(TomlTable):
    procedure: Annotated[tuple[Procedure, ...], Field(min_length=1, max_length=500)]

    @model_validator(mode="after")
    def _groups_once(self) -> "Procedures":
        names = [procedure.name for procedure in self.procedure]
        groups = [group for procedure in self.procedure for group in procedure.groups]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"more than one procedure is called {', '.join(twice)}")
        if twice := sorted({group for group in groups if groups.count(group) > 1}):
            raise ValueError(f"fault group {', '.join(twice)} has more than one procedure")
        if sum(not procedure.groups for procedure in self.procedure) > 1:
            raise ValueError("more than one procedure has no groups")
        return self

    def of(self, groups: Collection[str]) -> Procedure | None:
        """The procedure of an order with these fault groups: the first in the file that names one of them."""
        named = (procedure for procedure in self.procedure if set(procedure.groups) & set(groups))
        return next(named, None) or next((procedure for procedure in self.procedure if not procedure.groups), None)


def read_procedures(path: Path) -> Procedures:
    """The procedures of a file. Raises TomlFileError that says what is wrong with it."""
    return load_model(path, Procedures)
