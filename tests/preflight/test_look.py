"""`preflight` as a whole: a report for every training, and everything left as it was."""

import json
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import autofix_nb as af
from autofix_nb.errors import AutofixError, ConfigurationError, ModelError
from tests.cases import ConvNet, Lstm, digits, digits_loaders, mlp, small_loader
from tests.evidence.test_untouched import bits


def look(*given, **options):
    """Look without a bar; an error of a check's own fails the test."""
    report = af.preflight(*given, **({"show": "none"} | options))
    broke = [one for one in report.asked if one.broke is not None]
    if broke:
        raise broke[0].broke
    return report


def test_a_healthy_training_is_ready():
    """Every question has an answer, or a reason why not."""
    train, val = digits_loaders()
    model = mlp()
    report = look(model, train, val, loss=nn.CrossEntropyLoss(), optimizer=torch.optim.Adam(model.parameters()))

    assert report.verdict == "clean", str(report)
    assert report.exit_status == 0
    assert report.ready
    assert all((one.answer is None) == bool(one.why_not) for one in report.asked)
    assert "Ready to train" in str(report)


@pytest.mark.parametrize("make", [ConvNet, Lstm], ids=lambda make: make.__name__)
@pytest.mark.parametrize("deep", [False, True], ids=["quick", "deep"])
def test_nothing_is_left_behind(make, deep):
    """Weights, buffers, gradients, optimizer state, modes, streams: bit for bit; batch norm, dropout, recurrence."""
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    model = make()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    generator = torch.Generator().manual_seed(4)
    train, val = digits_loaders()
    train = DataLoader(train.dataset, batch_size=32, shuffle=True, generator=generator)
    for _ in range(2):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(torch.rand(8, 64)), torch.randint(0, 10, (8,))).backward()
        optimizer.step()
    next(model.children()).eval()
    before = bits(model, optimizer), generator.get_state(), dict(vars(train)), dict(vars(train.dataset))

    look(model, train, val, loss=nn.CrossEntropyLoss(), optimizer=optimizer, deep=deep)

    assert before[0] == bits(model, optimizer)
    assert torch.equal(before[1], generator.get_state())
    assert before[2].keys() == vars(train).keys()
    assert all(before[2][name] is part for name, part in vars(train).items())
    assert before[3] == vars(train.dataset)


def test_the_training_that_follows_is_the_same_bit_for_bit(tmp_path):
    """With a look before it or without."""
    ends = []
    for looked in (False, True):
        torch.manual_seed(0)
        model = ConvNet()
        train, val = digits_loaders()
        if looked:
            look(model, train, val)
        run = af.fit(model, train, val, epochs=1, seed=3, store=tmp_path, name=str(looked), show="none")
        ends.append(run.last_weights)

    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_an_iteration_that_has_begun_goes_on():
    """The loader's own iteration is not touched."""
    train = small_loader(generator=torch.Generator().manual_seed(1))
    wanted = [inputs for inputs, _ in train]
    train.generator.manual_seed(1)
    arriving = iter(train)
    seen = [next(arriving)[0] for _ in range(2)]

    look(mlp(4, 3), train)
    seen += [inputs for inputs, _ in arriving]

    assert all(torch.equal(left, right) for left, right in zip(wanted, seen, strict=True))


class Nothing(Dataset):
    """Of length 0."""

    def __len__(self):
        return 0

    def __getitem__(self, index):
        raise IndexError(index)


class Strange(Dataset):
    """Gives what `change` makes of each index."""

    def __init__(self, change, length=40):
        self.change, self.length = change, length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return self.change(index)


class Stream(IterableDataset):
    """Rows without an index."""

    def __iter__(self):
        inputs, targets = digits()
        yield from ((inputs[place], targets[place]) for place in range(300))


def _frame():
    import pandas

    inputs, targets = digits()
    frame = pandas.DataFrame(inputs[:200, 10:14].numpy(), columns=["a", "b", "c", "d"])
    frame["name"] = [object() for _ in range(200)]
    frame["when"] = pandas.date_range("2020-01-01", periods=200)
    return frame, targets[:200].numpy()


def _raises(message="out of ideas"):
    class Raises(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(64, 10)

        def forward(self, rows):
            raise ZeroDivisionError(message)

    return Raises()


def _few():
    """Digits enough to be asked every question, and few enough that the answers take no time."""
    inputs, targets = digits()
    return DataLoader(TensorDataset(inputs[:200], targets[:200]), batch_size=32, shuffle=True)


STRANGE = {
    "a model that raises": lambda: (_raises(), _few()),
    "a message that is a page of HTML": lambda: (_raises("<script>alert(1)</script>\n" * 50), _few()),
    "a loader that yields None": lambda: (mlp(), [None, None]),
    "a data set of length 0": lambda: (mlp(), Nothing()),
    "a loader of length 0": lambda: (mlp(), DataLoader(Nothing(), batch_size=4)),
    "an empty list": lambda: (mlp(), []),
    "samples that are None": lambda: (mlp(), Strange(lambda index: None)),
    "samples that are text": lambda: (mlp(), Strange(lambda index: f"row {index}")),
    "samples that are objects": lambda: (mlp(), Strange(lambda index: (object(), index))),
    "samples of growing length": lambda: (mlp(), Strange(lambda index: (torch.zeros(index + 1), 0))),
    "every sample raises": lambda: (mlp(), Strange(lambda index: 1 / 0)),
    "targets that are text": lambda: (mlp(4, 2), Strange(lambda index: (torch.zeros(4), "cat"))),
    "targets that are dicts": lambda: (mlp(4, 2), Strange(lambda index: (torch.zeros(4), {"box": torch.zeros(4)}))),
    "one sample": lambda: (mlp(4, 2), Strange(lambda index: (torch.zeros(4), 1), length=1)),
    "two samples": lambda: (mlp(4, 2), Strange(lambda index: (torch.ones(4) * index, index), length=2)),
    "scalars": lambda: (nn.Identity(), Strange(lambda index: (float(index), float(index)))),
    "complex numbers": lambda: (mlp(4, 2), Strange(lambda index: (torch.zeros(4, dtype=torch.cfloat), 1))),
    "half precision": lambda: (mlp(4, 2), Strange(lambda index: (torch.zeros(4, dtype=torch.half), 1))),
    "sparse rows": lambda: (mlp(4, 2), Strange(lambda index: (torch.ones(4).to_sparse(), 1))),
    "yes and no": lambda: (mlp(4, 2), Strange(lambda index: (torch.ones(4, dtype=torch.bool), True))),
    "all NaN": lambda: (mlp(4, 2), Strange(lambda index: (torch.full((4,), float("nan")), 1))),
    "a frame with object columns": lambda: (mlp(4, 10), _frame()),
    "an iterable data set": lambda: (mlp(), DataLoader(Stream(), batch_size=32)),
    "a model without parameters": lambda: (nn.ReLU(), _few()),
    "a lazy model": lambda: (nn.Sequential(nn.LazyLinear(10)), _few()),
    "a frozen model": lambda: (mlp().requires_grad_(False), _few()),
    "a scripted model": lambda: (torch.jit.script(mlp()), _few()),
    "no model, no data": lambda: (None, None),
    "a batch sampler": lambda: (
        mlp(),
        DataLoader(_few().dataset, batch_sampler=[[1, 2, 3], [4, 5, 6], [7, 7, 7]]),
    ),
    "whole batches by key": lambda: (mlp(), DataLoader(_few().dataset, batch_size=None)),
    "one row of numbers": lambda: (mlp(64, 10), [(torch.zeros(64), torch.tensor(1))]),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.torch.jit.script. is deprecated:FutureWarning")
@pytest.mark.parametrize("make", STRANGE.values(), ids=STRANGE.keys())
def test_bad_input_is_a_finding_and_never_a_traceback(make):
    """A report, whatever it is; its faces hold no raw HTML of the user's."""
    report = look(*make(), deep=True, budget_seconds=20)

    assert str(report)
    assert "<script>alert" not in report.to_html()
    assert json.loads(report.to_json())["exit_status"] == report.exit_status


@pytest.mark.parametrize(
    "name",
    [
        "a model that raises",
        "a loader that yields None",
        "a data set of length 0",
        "samples that are None",
        "every sample raises",
        "samples of growing length",
        "a frame with object columns",
        "all NaN",
        "a model without parameters",
        "a frozen model",
    ],
)
def test_what_cannot_be_trained_is_not_called_ready(name):
    """Each of these has a finding."""
    assert look(*STRANGE[name]()).findings


@pytest.mark.parametrize(
    ("given", "options", "kind", "says"),
    [
        (("a model", None), {}, ModelError, "`model` is a str, wanted a `torch.nn.Module`, or None"),
        ((None, (row for row in [])), {}, ConfigurationError, "`train` is a generator, which can be read once only"),
        ((None, None), {"budget_seconds": 0}, ConfigurationError, "`budget_seconds` must be a number greater than 0"),
        ((None, None), {"budget_seconds": float("nan")}, ConfigurationError, "`budget_seconds` must be"),
        ((None, None), {"preset": "wild"}, ConfigurationError, "`preset`"),
        ((None, None), {"ignore": ["X99"]}, ConfigurationError, "X99"),
        ((None, None), {"optimizer": 3}, ConfigurationError, "`optimizer` must be"),
        ((None, None), {"loss": nn.MSELoss}, ConfigurationError, "`loss` is the class MSELoss"),
        ((None, None), {"show": "loud"}, ConfigurationError, "`show` must be"),
        ((None, None), {"device": "cuda:99"}, ConfigurationError, "`device='cuda:99'` cannot be used here"),
    ],
)
def test_arguments_of_no_use_are_refused_with_words(given, options, kind, says):
    """Before anything is looked at."""
    with pytest.raises(AutofixError) as refused:
        look(*given, **options)

    assert type(refused.value) is kind
    assert says in str(refused.value)


def test_ignored_checks_are_not_asked():
    """By code."""
    report = look(mlp(), digits_loaders()[0], ignore=("D03", "B10"))

    assert not {"D03", "B10"} & {one.check.code for one in report.asked}


def test_a_spent_budget_says_so():
    """What does not fit is not begun."""
    report = look(mlp(), *digits_loaders(), deep=True, budget_seconds=1e-6)

    assert "no time left" in " ".join(one.why_not for one in report.asked)


def test_asking_twice_gives_the_same_report():
    """But for the seconds."""
    train, val = digits_loaders(nan=(3, 4, 5))
    reports = [look(mlp(), train, val) for _ in range(2)]

    assert [str(one) for one in reports[0].findings] == [str(one) for one in reports[1].findings]


def test_a_table_needs_no_loader():
    """NumPy arrays; the model sees float32."""
    inputs, targets = digits()

    report = look(mlp(), (inputs.numpy().astype(np.float64), targets.numpy()))

    assert report.verdict == "clean", str(report)


def test_a_data_set_needs_no_loader_either():
    """It is looked at as if it were shuffled."""
    inputs, targets = digits()

    assert look(mlp(), TensorDataset(inputs, targets)).verdict == "clean"


def test_a_model_without_values_is_refused():
    """On `meta` there is nothing to be computed, and nothing to be put back."""
    with torch.device("meta"):
        model = nn.Linear(64, 10)

    with pytest.raises(ModelError, match="lies on the `meta` device: 2 of its 2 parameters"):
        look(model, *digits_loaders())


class Kept(nn.Module):
    """A model that keeps features and counts its calls, so that `copy.deepcopy` refuses it after a forward pass."""

    def __init__(self):
        super().__init__()
        self.body = mlp()
        self.features, self.calls = None, 0

    def forward(self, rows):
        self.calls += 1
        self.features = self.body(rows)
        return self.features


def test_what_a_model_keeps_is_kept():
    """A copy can learn a batch by heart, and the original's features are those of the user's last call."""
    model = Kept()
    model(digits()[0][:4])
    features = model.features
    report = look(model, *digits_loaders(), loss=nn.CrossEntropyLoss(), deep=True)

    assert model.features is features
    assert 1 == model.calls
    assert "learnt by heart" in next(one.answer.says for one in report.asked if one.check.code == "B09")


def test_batches_whose_samples_are_not_stacked_are_tried():
    """Detection: images beside dicts of boxes; without rows no question about the model could be answered."""
    inputs, _ = digits()
    samples = [(row, {"boxes": torch.rand(1 + place % 3, 4)}) for place, row in enumerate(inputs[:40])]
    train = DataLoader(samples, batch_size=4, shuffle=True, collate_fn=lambda rows: tuple(zip(*rows, strict=True)))
    model = nn.Linear(64, 4)

    def step(model, batch):
        images, targets = batch
        wanted = torch.stack([target["boxes"].mean(0) for target in targets])
        return {"boxes": nn.functional.mse_loss(model(torch.stack(images)), wanted)}

    report = look(model, train, step=step)

    assert {"B06", "B07", "B11"} <= {one.check.code for one in report.asked if one.answer is not None}


def test_what_is_to_be_typed_names_the_data_set_that_was_given():
    """No loader was, so there is no `train.dataset`."""
    data = [(torch.zeros(4), 0) for _ in range(40)]
    data[3] = None
    report = look(
        mlp(4, 3), type("Holed", (Dataset,), {"__len__": lambda _: 40, "__getitem__": lambda _, i: data[i]})()
    )
    (finding,) = [finding for finding in report.findings if finding.code == "B02"]

    assert "Subset(train, " in finding.to_type
