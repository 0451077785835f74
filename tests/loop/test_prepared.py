"""What was changed before a training stands in the journal of the run that follows, once."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import autofix_nb as af
from autofix_nb.errors import ResumeError
from autofix_nb.fixes import FIXES
from autofix_nb.fixes.prepared import Prepared, forget, note
from autofix_nb.fixes.preparing import Owned
from tests.cases import digits, mlp
from tests.runs import finding


@pytest.fixture
def owned():
    """Return what a training needs: 200 rows that are not shuffled."""
    inputs, targets = (part[:200] for part in digits())
    train, val = (DataLoader(TensorDataset(inputs, targets), batch_size=50) for _ in range(2))
    model = mlp()
    optimizer = torch.optim.Adam(model[0].parameters(), lr=1e-3)
    return Owned(model=model, train=train, val=val, loss=nn.CrossEntropyLoss(), optimizer=optimizer)


def prepare(owned, name, code="D09"):
    fix = FIXES[name]()
    change = fix.plan(finding(step=0), owned)
    fix.apply(change, owned)
    prepared = Prepared(code=code, change=change)
    note(prepared, *fix.touched(owned))
    return prepared


def noted(run):
    return [(entry["code"], entry["fix"]) for entry in run.journal.entries("prepared")]


def go(fit, owned, epochs=1, **options):
    return fit(
        owned.model,
        owned.train,
        owned.val,
        **({"epochs": epochs, "optimizer": owned.optimizer, "loss": owned.loss} | options),
    )


def test_each_change_is_noted_and_said_once(fit, owned, capsys):
    """Of loaders, loss and optimizer, in the order in which they were made; a resumed run has them already."""
    for name, code in (("class_weights", "D01"), ("shuffle", "D09"), ("join_optimizer", "B07"), ("standardise", "D02")):
        prepare(owned, name, code)
    go(fit, owned, show="text")
    said = capsys.readouterr()
    run = go(fit, owned, 2, show="text")
    again = capsys.readouterr()

    expected = [("D01", "class_weights"), ("D09", "shuffle"), ("B07", "join_optimizer"), ("D02", "standardise")]
    assert expected == noted(run)
    assert 1 == (said.out + said.err).count("Changed before training: shuffle for D09: the 200 training samples")
    assert "training samples" not in again.out + again.err
    assert (
        "Changed before training: class_weights, shuffle, join_optimizer, standardise."
        in run.report().to_dict()["headline"]
    )
    assert ["before training"] * 4 == [
        change["verdict"] for change in af.open_run(run.folder).report().facts["changes"]
    ]


def test_a_run_begun_anew_has_them_again(fit, owned):
    """They still stand; what was undone does not."""
    undone = prepare(owned, "class_weights", "D01")
    prepare(owned, "shuffle")
    go(fit, owned)
    forget(undone)
    run = go(fit, owned, resume=False)

    assert [("D09", "shuffle")] == noted(run)


def test_a_training_without_any_notes_none(fit, owned):
    """And says nothing of it."""
    run = go(fit, owned)

    assert [] == noted(run)
    assert "before training" not in run.headline()


def test_a_resumed_run_says_when_they_are_missing(fit, owned, capsys):
    """Nothing else would show that the order is no longer random."""
    forgotten = prepare(owned, "shuffle")
    go(fit, owned)
    forget(forgotten)
    run = go(fit, owned, 2, show="text")
    said = capsys.readouterr()

    text = "This run began with shuffle applied before training, and now it is not: apply it again"
    assert f"{text}." in said.out + said.err
    assert 1 == len(run.journal.entries("note", text=text))


@pytest.mark.parametrize("name", ["standardise", "join_optimizer"])
def test_what_would_be_another_training_is_refused_and_says_the_way_out(fit, owned, name):
    """Other numbers, another optimizer."""
    fix = FIXES[name]()
    change = fix.plan(finding(step=0), owned)
    fix.apply(change, owned)
    note(Prepared(code="D02", change=change), *fix.touched(owned))
    go(fit, owned)
    fix.undo(change, owned)

    with pytest.raises(ResumeError, match=f"before that run {name} was applied: apply that again"):
        go(fit, owned, 2)


def test_a_loop_of_the_users_own_notes_them_too(tmp_path, owned):
    """Those of model, optimizer and loader, which is all that the guard sees."""
    prepare(owned, "shuffle")
    prepare(owned, "join_optimizer", "B07")
    with af.Guard(owned.model, owned.optimizer, store=tmp_path, name="mine", show="none") as guard:
        for _ in guard.epochs(1):
            for batch in guard.batches(owned.train):
                guard.step(batch, lambda part: owned.loss(owned.model(part[0]), part[1]))

    assert [("D09", "shuffle"), ("B07", "join_optimizer")] == noted(guard.run)


def test_a_weighted_loss_goes_where_the_model_goes(fit, owned):
    """Its weights must be on the device of the outputs; on a CPU that shows in what is asked of it."""
    moved = []

    class Watched(nn.CrossEntropyLoss):
        def to(self, *where, **how):
            moved.append(where)
            return super().to(*where, **how)

    owned.loss = Watched()
    go(fit, owned, device="cpu")

    assert [(torch.device("cpu"),)] == moved
