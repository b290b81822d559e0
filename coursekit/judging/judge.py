"""From what an answer gave on the cases to the verdict on it. Practice and grading both come through here."""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from typing import Any

import torch

from coursekit.bank import index
from coursekit.exercise import Convention, Exercise, Law, Stochastic, Structure, identifier
from coursekit.judging import crashes, evidence, ranges, relations
from coursekit.judging.compare import Difference, differences, in_place
from coursekit.judging.diagnosis import Catalogue, Named, diagnosis_case, varied
from coursekit.judging.source import signature
from coursekit.judging.verdict import Verdict
from coursekit.probe.cases import Case, Outcome
from coursekit.probe.running import run_case, state_names

# Said by the course's own answer when a learner's function reaches it.
LOCKED = "this is the course's own answer"
# Failures before any number is compared: their own words name them.
CARELESS = {
    "type": "another type returned",
    "structure": "another structure returned",
    "gradient": "no gradient flows back",
    "dtype": "another dtype",
    "unchanged": "inputs changed in place",
}
FAULTS = {"attempted": "not_attempted", "runs": "error", "time": "timeout", "memory": "memory", "crashed": "crashed"}


class Prepared:
    """One exercise on one seed: its cases, what the reference gives on them, and the known mistakes.

    The first case is the same for every seed and not judged: mistakes are known by their numbers on it. The last ones
    vary it in one hyperparameter each, and repeat it.
    """

    def __init__(self, exercise: Exercise, seed: int):
        self.exercise, self.seed = exercise, seed
        self.cases: list[Case] = [diagnosis_case(exercise)]
        generator = torch.Generator().manual_seed(seed)
        devices = [torch.device("cpu")] + [torch.device("cuda")] * torch.cuda.is_available()
        for device in devices:
            self.cases += exercise.probe.cases(exercise.answer, generator, device)
        self.cases += [*varied(exercise, self.cases[0]), self.cases[0]]
        self.states = index.state_types()
        names = state_names(self.states)
        self.expected = [run_case(exercise.answer, case, names) for case in self.cases]
        self.catalogue = Catalogue(exercise, self.cases, self.states)

    @property
    def laws(self) -> tuple[Law, ...]:
        return getattr(self.exercise.probe, "laws", ())

    @property
    def by_value(self) -> bool:
        """Whether the reference's own numbers are wanted, or only the laws."""
        probe = self.exercise.probe
        return not isinstance(probe, Structure | Stochastic)


@functools.lru_cache(maxsize=256)
def _prepared(name: str, seed: int) -> Prepared:
    return Prepared(index.exercise(name), seed)


def prepare(exercise: Exercise | str, seed: int = 0) -> Prepared:
    """The cases of an exercise for a seed, with the reference's outcomes; kept for the next call."""
    if isinstance(exercise, str):
        return _prepared(exercise, seed)
    known = index.find(exercise.name) is exercise
    return _prepared(exercise.name, seed) if known else Prepared(exercise, seed)


def judge(prepared: Prepared, outcomes: list[Outcome], used: frozenset[str] | set[str] = frozenset()) -> Verdict:
    """The verdict on an answer that gave these outcomes and uses these library names."""
    exercise = prepared.exercise
    blank = _blank(exercise)
    fault = outcomes[0].fault
    unknown = fault is not None and "NameError" in fault.message and LOCKED not in fault.message
    if (
        not unknown
        and not (fault and fault.check == "attempted")
        and (called := _refused(exercise, set(used), outcomes))
    ):
        words = f"{exercise.name} is to be written by hand here, and yours calls {called}."
        return replace(blank, status="refused", points=0, message=words, diagnosis="delegated", title="delegated")
    found = _differences(prepared, outcomes)
    if not found:
        return _passed(prepared, outcomes)
    checks = evidence.checks(prepared, outcomes, found)
    return _failed(prepared, outcomes, replace(blank, points=0, checks=checks), found)


def right(prepared: Prepared, outcomes: list[Outcome], used: frozenset[str] | set[str]) -> Verdict | None:
    """The verdict on an answer that is right; None for any other, without a look at why."""
    if _refused(prepared.exercise, set(used), outcomes) or _differences(prepared, outcomes):
        return None
    return _passed(prepared, outcomes)


def _blank(exercise: Exercise) -> Verdict:
    return Verdict(exercise.name, "passed", exercise.points, exercise.points, hints=exercise.hints)


def _passed(prepared: Prepared, outcomes: list[Outcome]) -> Verdict:
    words = evidence.praise(prepared) + evidence.aside(prepared, outcomes)
    return replace(_blank(prepared.exercise), message=words, checks=evidence.checks(prepared, outcomes, []))


def _differences(prepared: Prepared, outcomes: list[Outcome]) -> list[Difference]:
    if prepared.by_value:
        found = differences(prepared.cases, prepared.expected, outcomes)
    else:
        found = []
        for i, (case, outcome) in enumerate(zip(prepared.cases, outcomes, strict=True)):
            if not case.judged:
                continue
            if fault := outcome.fault:
                found.append(Difference(fault.check, fault.message, i, line=fault.line, text=fault.text))
            elif outcome.changed:
                found.append(Difference("unchanged", in_place(outcome.changed), i))
    if any(d.check in FAULTS for d in found):
        return found
    return found + [d for law in prepared.laws if (d := _broken(law, prepared, outcomes))]


def _broken(law: Law, prepared: Prepared, outcomes: list[Outcome]) -> Difference | None:
    """The first case in which a law does not hold; a law that cannot even be asked counts as broken there."""
    for i, (case, outcome) in enumerate(zip(prepared.cases, outcomes, strict=True)):
        if not case.judged:
            continue
        try:
            words = law.broken(outcome.value, case)
        except Exception as error:
            words = f"{law.name}: the result cannot be read this way ({type(error).__name__}: {error})"
        if words:
            return Difference("value", words, i, law=law.id)
    return None


def _failed(prepared: Prepared, outcomes: list[Outcome], verdict: Verdict, found: list[Difference]) -> Verdict:
    first, exercise = found[0], prepared.exercise
    status = FAULTS.get(first.check, "wrong")
    verdict = replace(verdict, status=status, line=first.line, text=first.text)
    if status != "wrong":
        where = ranges.where_it_runs(prepared, outcomes) if status == "error" else ""
        return replace(verdict, message=_fault_words(exercise, first) + where)
    verdict = replace(
        verdict,
        call=evidence.call(prepared, first),
        picture=evidence.picture(prepared, outcomes, first),
    )
    facts = evidence.facts(prepared, found)
    nothing = relations.nothing_done(prepared, outcomes)
    named = Named((nothing,)) if nothing else prepared.catalogue.find(outcomes)
    if (named is None or named.weak) and first.check not in CARELESS:
        relation = relations.find(prepared, outcomes)
        named = Named((relation,)) if relation else named
    if named:
        return _with_name(verdict, exercise, named, facts)
    title = CARELESS.get(first.check) or next((law.name for law in prepared.laws if law.id == first.law), "")
    words = evidence.plain_words(prepared, first)
    return replace(verdict, message=words, diagnosis=identifier(title) or None, title=title)


def _with_name(verdict: Verdict, exercise: Exercise, named: Named, facts: dict[str, Any]) -> Verdict:
    """The words of what was found; a convention alone earns its share of the points."""
    words = named.parts[0].message.format_map(facts) if len(named.parts) == 1 else _together(named)
    verdict = replace(verdict, message=words, diagnosis=named.id, title=named.title)
    only = named.parts[0]
    if len(named.parts) == 1 and isinstance(only, Convention):
        return replace(verdict, status="convention", points=round(only.credit * exercise.points, 2))
    hint = next((part.hint for part in named.parts if not isinstance(part, Convention)), 1)
    return replace(verdict, hint=hint)


def _together(named: Named) -> str:
    """Each of several mistakes by name, with what its message says without numbers: those are of all together."""
    said = []
    for i, part in enumerate(named.parts, 1):
        own = "" if part.name.startswith("as if ") else part.message
        sentences = [s for s in re.split(r"(?<=[.?]) (?=[A-Z`{])", own) if s and "{" not in s]
        said.append(f"({i}) {part.name}{': ' if sentences else '.'}{' '.join(sentences)}")
    return f"{len(named.parts)} mistakes that together give exactly your numbers. {' '.join(said)}"


def _fault_words(exercise: Exercise, first: Difference) -> str:
    shown = f": `{first.text}`" if first.text else ""
    where = f" (your line {first.line}{shown})" if first.line else ""
    if first.check == "attempted":
        return f"{exercise.name} is not written yet."
    if first.check == "runs" and not first.line and first.message.startswith("TypeError"):
        return f"It could not be called as {signature(exercise.answer)}: {first.message}."
    explained = crashes.meaning(first.message) if first.check == "runs" else ""
    stop = "" if f"{first.message}{where}".endswith("?") else "."
    return f"{first.message}{where}{stop} {explained}".strip()


def _refused(exercise: Exercise, used: set[str], outcomes: list[Outcome]) -> str:
    """Which forbidden thing an answer uses, by its names or as it ran; in words, or nothing."""
    if "coursekit.reference" in used or any(o.fault and LOCKED in o.fault.message for o in outcomes):
        return "the course's own answer"
    if "optim" in used or any(name.startswith("_fused_") for name in used):
        return "torch.optim"
    called = next((o.fault.message for o in outcomes if o.fault and o.fault.check == "delegated"), "")
    return f"`{name}`" if (name := called or next(iter(sorted(exercise.refuse & used)), "")) else ""
