"""Modules that can be listened to."""

import pytest
import torch
from torch import nn

from autofix_nb.objective import hookable


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
def test_scripted_modules_are_left_out():
    """They refuse hooks, and a question about the others must still be answered."""
    model = nn.Sequential(nn.Linear(2, 2), torch.jit.script(nn.Linear(2, 2)))

    names = [name for name, _ in hookable(model)]

    assert ["", "0"] == names
