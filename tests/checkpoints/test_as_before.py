"""What was made portable comes back in the types that the live object has."""

from collections import Counter

import numpy as np
import torch
from torch.optim import lr_scheduler

from autofix_nb.checkpoints import as_before, portable


def test_types_come_back():
    """Counters, arrays of any type and sets; what the live object does not know stays as it was saved."""
    live = {"milestones": Counter({3: 1}), "words": np.arange(3, dtype=np.uint32), "seen": {"a"}, "parts": [Counter()]}
    kept = as_before(portable(live | {"more": 1}), live)

    assert (Counter, {3: 1}) == (type(kept["milestones"]), kept["milestones"])
    assert (np.uint32, [0, 1, 2]) == (kept["words"].dtype, kept["words"].tolist())
    assert {"a"} == kept["seen"]
    assert isinstance(kept["parts"][0], Counter)
    assert 1 == kept["more"]


def test_a_schedule_of_schedules_goes_on():
    """`SequentialLR` asks the milestones of the one within for what only a Counter has."""

    def made():
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        inner = lr_scheduler.MultiStepLR(optimizer, [2, 5], gamma=0.1)
        warm = lr_scheduler.ConstantLR(optimizer, 0.5, 3)
        return optimizer, lr_scheduler.SequentialLR(optimizer, [warm, inner], [3])

    def rates(optimizer, schedule, steps):
        found = []
        for _ in range(steps):
            optimizer.step()
            schedule.step()
            found.append(optimizer.param_groups[0]["lr"])
        return found

    optimizer, schedule = made()
    rates(optimizer, schedule, 2)
    saved, settings = portable(schedule.state_dict()), optimizer.state_dict()
    whole = rates(optimizer, schedule, 8)
    optimizer, schedule = made()
    optimizer.load_state_dict(settings)
    schedule.load_state_dict(as_before(saved, schedule.state_dict()))

    assert whole == rates(optimizer, schedule, 8)
