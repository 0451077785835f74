"""What the tests of failing steps share: models that fail for some rows, and what a clean training comes to."""

import functools

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tests.cases import digits, digits_loaders, mlp, plain_loop

EPOCHS = 12


def adam(model, lr=1e-3):
    """Return the optimizer of these tests."""
    return torch.optim.Adam(model.parameters(), lr=lr)


def accuracy(model):
    """Return the accuracy on the rows that nobody trained on."""
    inputs, targets = digits()
    model.eval()
    with torch.no_grad():
        return float((model(inputs[1400:]).argmax(1) == targets[1400:]).float().mean())


@functools.cache
def clean_accuracy():
    """Return the accuracy that a plain loop on undamaged data comes to."""
    train, _ = digits_loaders()
    model = mlp()
    plain_loop(model, adam(model), train, EPOCHS, seed=3)
    return accuracy(model)


class Picky(nn.Module):
    """A forward pass that raises for some rows: those whose first pixel was marked with a 9."""

    def __init__(self, always=False, error=AssertionError):
        super().__init__()
        self.net, self.always, self.error = mlp(), always, error

    def forward(self, rows):
        if self.always or bool((rows[:, 0] == 9).any()):
            raise self.error("this row is not to my taste")
        return self.net(rows)


def marked(rows):
    """Return a loader whose rows of these numbers begin with a 9."""
    inputs, targets = digits()
    inputs = inputs[:1400].clone()
    inputs[list(rows), 0] = 9
    return DataLoader(TensorDataset(inputs, targets[:1400]), batch_size=32, shuffle=True)
