"""What holds for every check, present and future."""

import ast
import dataclasses
import inspect
import itertools
import json
import random
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from autofix_nb import checks
from autofix_nb.checks import CHECKS, Answer, Curve, Shown, ask
from autofix_nb.finding import Finding, Severity
from autofix_nb.fixes import FIXES
from tests.checks.subjects import subject

every = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)
HERE = Path(__file__).parent
NOT_CHECKS = {"__init__", "asking", "base", "doubtful", "presets", "typed", "ways_out"}
MODULES = sorted(path.stem for path in Path(checks.__file__).parent.glob("*.py") if path.stem not in NOT_CHECKS)
GIVEN = {"model", "train", "val", "optimizer"}
OF_THE_MACHINE = "E"
"""Checks of the environment say what this machine is like, whatever the training."""


def snake(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def loader(seed, rows, **options):
    """Return two classes of six numbers each, apart but not far apart, without a copy, standardised."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(rows) % 2
    inputs = torch.randn(rows, 6, generator=generator) + 1.5 * labels[:, None] - 0.75
    order = torch.randperm(rows, generator=generator)
    return DataLoader(TensorDataset(inputs[order], labels[order]), batch_size=32, **options)


class Parts:
    """A clean small training, with everything that looking at it must leave alone."""

    def __init__(self):
        torch.manual_seed(0)
        self.model = nn.Sequential(
            nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 2)
        )  # fmt: skip
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)
        nn.functional.cross_entropy(self.model(torch.randn(8, 6)), torch.arange(8) % 2).backward()
        self.optimizer.step()
        self.loss = nn.CrossEntropyLoss()
        self.train = loader(3, 240, shuffle=True, generator=torch.Generator().manual_seed(5))
        self.val = loader(4, 160)
        self.model[3].eval()

    def subject(self, **options):
        return subject(
            self.model, self.train, self.val, optimizer=self.optimizer, loss=self.loss, deep=True, **options
        )  # fmt: skip

    def state(self):
        """Return every bit that could have been changed."""
        named = {f"model {name}": part for name, part in self.model.state_dict().items()}
        named |= {f"gradient {name}": part.grad for name, part in self.model.named_parameters()}
        for place, parts in self.optimizer.state_dict()["state"].items():
            named |= {f"optimizer {place} {name}": torch.as_tensor(part) for name, part in parts.items()}
        for side, source in (("train", self.train), ("val", self.val)):
            named |= {f"{side} {place}": part for place, part in enumerate(source.dataset.tensors)}
        named["generator"] = self.train.generator.get_state()
        named["torch"] = torch.get_rng_state()
        bits = {name: part.numpy().tobytes() for name, part in named.items()}
        modes = {name: part.training for name, part in self.model.named_modules()}
        objects = [{name: id(part) for name, part in vars(thing).items()} for thing in (self.train, self.val)]
        groups = [
            {name: value for name, value in group.items() if name != "params"} for group in self.optimizer.param_groups
        ]
        return bits, modes, objects, groups, str(np.random.get_state()), random.getstate()


def told(asked):
    """Return what came of it, but for the numbers that a clock gives."""
    if asked.answer is None:
        return re.sub(r"[\d.,]+", "#", asked.why_not)
    findings = [(finding.code, finding.severity, finding.where) for finding in asked.findings]
    return re.sub(r"[\d.,]+", "#", asked.answer.says), findings


@pytest.fixture(scope="module")
def clean():
    """Return the answer of each check on a clean small training, by code."""
    looked_at = Parts().subject(seconds=300)
    return {check.code: ask(check(), looked_at) for check in CHECKS}


# --- how they are written ---------------------------------------------------------------------------------------------


def test_one_module_one_check():
    """The file name is the class name in snake case."""
    assert MODULES == sorted(snake(check.__name__) for check in CHECKS)


def test_codes_are_unique_and_without_gaps():
    """A code is an address: in the report, in the docs, in `ignore=`."""
    codes = [check.code for check in CHECKS]
    series = {letter: [code for code in codes if code[0] == letter] for letter in "EBD"}

    assert sorted(set(codes)) == sorted(codes)
    assert [f"{letter}{number:02}" for letter, own in series.items() for number in range(1, len(own) + 1)] == codes


def test_titles_are_unique():
    """A row of the report is told by its title."""
    assert len(CHECKS) == len({check.title for check in CHECKS})


@every
def test_has_a_mirrored_test_file(check):
    """A check without its own test does not join."""
    assert (HERE / f"test_{snake(check.__name__)}.py").exists()


@every
def test_class_variables_are_filled_in(check):
    """So that the catalogue can be made from them."""
    assert re.fullmatch(r"[EBD]\d\d", check.code)
    assert re.search(r"\w", check.title)
    assert not check.title.endswith(".")
    assert isinstance(check.needs, frozenset)
    assert check.needs <= GIVEN
    assert isinstance(check.deep, bool)
    assert isinstance(check.takes_time, bool)
    assert isinstance(check.fixes, tuple)


@every
def test_the_question_and_its_source_are_written_down(check):
    """The class asks in one sentence; the module says how it is measured."""
    about = inspect.getmodule(check).__doc__

    assert re.search(r"\w[.?]$", check.__doc__.strip().splitlines()[0])
    assert len(about.strip().splitlines()) > 2


@every
def test_thresholds_are_plain_json(check):
    """So that they can be printed, saved and compared."""
    thresholds = dataclasses.asdict(check())
    thresholds = {name: list(value) if isinstance(value, tuple) else value for name, value in thresholds.items()}

    assert thresholds == json.loads(json.dumps(thresholds, allow_nan=False))


@every
def test_a_sentence_stands_under_each_threshold(check):
    """In the source, where whoever changes the number reads it."""
    path = Path(inspect.getfile(check))
    body = next(
        part.body for part in ast.parse(path.read_text()).body
        if isinstance(part, ast.ClassDef) and part.name == check.__name__
    )  # fmt: skip
    described = {
        field.target.id
        for field, below in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and str(below.value.value).endswith(".")
    }

    assert {field.name for field in dataclasses.fields(check)} <= described


@every
def test_a_check_is_frozen(check):
    """What changes lives in the subject."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        check().code = "X00"


@every
def test_fixes_it_names_exist(check):
    """Gentlest first, by the names of the fix family."""
    assert set(check.fixes) <= FIXES.keys()


# --- what they answer -------------------------------------------------------------------------------------------------


@every
def test_one_of_three_answers_on_a_clean_training(check, clean):
    """A finding, nothing, or a reason why not; never an error of its own."""
    asked = clean[check.code]

    assert asked.broke is None, asked.why_not
    assert (asked.answer is None) == bool(asked.why_not)
    assert asked.answer is None or isinstance(asked.answer, Answer)


@every
def test_no_warning_on_a_clean_training(check, clean):
    """A note at most. What the machine is like is not the training's fault."""
    loud = [str(finding) for finding in clean[check.code].findings if finding.severity > Severity.NOTE]

    assert [] == [said for said in loud if check.code[0] != OF_THE_MACHINE]


@every
def test_says_one_sentence_without_a_full_stop(check, clean):
    """The report puts it into a row."""
    asked = clean[check.code]
    said = [asked.why_not or asked.answer.says, *(finding.says for finding in asked.findings)]

    assert all(re.search(r"\w", words) and not words.rstrip().endswith(".") and "\n" not in words for words in said)


@every
def test_findings_are_its_own_and_survive_json(check, clean):
    """Its code and title, and plain values only."""
    for finding in clean[check.code].findings:
        again = Finding.from_dict(json.loads(json.dumps(finding.to_dict())))

        assert (check.code, check.title) == (finding.code, finding.title)
        assert set(finding.fixes) <= set(check.fixes)
        assert str(finding) == str(again)


@every
def test_pictures_are_of_a_kind_that_can_be_drawn(check, clean):
    """Samples or curves."""
    answer = clean[check.code].answer

    assert all(isinstance(picture, Shown | Curve) for picture in (answer.pictures if answer else ()))


@every
def test_without_anything_it_is_not_applicable_or_about_the_machine(check):
    """No model, no data: a reason, never an error."""
    asked = ask(check(), subject(deep=True))

    assert asked.broke is None, asked.why_not
    assert asked.why_not or check.code[0] == OF_THE_MACHINE


@every
@pytest.mark.parametrize("missing", ["model", "train", "val", "optimizer", "loss"])
def test_whatever_is_missing_it_does_not_break(check, missing):
    """Each of the things given may be None."""
    parts = Parts()
    given = {name: getattr(parts, name) for name in ("model", "train", "val", "optimizer", "loss")} | {missing: None}
    asked = ask(check(), subject(given.pop("model"), given.pop("train"), given.pop("val"), deep=True, **given))

    assert asked.broke is None, asked.why_not
    assert missing not in check.needs or asked.why_not == f"no `{missing}` was given"


@every
def test_asked_twice_it_says_the_same(check, clean):
    """On another subject of the same training, made anew."""
    # The other checks may have imported packages since, which is news to those of the environment.
    first = ask(check(), Parts().subject(seconds=300)) if check.code[0] == OF_THE_MACHINE else clean[check.code]

    assert told(first) == told(ask(check(), Parts().subject(seconds=300)))


@every
def test_a_deep_question_is_asked_on_demand_only(check):
    """It takes its time."""
    parts = Parts()
    asked = ask(check(), subject(parts.model, parts.train, parts.val, optimizer=parts.optimizer, loss=parts.loss))

    assert check.deep == ("deep=True" in asked.why_not)


@every
def test_everything_is_left_as_it_was(check):
    """Weights, gradients, buffers, modes, optimizer, loaders, data and random streams: bit for bit."""
    parts = Parts()
    before = parts.state()
    ask(check(), parts.subject(seconds=300))

    assert before == parts.state()


@pytest.mark.parametrize("check", [check for check in CHECKS if check.takes_time], ids=lambda check: check.code)
def test_what_takes_its_time_is_not_begun_without_any(check):
    """The reason names the budget."""
    asked = ask(check(), Parts().subject(seconds=1e-9))

    assert "no time left" in asked.why_not
