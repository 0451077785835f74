"""What the findings ask for is done to the user's own objects, noted, and taken back bit for bit."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import autofix_nb as af
from autofix_nb.checks import CHECKS, Answer, Asked, Check, ask
from autofix_nb.finding import Severity
from autofix_nb.fixes import FIXES
from autofix_nb.fixes.prepared import changes_of
from autofix_nb.preflight.applying import Applied, Owned, plan_changes
from tests.cases import digits, mlp
from tests.checks.subjects import subject
from tests.runs import RealRun, finding


class Canned(Check):
    """A check whose answer is given."""

    code, title = "B00", "Canned"

    def look(self, subject):
        raise NotImplementedError


def asked(*wishes, severity=Severity.WARNING):
    """Return checks that were asked, each of which found one thing and names these fixes."""
    found = [
        finding(code=code, step=0, severity=severity, where=("8x8",), fixes=tuple(fixes.split()))
        for code, fixes in wishes
    ]
    return [Asked(check=Canned(), answer=Answer(says="it is bad", findings=(one,))) for one in found]


def owned_of(run):
    return Owned(model=run.model, train=run.train, val=run.val, loss=run.loss, optimizer=run.optimizer)


ALL = [
    ("B01", "resize_inputs"),
    ("B03", "scale_pixels standardise"),
    ("B07", "join_optimizer"),
    ("D01", "class_weights"),
    ("D02", "standardise"),
    ("D09", "shuffle"),
]


@pytest.mark.parametrize(
    ("wishes", "fixes"),
    [
        pytest.param(ALL, "resize_inputs scale_pixels join_optimizer class_weights shuffle", id="all"),
        pytest.param([("D02", "standardise"), ("B03", "scale_pixels standardise")], "standardise", id="same-purpose"),
        pytest.param([("D09", "shuffle"), ("D01", "shuffle")], "shuffle", id="same-fix"),
        pytest.param([("D03", "clip_gradients shuffle")], "shuffle", id="those-of-the-loop-are-not-for-now"),
        pytest.param([("D03", "unheard_of")], "", id="unknown"),
        pytest.param([("D03", "")], "", id="none"),
    ],
)
def test_the_first_fix_that_fits_of_each_finding(wishes, fixes):
    """No two that do the same; and nothing is touched."""
    run = RealRun()
    before = run.bits()
    planned = plan_changes(asked(*wishes), owned_of(run))

    assert fixes.split() == [one.change.fix for one in planned]
    assert before == run.bits()


def test_a_finding_worth_knowing_is_nothing_to_act_upon():
    """A head alone in the optimizer may be meant."""
    notes = asked(*ALL, severity=Severity.NOTE)

    assert [] == plan_changes(notes, owned_of(RealRun()))
    assert 5 == len(plan_changes(notes, owned_of(RealRun()), least=Severity.NOTE))


def test_checks_without_an_answer_ask_for_nothing():
    """Nor do those that found nothing."""
    silent = [Asked(check=Canned(), why_not="no"), Asked(check=Canned(), answer=Answer(says="well"))]

    assert [] == plan_changes(silent, owned_of(RealRun()))


def test_what_raises_is_not_planned():
    """A sampler of the user's may."""

    class Raising(torch.utils.data.Sampler):
        def __iter__(self):
            raise ValueError("no")

    run = RealRun()
    run.train = DataLoader(run.train.dataset, sampler=Raising())

    assert ["join_optimizer", "class_weights"] == [one.change.fix for one in plan_changes(asked(*ALL), owned_of(run))]


def test_all_of_it_is_undone_bit_for_bit():
    """Loaders by the identity of their parts; and nothing is left to be noted."""
    run = RealRun()
    before = run.bits()
    applied = Applied(plan_changes(asked(*ALL), owned_of(run))).apply()
    changed = run.bits()

    assert 5 == len(applied) == len(changes_of(run.model, run.train, run.val, run.loss, run.optimizer))
    assert {"train", "val", "loss", "optimizer", "groups"} == {part for part in before if before[part] != changed[part]}
    applied.undo()
    assert before == run.bits()
    assert [] == changes_of(run.model, run.train, run.val, run.loss, run.optimizer)
    applied.apply()
    assert 5 == len(applied)
    applied.undo()


def test_applied_twice_nothing_is_left_to_do():
    """By the same plan, by one made before, and by a new one."""
    run = RealRun()
    plan, same_plan = plan_changes(asked(*ALL), owned_of(run)), plan_changes(asked(*ALL), owned_of(run))
    first = Applied(plan).apply()
    once = run.bits()
    again = [Applied(plan).apply(), Applied(same_plan).apply(), first.apply()]

    assert [0, 0, 5] == [len(one) for one in again]
    assert once == run.bits()
    assert [] == plan_changes(asked(*ALL), owned_of(run))
    assert "Nothing is changed: no finding has a fix that fits, or it was done already, or undone." == str(again[0])


def test_an_error_half_way_takes_back_what_was_done(monkeypatch):
    """All or nothing."""
    run = RealRun()
    plan = plan_changes(asked(*ALL), owned_of(run))
    before = run.bits()

    def fail(*_):
        raise RuntimeError("no")

    monkeypatch.setattr(FIXES["shuffle"], "do", fail)
    with pytest.raises(RuntimeError, match="no"):
        Applied(plan).apply()

    assert before == run.bits()


def test_says_what_was_done_with_the_lines_to_type():
    """As text, and as HTML with everything escaped."""
    run = RealRun()
    applied = Applied(plan_changes(asked(("<b>", "shuffle")), owned_of(run))).apply()

    assert (
        "Changed for the training that follows (`.undo()` takes it back):\n"
        "  shuffle for <b>: the 24 training samples come in a new random order each epoch.\n"
        "      train = DataLoader(train.dataset, batch_size=8, shuffle=True)" == str(applied)
    )
    assert "for &lt;b&gt;: the 24" in applied._repr_html_()
    assert "train = DataLoader(train.dataset, batch_size=8, shuffle=True)</pre>" in applied._repr_html_()


def sick_digits():
    """Return digits ordered by class and not shuffled, with few of the last classes and one column of huge numbers."""
    inputs, targets = digits()
    inputs = inputs.clone()
    inputs[:, 20] = inputs[:, 20] * 10_000 + 50_000
    order = torch.from_numpy(np.argsort(targets[:1400].numpy(), kind="stable"))
    few = torch.cat(
        [part if kind < 7 else part[:15] for kind, part in ((k, order[targets[order] == k]) for k in range(10))]
    )
    train = DataLoader(TensorDataset(inputs[few], targets[few]), batch_size=32)
    val = DataLoader(TensorDataset(inputs[1400:], targets[1400:]), batch_size=200)
    model = mlp()
    optimizer = torch.optim.Adam(model[0].parameters(), lr=3e-3)
    return Owned(model=model, train=train, val=val, loss=nn.CrossEntropyLoss(), optimizer=optimizer)


def trained(owned, folder, epochs=4):
    run = af.fit(
        owned.model, owned.train, owned.val, loss=owned.loss, optimizer=owned.optimizer, epochs=epochs, seed=3,
        store=folder, name="run", show="none", autofix="off",
    )  # fmt: skip
    return run, max(row["val/accuracy"] for row in run.history.epochs)


SICK = [("B07", "join_optimizer"), ("D01", "class_weights"), ("D02", "standardise"), ("D09", "shuffle")]


@pytest.mark.usefixtures("fast_reports")
def test_a_sick_training_learns_after_it(tmp_path):
    """Clearly better than without; the same each time; and the run's journal and report tell of it."""
    _, without = trained(sick_digits(), tmp_path / "without")
    accuracies, weights = [], []
    for number in range(2):
        owned = sick_digits()
        Applied(plan_changes(asked(*SICK), owned)).apply()
        run, accuracy = trained(owned, tmp_path / str(number))
        accuracies.append(accuracy)
        weights.append(run.last_weights)

    assert without < 0.5
    assert accuracies[0] > 0.85
    assert all(torch.equal(part, weights[1][name]) for name, part in weights[0].items())
    assert ["join_optimizer", "class_weights", "standardise", "shuffle"] == [
        entry["fix"] for entry in run.journal.entries("prepared")
    ]
    assert "Changed before training: join_optimizer, class_weights, standardise, shuffle." in run.headline()


def test_a_second_look_finds_it_mended():
    """Also where the check looks at the samples as they lie in the data set."""
    owned = sick_digits()

    def looked_at():
        given = subject(owned.model, owned.train, owned.val, loss=owned.loss, optimizer=owned.optimizer)
        answers = [ask(check(), given) for check in CHECKS if check.code in ("B07", "D02", "D09")]
        return answers, plan_changes(answers, owned, given)

    _, plan = looked_at()
    Applied(plan).apply()
    answers, nothing = looked_at()

    assert ["join_optimizer", "standardise", "shuffle"] == [one.change.fix for one in plan]
    assert [] == nothing == [finding for one in answers for finding in one.findings]


@pytest.mark.usefixtures("fast_reports")
def test_a_training_stopped_in_the_middle_goes_on_bit_for_bit(tmp_path):
    """In a new kernel, in which the same was applied."""
    whole = sick_digits()
    Applied(plan_changes(asked(*SICK), whole)).apply()
    expected = trained(whole, tmp_path / "whole")[0].last_weights
    for epochs in (2, 4):
        owned = sick_digits()
        Applied(plan_changes(asked(*SICK), owned)).apply()
        run, _ = trained(owned, tmp_path / "parts", epochs)

    assert all(torch.equal(part, run.last_weights[name]) for name, part in expected.items())
    assert 4 == len(run.journal.entries("prepared"))
