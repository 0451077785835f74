"""Slips in a model's own `forward` that shapes prove."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from autofix_nb.evidence.forward_calls import shares_called
from autofix_nb.evidence.slips import in_words, rows_come_first, slips_in


class Reader(nn.Module):
    """Rows (N, 7, 6) read by a recurrent layer and what a function makes of its states (N, 7, 8)."""

    def __init__(self, then=lambda states: states, *, body=None):
        super().__init__()
        self.body = body or nn.GRU(6, 8, batch_first=True)
        self.head = nn.Linear(8, 5)
        self.drop = nn.Dropout(0.3)
        self.then = then

    def forward(self, rows):
        return self.then(self.head(self.drop(self.body(rows)[0])))


def slips(model, **options):
    torch.manual_seed(0)
    model.eval()
    return slips_in(model, model, torch.randn(9, 7, 6), 9, **options)


SICK = {
    "reshape for permute": (lambda out: out.reshape(len(out), 5, 7), ("shape", (0, 2, 1), False)),
    "view of the rows": (lambda out: out.view(7, len(out), 5).mean(0), ("shape", (1, 0, 2), True)),
    "time first flattened": (
        lambda out: out.transpose(0, 1).reshape(len(out), -1),
        ("shape", (1, 0, 2), True),
    ),
    "softmax of one": (
        lambda out: (functional.softmax(out.mean(2, keepdim=True), dim=-1) * out).sum(1),
        ("softmax", (2, 1), False),
    ),
    "softmax over rows": (lambda out: torch.softmax(out @ out.mT, 0) @ out, ("softmax", (0, 2), True)),
    "softmax without a dimension": (
        lambda out: functional.softmax(out @ out.mT, dim=None, _stacklevel=3) @ out,
        ("softmax", (0, 2), True),
    ),
    "dropout always on": (lambda out: functional.dropout(out, 0.4), ("dropout", (), False)),
    "dropout made on the way": (lambda out: nn.Dropout(0.4)(out), ("dropout", (), False)),
}


@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
@pytest.mark.parametrize(("then", "expected"), SICK.values(), ids=SICK)
def test_a_slip_is_found(then, expected):
    """With the order of axes, or the dimension, that would be right, and whether it mixes rows."""
    (slip,) = slips(Reader(then))
    told = slip.after if slip.kind == "softmax" else slip.order

    assert expected == (slip.kind, told, slip.rows_mixed)
    assert in_words(slip)


SOUND = {
    "permute": lambda out: out.permute(0, 2, 1),
    "flattened": lambda out: out.reshape(len(out), -1),
    "rows and time as one": lambda out: out.reshape(-1, 5).view(len(out), 7, 5),
    "heads": lambda out: out.view(len(out), 7, 5, 1).transpose(1, 2),
    "an axis of one moved": lambda out: out[:, :1].reshape(len(out), 5, 1),
    "attention": lambda out: torch.softmax(out @ out.mT, -1) @ out,
    "pooling by weights": lambda out: (functional.softmax(out.mean(2, keepdim=True), dim=1) * out).sum(1),
    "an answer of shares": lambda out: functional.softmax(out.mean(1), 1),
    "dropout that is told": lambda out: functional.dropout(out, 0.4, training=False),
}


@pytest.mark.parametrize("then", SOUND.values(), ids=SOUND)
def test_what_is_sound_is_left_alone(then):
    """Nothing is found in what careful people write."""
    assert [] == slips(Reader(then))


@pytest.mark.parametrize("rows_first", [True, False])
def test_layers_that_take_rows_for_time(rows_first):
    """Only where the first axis surely is that of the rows: batches may be made with time first."""
    found = slips(Reader(body=nn.LSTM(6, 8)), rows_first=rows_first)

    assert (["body"] if rows_first else []) == [slip.name for slip in found]


@pytest.mark.parametrize(
    ("collate", "expected"), [(None, True), (lambda samples: samples, False)], ids=["torch", "own"]
)
def test_rows_come_first_where_torch_puts_them_together(collate, expected):
    """A collate function of the user's may put time first, and a list of batches tells nothing."""
    loader = DataLoader(TensorDataset(torch.zeros(4, 2)), batch_size=2, collate_fn=collate)

    assert expected == rows_come_first(loader)
    assert not rows_come_first([torch.zeros(2, 2)])


def test_dropout_that_is_called_is_told_from_layers():
    """Registered layers are seen by their names."""
    model = Reader(lambda out: functional.dropout(out, 0.4, training=model.training)).eval()

    assert [0.4] == shares_called(model, model, torch.randn(3, 7, 6))


def test_a_model_that_raises_has_no_slips():
    """The trial step tells that."""
    assert [] == slips(Reader(lambda out: out @ out))
