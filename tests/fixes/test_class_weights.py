"""Weights for rare classes, in the user's own loss object."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

from autofix_nb.fixes.class_weights import ClassWeights
from autofix_nb.fixes.preparing import Owned
from autofix_nb.objective import Task
from autofix_nb.objective.tasks import cross_entropy
from tests.runs import finding, history, trainee

RARE = torch.tensor([0] * 6 + [1] * 3 + [2])


class Lists(Dataset):
    """A data set that keeps its labels in a list, as torchvision's do."""

    def __init__(self, targets):
        self.targets = targets

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        return torch.zeros(2), self.targets[index]


def evidence(labels=None, outputs=None):
    def scan(side):
        return SimpleNamespace(labels=None if labels is None else np.asarray(labels))

    return SimpleNamespace(scan=scan, outputs=outputs, step=None)


def planned(loss, labels=RARE, **more):
    labels = torch.as_tensor(labels)
    train = DataLoader(TensorDataset(torch.zeros(len(labels), 2), labels))
    fix, owned = ClassWeights(), Owned(**{"train": train, "loss": loss} | more)
    return fix, owned, fix.plan(finding(step=0), owned)


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(), nn.NLLLoss(reduction="sum")], ids=["cross-entropy", "nll"])
def test_the_weights_are_balanced(loss):
    """Those that scikit-learn computes, in place, of float32."""
    fix, owned, change = planned(loss)
    fix.apply(change, owned)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=RARE.numpy())

    assert (torch.float32, expected.astype(np.float32).tolist()) == (loss.weight.dtype, loss.weight.tolist())
    assert "weight" in loss.state_dict()


def test_yes_and_no_count_the_same():
    """Each yes counts as often as there are more no's."""
    loss = nn.BCEWithLogitsLoss()
    labels = torch.tensor([0.0] * 9 + [1.0] * 3)
    fix, owned, change = planned(loss, labels)
    fix.apply(change, owned)
    outputs = torch.zeros(12)

    assert [3.0] == change.after["pos_weight"]
    assert torch.allclose(functional.binary_cross_entropy_with_logits(outputs, labels) * 1.5, loss(outputs, labels))
    assert "(pos_weight 3)" in change.says


@pytest.mark.parametrize(
    ("labels", "outputs", "weights"),
    [
        pytest.param([0, 0, 0, 2], None, [2 / 3, 1.0, 2.0], id="a-class-without-samples"),
        pytest.param([0, 0, 0, 1], torch.zeros(4, 4), [2 / 3, 2.0, 1.0, 1.0], id="more-outputs-than-labels"),
        pytest.param([0, 0, 0, 1, -100], None, [2 / 3, 2.0], id="ignored-labels"),
        pytest.param(np.eye(2)[[0, 0, 0, 1]], None, [2 / 3, 2.0], id="one-hot"),
        pytest.param([[0], [0], [0], [1]], None, [2 / 3, 2.0], id="a-column"),
        pytest.param([0, 0, 1, 1], None, None, id="balanced-already"),
        pytest.param([1, 1, 1], None, None, id="one-class"),
        pytest.param([0.5, 1.5, 1.0], None, None, id="numbers"),
        pytest.param([0.0, float("nan"), 1.0], None, None, id="nan"),
        pytest.param([-1, 0, 0], None, None, id="negative"),
        pytest.param([["a"], ["b"]], None, None, id="words"),
        pytest.param(np.eye(2)[[0, 0, 0, 1]] + 1, None, None, id="no-one-hot"),
        pytest.param([0, 1, 10**9], None, None, id="identities"),
    ],
)
def test_labels_of_many_kinds(labels, outputs, weights):
    """Those that were looked at before; the model's outputs tell how many classes there are."""
    change = planned(nn.CrossEntropyLoss(), evidence=evidence(labels, outputs))[2]

    assert (None if weights is None else pytest.approx(weights)) == (change and change.after["weight"])


@pytest.mark.parametrize(
    ("dataset", "there"),
    [
        pytest.param(Lists(RARE.tolist()), True, id="a-list"),
        pytest.param(Subset(Subset(Lists([9, *RARE.tolist()]), range(1, 11)), range(10)), True, id="subsets"),
        pytest.param(Lists([[1], [1, 2]]), False, id="of-different-lengths"),
        pytest.param(Lists(["a", "a", "b"]), False, id="words"),
        pytest.param([(torch.zeros(2), 1)], False, id="untold"),
    ],
)
def test_labels_that_the_data_set_holds(dataset, there):
    """Where nothing was looked at before."""
    change = planned(nn.CrossEntropyLoss(), train=DataLoader(dataset))[2]

    assert there == (change is not None)
    if there:
        assert 3 == len(change.after["weight"])


@pytest.mark.parametrize(
    ("loss", "labels"),
    [
        pytest.param(None, RARE, id="none"),
        pytest.param(functional.cross_entropy, RARE, id="a-function"),
        pytest.param(nn.MSELoss(), RARE, id="no-classes"),
        pytest.param(nn.CrossEntropyLoss(weight=torch.ones(3)), RARE, id="has-weights"),
        pytest.param(nn.BCEWithLogitsLoss(pos_weight=torch.ones(1)), [0.0, 0.0, 1.0], id="has-a-weight"),
        pytest.param(nn.BCEWithLogitsLoss(), [[0.0, 1.0], [0.0, 0.0]], id="several-labels"),
        pytest.param(nn.BCEWithLogitsLoss(), [0.0, 0.0], id="no-yes"),
        pytest.param(nn.BCEWithLogitsLoss(), [0.0, 0.4, 1.0], id="probabilities"),
    ],
)
def test_what_has_no_place_for_weights_is_left_alone(loss, labels):
    """Or has some already."""
    assert None is planned(loss, labels)[2]


def test_the_lines_to_type_make_the_same_loss():
    """For few classes with the numbers, for many by computing them."""
    loss = nn.CrossEntropyLoss()
    names = {"nn": nn, "torch": torch}
    exec(planned(loss)[2].permanent, names)  # noqa: S102
    few = names["loss"].weight
    many = torch.cat([torch.arange(20), torch.tensor([3, 3])])
    change = planned(nn.CrossEntropyLoss(), many)[2]
    names["train_labels"] = many
    exec(change.permanent, names)  # noqa: S102

    assert torch.allclose(torch.tensor([0.5556, 1.1111, 3.3333]), few, rtol=1e-2)
    assert torch.allclose(torch.tensor(change.after["weight"]), names["loss"].weight)
    assert "(weight from 0.367 to 1.1)" in change.says


def test_says_what_it_does():
    """With the rarest class and its number."""
    change = planned(nn.CrossEntropyLoss())[2]

    assert (
        "all classes count the same in the loss, however rare: class 2 has 1 of 10 samples (weight 0.556, 1.11, 3.33)"
        == change.says
    )


def under_way(loss, labels=None, shares=None, code="D01", classes=3):
    """Return what is planned for a training under way, whose labels or shares are known."""
    seen = {f"target_share/{number}": [share] for number, share in (shares or {}).items()}
    run = trainee(history(loss=[1.0], **seen))
    run.task = Task(kind="classification", loss=loss, says="", classes=classes)
    run.train = None if labels is None else DataLoader(TensorDataset(torch.zeros(len(labels), 2), torch.tensor(labels)))
    return run, ClassWeights().plans(finding(step=100, code=code), run)


BALANCED = [2 / 3, 1.0, 2.0]


@pytest.mark.parametrize(
    ("loss", "known", "expected"),
    [
        pytest.param(cross_entropy, {"labels": [0, 0, 0, 1, 1, 2]}, BALANCED, id="by-the-data-set"),
        pytest.param(cross_entropy, {"shares": {0: 0.5, 1: 1 / 3, 2: 1 / 6}}, BALANCED, id="by-what-was-seen"),
        pytest.param(
            cross_entropy, {"labels": [0, 0, 9], "shares": {0: 0.5, 1: 1 / 3, 2: 1 / 6}}, BALANCED, id="other-labels"
        ),
        pytest.param(cross_entropy, {"labels": [0, 0, 0, 1]}, [2 / 3, 2.0, 1.0], id="a-class-never-seen"),
        pytest.param(nn.BCEWithLogitsLoss(), {"labels": [0.0, 0.0, 0.0, 1.0]}, [3.0], id="yes-or-no"),
        pytest.param(nn.BCEWithLogitsLoss(), {"shares": {0: 0.75, 1: 0.25}}, [3.0], id="yes-or-no-by-what-was-seen"),
        pytest.param(
            nn.BCEWithLogitsLoss(), {"labels": [[0.0, 1.0], [0.0, 0.0]] * 2}, [1.0, 1.0], id="several-labels-even"
        ),
        pytest.param(
            nn.BCELoss(), {"labels": [[0.0, 1.0], [0.0, 0.0], [0.0, 0.0], [1.0, 0.0]]}, [3.0, 3.0], id="several-labels"
        ),
        pytest.param(nn.BCEWithLogitsLoss(), {"labels": [1.0] + [0.0] * 999}, [100.0], id="not-above-the-most"),
        pytest.param(cross_entropy, {"labels": [0, 1, 2]}, [1.0, 1.0, 1.0], id="even"),
        pytest.param(cross_entropy, {}, None, id="nothing-known"),
        pytest.param(nn.CrossEntropyLoss(weight=torch.ones(3)), {"labels": [0, 0, 1]}, None, id="own-weights"),
        pytest.param(nn.MSELoss(), {"labels": [0, 0, 1]}, None, id="no-classes"),
    ],
)
def test_under_way_the_roots_come_first(loss, known, expected):
    """As settings of the loop: the user's loss object is not touched."""
    run, changes = under_way(loss, **known)
    even = expected is None or set(expected) == {1.0}

    assert ([] if even else [pytest.approx(np.sqrt(expected).tolist()), pytest.approx(expected)]) == [
        change.after["class_weights"] for change in changes
    ]
    for change in changes:
        fix = ClassWeights()
        fix.apply(change, run)

        assert change.after["class_weights"] == run.controls.class_weights
        fix.replay(change, run)
        fix.undo(change, run)

        assert None is run.controls.class_weights


TURNED = torch.tensor([20.0, 1.0])


@pytest.mark.parametrize(
    ("loss", "labels", "counted"),
    [
        pytest.param(
            nn.CrossEntropyLoss(weight=TURNED), [0] * 9 + [1], [5 / 9, 5.0], id="the-frequent-class-counts-more"
        ),
        pytest.param(
            nn.BCEWithLogitsLoss(pos_weight=TURNED[1:] / 10), [0.0, 1.0] * 6, [1.0], id="a-yes-counts-a-tenth"
        ),
        pytest.param(nn.BCEWithLogitsLoss(pos_weight=TURNED[1:] / 9), [0.0] * 9 + [1.0], [9.0], id="and-is-rare"),
        pytest.param(nn.CrossEntropyLoss(weight=TURNED.flip(0)), [0] * 9 + [1], None, id="the-rare-class-counts-more"),
        pytest.param(nn.BCEWithLogitsLoss(weight=TURNED[1:]), [0.0] * 9 + [1.0], None, id="weights-of-rows"),
    ],
)
def test_weights_that_make_rare_classes_rarer_are_replaced(loss, labels, counted):
    """Ours are multiplied by those of the loss, and undo them; even classes have no halfway."""
    _, changes = under_way(loss, labels=labels, classes=2)

    if counted is None:
        assert [] == changes
        return
    own = (loss.pos_weight if loss.weight is None else loss.weight).numpy()

    assert counted == pytest.approx(np.array(changes[-1].after["class_weights"]) * own)
    assert (1 if counted == [1.0] else 2) == len(changes)
    assert "which make them count even less" in changes[0].says


def test_before_the_first_step_full_weights_come_first():
    """There is nothing that they could throw about."""
    run, _ = under_way(cross_entropy, labels=[0, 0, 0, 1, 1, 2])
    run.history = history()
    changes = ClassWeights().plans(finding(step=1, code="D01"), run)

    assert [pytest.approx(BALANCED), pytest.approx(np.sqrt(BALANCED).tolist())] == [
        change.after["class_weights"] for change in changes
    ]


def test_all_places_of_a_mask_are_counted_together():
    """Whatever their shape, for classes and for yes or no."""
    masks = np.zeros((4, 2, 2), dtype=int)
    masks[0, 0, 0] = 1
    _, classes = under_way(cross_entropy, labels=masks.tolist(), classes=2)
    _, marked = under_way(nn.BCEWithLogitsLoss(), labels=masks.astype(float).tolist())

    assert pytest.approx([8 / 15, 8.0]) == classes[-1].after["class_weights"]
    assert pytest.approx([15.0]) == marked[-1].after["class_weights"]


@pytest.mark.parametrize(("code", "count"), [("L06", 3), ("L07", 3), ("D01", 2)])
def test_against_one_class_that_swallows_all_the_focal_loss_follows(code, count):
    """After both weighings."""
    _, changes = under_way(cross_entropy, labels=[0, 0, 0, 1, 1, 2], code=code)

    assert count == len(changes)
    assert ({"focal": 2.0} == changes[-1].after) == (count == 3)


def test_what_is_weighed_already_is_not_weighed_again():
    """Its trial is over."""
    run, _ = under_way(cross_entropy, labels=[0, 0, 1])
    run.controls.class_weights = [1.0, 2.0, 1.0]

    assert [] == ClassWeights().plans(finding(step=100), run)
