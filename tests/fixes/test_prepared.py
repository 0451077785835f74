"""What was changed before training is known by the objects, as long as they live."""

import gc

import torch
from torch import nn

from autofix_nb.fixes import Change, prepared
from autofix_nb.fixes.prepared import Prepared, changes_of, forget, note


def made(fix="shuffle"):
    return Prepared(code="D09", change=Change(fix=fix, touches="data", says="it was done"))


def test_each_change_once_oldest_first():
    """Whatever the order in which the objects are given."""
    loss, model = nn.CrossEntropyLoss(), nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    first, second = made(), made()
    note(first, loss, optimizer, None)
    note(second, model)

    assert [first, second] == changes_of(model, None, optimizer, loss)
    assert [first] == changes_of(loss)
    assert [] == changes_of(nn.Linear(1, 1), 7, None)


def test_what_is_undone_is_forgotten():
    """On all objects that it touched; the same done again is another change."""
    loss, model = nn.CrossEntropyLoss(), nn.Linear(1, 1)
    first, second = made(), made()
    note(first, loss, model)
    note(second, model)
    forget(first)

    assert [second] == changes_of(loss, model)


def test_nothing_is_kept_alive():
    """Nor taken for what later lies at the same place."""
    gc.collect()
    before = len(prepared._known)
    loss = nn.CrossEntropyLoss()
    note(made(), loss)
    del loss
    gc.collect()

    assert before == len(prepared._known)
