"""Repairs are planned by rules alone: nothing here installs anything."""

import pytest

from autofix_nb.environment.plan import plan_repairs
from autofix_nb.environment.repair import Repair

WHOLE = {
    "numpy": "1.26.4",
    "torch": "2.15.0",
    "torchvision": "0.29.2",
    "timm": "1.0.31",
    "ipywidgets": "8.1.9",
    "autofix-nb": "0.1.0",
}
COLAB = {
    **WHOLE,
    "numpy": "2.1.3",
    "torch": "2.11.0+cu128",
    "torchvision": "0.26.0+cu128",
    "ipywidgets": "7.7.1",
    "ipykernel": "6.17.1",
}
REQUIREMENTS = (
    "torch>=2.2",
    "timm",
    "ipywidgets>=7.7",
    'numpy<2; python_version < "3.12"',
    'numpy>=1.26; python_version >= "3.12"',
)
NMS = "RuntimeError: operator torchvision::nms does not exist"
NO_NUMPY = "RuntimeError: Numpy is not available"


@pytest.mark.parametrize(
    ("expected", "installed", "python", "host", "known"),
    [
        pytest.param([], WHOLE, (3, 11), "terminal", {}, id="healthy"),
        pytest.param([], {**WHOLE, "numpy": "2.4.6"}, (3, 13), "jupyter", {}, id="NumPy 2 from Python 3.12 on"),
        pytest.param([], COLAB, (3, 13), "colab", {}, id="Colab with NumPy 2 is left alone"),
        pytest.param([], COLAB, (3, 11), "colab", {}, id="an older Colab with NumPy 2 too"),
        pytest.param([], COLAB, (3, 12), "kaggle", {}, id="Kaggle too"),
        pytest.param(
            [["install", "--editable", "."]],
            {**WHOLE, "numpy": "2.4.6"},
            (3, 11),
            "terminal",
            {},
            id="NumPy 2 where the project pins NumPy 1",
        ),
        pytest.param(
            [["install", "numpy<2"]],
            {**WHOLE, "torch": "2.2.2", "torchvision": "0.17.2", "numpy": "2.4.6"},
            (3, 11),
            "terminal",
            {"bridge": (False, NO_NUMPY)},
            id="NumPy 2 under an old torch",
        ),
        pytest.param(
            [["install", "numpy<2"]],
            {**WHOLE, "torch": "2.2.2", "torchvision": "0.17.2", "numpy": "2.4.6"},
            (3, 12),
            "colab",
            {},
            id="NumPy 2 under an old torch, by the rule",
        ),
        pytest.param(
            [["install", "torch>=2.3,!=2.2.2", "torchvision"]],
            {**WHOLE, "torch": "2.2.2", "torchvision": "0.17.2", "numpy": "2.4.6"},
            (3, 13),
            "terminal",
            {},
            id="NumPy 2 under an old torch, where no NumPy 1 exists",
        ),
        pytest.param(
            [["install", "torch==2.2.2", "torchvision==0.17.2"]],
            {**WHOLE, "torch": "2.2.2", "torchvision": "0.29.2"},
            (3, 11),
            "terminal",
            {"failures": {"torchvision": NMS, "timm": NMS}},
            id="torchvision for another torch",
        ),
        pytest.param(
            [["install", "torch==2.15.0", "torchvision>=0.29"]],
            {**WHOLE, "torchvision": "0.28.0"},
            (3, 11),
            "terminal",
            {},
            id="torchvision too old",
        ),
        pytest.param(
            [
                [
                    "install",
                    "--force-reinstall",
                    "--no-deps",
                    "torch==2.13.0,!=2.13.0+cpu",
                    "torchvision==0.28.0",
                ],
                ["install", "torch==2.13.0,!=2.13.0+cpu", "torchvision==0.28.0"],
            ],
            {**WHOLE, "torch": "2.13.0+cpu", "torchvision": "0.28.0"},
            (3, 11),
            "terminal",
            {"failures": {"torchvision": NMS, "timm": NMS}},
            id="versions that fit, builds that do not",
        ),
        pytest.param(
            [
                ["install", "--force-reinstall", "--no-deps", "torchvision==0.26.0"],
                ["install", "torchvision==0.26.0"],
            ],
            COLAB,
            (3, 13),
            "colab",
            {"failures": {"torchvision": NMS}, "bridge": (True, "")},
            id="on Colab a torch that works stays",
        ),
        pytest.param(
            [["install", "--ignore-installed", "--no-deps", "numpy==1.26.4"], ["install", "numpy==1.26.4"]],
            WHOLE,
            (3, 11),
            "terminal",
            {"incomplete": {"numpy": "its RECORD is missing"}, "failures": {"torch": "ImportError: numpy"}},
            id="half installed: made whole before anything else is judged",
        ),
        pytest.param(
            [
                ["install", "--force-reinstall", "--no-deps", "tqdm==4.70.1"],
                ["install", "tqdm==4.70.1"],
                ["install", "torch==2.15.0", "torchvision>=0.29"],
            ],
            {**WHOLE, "tqdm": "4.70.1", "torchvision": "0.28.0", "numpy": "2.4.6"},
            (3, 11),
            "terminal",
            {"incomplete": {"tqdm": "2 of its files are missing"}, "failures": {"torchvision": NMS}},
            id="the project's pins wait until the pair fits",
        ),
        pytest.param(
            [],
            COLAB,
            (3, 13),
            "colab",
            {"incomplete": {"ipywidgets": "its RECORD is missing"}, "failures": {"ipywidgets": "x"}},
            id="Colab's notebook stack is not even repaired",
        ),
        pytest.param(
            [["install", "torch==2.15.0"]],
            WHOLE,
            (3, 11),
            "terminal",
            {"failures": {"torch": "ModuleNotFoundError: No module named 'sympy'"}},
            id="a dependency that is gone is brought back",
        ),
        pytest.param(
            [["install", "--force-reinstall", "--no-deps", "timm==1.0.31"], ["install", "timm==1.0.31"]],
            WHOLE,
            (3, 11),
            "terminal",
            {"failures": {"timm": "ImportError: cannot import name 'x'"}},
            id="a package that does not import",
        ),
        pytest.param(
            [],
            WHOLE,
            (3, 11),
            "terminal",
            {"failures": {"autofix-nb": "SyntaxError: x"}},
            id="an error in the project's own code is no matter of installing",
        ),
        pytest.param(
            [["install", "--editable", ".[test]"]],
            {},
            (3, 11),
            "terminal",
            {"project": "autofix_nb is not installed", "extras": ["test"]},
            id="nothing there",
        ),
        pytest.param(
            [["install", "timm"], ["install", "--no-deps", "--editable", "."]],
            {name: version for name, version in COLAB.items() if name not in ("timm", "ipywidgets")},
            (3, 13),
            "kaggle",
            {"project": "autofix_nb is not installed"},
            id="on Kaggle only what is missing, and no widgets",
        ),
    ],
)
def test_plan_repairs(expected, installed, python, host, known):
    """Each breakage has its repair, a healthy environment has none, and every repair says why."""
    repairs = plan_repairs(installed, python, host, requirements=REQUIREMENTS, **known)

    assert expected == [command for repair in repairs for command in repair.commands()]
    assert all(repair.why for repair in repairs)


def test_a_repair_names_the_versions_it_found():
    """The sentence before a change holds what was measured."""
    [repair] = plan_repairs(
        {"torch": "2.2.2", "torchvision": "0.17.2", "numpy": "2.4.6"},
        (3, 11),
        "terminal",
        bridge=(False, NO_NUMPY),
    )

    expected = Repair(
        "numpy",
        ("numpy<2",),
        "torch 2.2.2 cannot pass a tensor to NumPy 2.4.6 and back (RuntimeError: Numpy is not available); "
        "it takes NumPy 1",
    )

    assert expected == repair
