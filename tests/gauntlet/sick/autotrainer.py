"""Sick trainings of AUTOTRAINER (Zhang et al., ICSE 2021), rebuilt small: as many epochs as run in a second."""

from dataclasses import replace

from torch import nn

from tests.gauntlet.data import blobs, plane
from tests.gauntlet.nets import Exp, dense, drawn, glorot, he, uniform
from tests.gauntlet.recipe import adam, sgd, spoilt
from tests.gauntlet.sick.published_twins import BLOBS, CIRCLE, DIGITS, NARROW, PLANE, one_hot


def _narrow(depth: int, activation: type[nn.Module]) -> nn.Sequential:
    return dense(2, *[8] * depth, 1, activation=activation, end=nn.Sigmoid())


CASES = [
    spoilt(
        "blobs_one_row_a_batch",
        "L01",
        replace(BLOBS, batch=1, epochs=1, optimizer=adam(3e-3)),
        "momentum SGD at 0.01 with a batch of one swings",
        source="AUTOTRAINER 2 (P02)",
        optimizer=sgd(0.01, momentum=0.9),
    ),
    spoilt(
        "blobs_softmax_twice_and_mse",
        "B08 L02",
        replace(BLOBS, net=lambda: he(dense(2, 50, 50, 50, 50, 3)), optimizer=adam(1e-3), batch=64, epochs=20),
        "softmax after softmax, and the mean squared error",
        source="AUTOTRAINER 4 (P04)",
        data=one_hot(blobs),
        net=lambda: he(dense(2, 50, 50, 50, 50, 3, end=nn.Sequential(nn.Softmax(1), nn.Softmax(1)))),
        loss=nn.MSELoss,
        optimizer=adam(1e-4),
    ),
    spoilt(
        "circle_eight_dying_relus",
        "G07 G02",
        NARROW,
        "eight layers of eight relus that begin between -0.05 and 0.05",
        source="AUTOTRAINER 6 (P06)",
        net=lambda: drawn(_narrow(8, nn.ReLU), uniform(-0.05, 0.05)),
        optimizer=adam(1e-3),
    ),
    spoilt(
        "circle_ten_dying_relus",
        "G07 G02",
        NARROW,
        "ten layers of eight relus with momentum SGD",
        source="AUTOTRAINER 7 and 9 (P07, P07c), between the two",
        net=lambda: glorot(_narrow(10, nn.ReLU)),
        optimizer=sgd(0.01, momentum=0.9),
    ),
    spoilt(
        "circle_ten_sigmoids",
        "G02",
        NARROW,
        "ten layers of eight sigmoids",
        source="AUTOTRAINER 11 (P08)",
        net=lambda: glorot(_narrow(10, nn.Sigmoid)),
        optimizer=adam(1e-3),
    ),
    spoilt(
        "circle_six_sigmoids_above_zero",
        "G02 L01",
        NARROW,
        "six layers of eight sigmoids that begin between 0 and 1, with dropout",
        source="AUTOTRAINER 12",
        net=lambda: drawn(dense(2, *[8] * 6, 1, activation=nn.Sigmoid, end=nn.Sigmoid(), dropout=0.1), uniform(0, 1)),
        optimizer=adam(1e-3),
    ),
    spoilt(
        "circle_three_exponentials",
        "G01 G03",
        NARROW,
        "three layers of exponentials that begin between 0 and 1",
        source="AUTOTRAINER 14 (P09)",
        net=lambda: drawn(dense(2, 5, 5, 5, 1, activation=Exp), uniform(0, 1)),
        loss=nn.BCEWithLogitsLoss,
        optimizer=adam(1e-3),
    ),
    spoilt(
        "circle_five_exponentials",
        "G01 G03",
        NARROW,
        "five layers of exponentials with SGD",
        source="AUTOTRAINER 15",
        net=lambda: glorot(dense(2, *[5] * 5, 1, activation=Exp)),
        loss=nn.BCEWithLogitsLoss,
        optimizer=sgd(0.1),
    ),
    spoilt(
        "plane_in_its_own_units",
        "G01 L01",
        PLANE,
        "targets of hundreds and SGD at 0.01",
        source="AUTOTRAINER 17 (P11)",
        data=plane,
        optimizer=sgd(0.01),
    ),
    spoilt(
        "circle_wide_and_swinging",
        "L01",
        CIRCLE,
        "five wide layers with momentum SGD that swings",
        source="AUTOTRAINER 18 (P13), its rate ten times higher",
        net=lambda: he(dense(2, *[128] * 5, 1, end=nn.Sigmoid())),
        optimizer=sgd(0.3, momentum=0.9),
    ),
    spoilt(
        "digits_twenty_four_relus",
        "G07 G02",
        DIGITS,
        "twenty-four layers of relus",
        source="AUTOTRAINER 25 (P18b), narrower",
        net=lambda: glorot(dense(64, *[32] * 24, 10)),
        optimizer=adam(1e-3),
        epochs=5,
    ),
]
