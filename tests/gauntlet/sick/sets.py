"""Rows in the wrong order, wrongly labelled, too few, or in the wrong set."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from tests.gauntlet.data import Data, cancer, curve, digits, noisy_labels, pictures, table
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import sgd, spoilt
from tests.gauntlet.sick.twins import CANCER, CONV, CURVE, DIGITS, TABLE


def by_class(data: Callable[[], Data]) -> Data:
    """Return the data with the training rows ordered by class."""
    plain = data()
    order = plain.targets.flatten().argsort(stable=True)
    return plain._replace(inputs=plain.inputs[order], targets=plain.targets[order])


def shifted(data: Callable[[], Data], factor: float, shift: float) -> Data:
    """Return the data with validation rows that were measured otherwise."""
    plain = data()
    return plain._replace(val_inputs=plain.val_inputs * factor + shift)


def shared(data: Callable[[], Data], rows: int) -> Data:
    """Return the data with the first validation rows among the training rows."""
    plain = data()
    inputs = torch.cat([plain.inputs, plain.val_inputs[:rows]])
    return plain._replace(inputs=inputs, targets=torch.cat([plain.targets, plain.val_targets[:rows]]))


def few(data: Callable[[], Data], rows: int) -> Data:
    """Return the data with few training rows."""
    plain = data()
    return plain._replace(inputs=plain.inputs[:rows], targets=plain.targets[:rows])


CASES = [
    spoilt(
        "ordered_by_class",
        "D09",
        DIGITS,
        "rows ordered by class and not shuffled",
        data=partial(by_class, digits),
        shuffle=False,
    ),
    spoilt(
        "pictures_ordered_by_class",
        "D09",
        replace(CONV, optimizer=sgd(0.1, momentum=0.9)),
        "pictures ordered by class and not shuffled",
        data=partial(by_class, pictures),
        shuffle=False,
    ),
    spoilt(
        "ordered_by_answer",
        "D09",
        replace(TABLE, optimizer=sgd(0.3, momentum=0.9)),
        "a table ordered by its answer and not shuffled",
        data=partial(by_class, table),
        shuffle=False,
    ),
    spoilt(
        "labels_drawn_anew",
        "D10",
        DIGITS,
        "40 % of the training labels are drawn anew",
        aim="name",
        data=lambda: noisy_labels(digits(), 0.4),
    ),
    spoilt(
        "answers_drawn_anew",
        "D10",
        CANCER,
        "30 % of the answers of a table are drawn anew",
        aim="name",
        data=lambda: noisy_labels(cancer(), 0.3),
    ),
    spoilt(
        "validation_measured_otherwise",
        "D04",
        TABLE,
        "validation rows lie elsewhere",
        aim="name",
        data=partial(shifted, table, 1.0, 4.0),
    ),
    spoilt(
        "validation_of_darker_pictures",
        "D04",
        CONV,
        "validation pictures are darker and inverted",
        aim="name",
        data=partial(shifted, pictures, -0.6, 1.0),
    ),
    spoilt(
        "validation_among_the_training",
        "D06",
        DIGITS,
        "half of the validation rows are among the training rows",
        aim="name",
        data=partial(shared, digits, 200),
    ),
    spoilt(
        "table_shared_by_both",
        "D06",
        CANCER,
        "all validation rows are among the training rows",
        aim="name",
        data=partial(shared, cancer, 169),
    ),
    spoilt(
        "twenty_digits",
        "D05 L04",
        DIGITS,
        "twenty rows to train ten classes on",
        aim="name",
        data=partial(few, digits, 20),
        epochs=70,
    ),
    spoilt(
        "thirty_rows_of_a_curve",
        "D05 L04",
        CURVE,
        "thirty rows for a regression with a wide net",
        aim="name",
        data=partial(few, curve, 30),
        epochs=100,
        net=lambda: dense(10, 256, 1),
    ),
]
