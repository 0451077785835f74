"""E03: an accelerator that could be had, how, and whether this model needs one."""

import pytest
import torch
from torch import nn

from autofix_nb.checks.accelerator import Accelerator
from autofix_nb.evidence import Clock, Machine, Subject
from autofix_nb.finding import Severity
from tests.cases import digits_loaders, mlp
from tests.checks.subjects import answer_of, subject

LARGE = nn.Linear(2000, 2500)  # 5,002,500 parameters
SMALL = nn.Linear(64, 10)


def machine(**facts) -> Machine:
    """A machine with nothing but a CPU, but for what is told."""
    usual = {
        "host": "jupyter",
        "system": "linux",
        "installed": {"torch": "2.11.0+cu128"},
        "variables": {},
        "accelerators": (),
        "accelerator_name": "",
        "built_for": "CUDA 12.8",
        "nvidia_card": None,
        "driver": "",
        "cuda_error": "",
    }
    return Machine(**usual | facts)


@pytest.mark.parametrize("host", ["terminal", "jupyter", "vscode"])
def test_where_none_can_be_had_it_is_fine(host):
    """However large the model is."""
    answer = answer_of(Accelerator(), subject(LARGE, machine=machine(host=host)))

    assert ((), "CPU only; no accelerator was found here") == (answer.findings, answer.says)


@pytest.mark.parametrize(
    ("severity", "model"),
    [
        pytest.param(Severity.WARNING, LARGE, id="large"),
        pytest.param(Severity.NOTE, SMALL, id="small"),
        pytest.param(Severity.NOTE, None, id="no-model"),
    ],
)
@pytest.mark.parametrize(
    ("host", "click"), [("colab", "Runtime > Change runtime type"), ("kaggle", "Settings > Accelerator")]
)
def test_where_it_is_a_click_away(host, click, severity, model):
    """A note for a small model, a warning for a large one."""
    finding = answer_of(Accelerator(), subject(model, machine=machine(host=host))).findings[0]

    assert severity == finding.severity
    assert click in finding.says


def test_images_are_slow_on_a_cpu():
    """Even with a small model."""
    images = torch.utils.data.TensorDataset(torch.zeros(4, 3, 96, 64), torch.zeros(4, dtype=torch.int64))
    train = torch.utils.data.DataLoader(images, batch_size=2)

    finding = answer_of(Accelerator(), subject(SMALL, train, machine=machine(host="colab"))).findings[0]

    assert Severity.WARNING == finding.severity
    assert "a model of 650 parameters on images of 96 pixels is slow without one" in finding.says


@pytest.mark.parametrize(
    ("words", "to_type", "facts"),
    [
        pytest.param(
            "torch 2.11.0+cpu is a build for CPUs alone",
            '%pip install --force-reinstall "torch==2.11.0,!=2.11.0+cpu" "torchvision==0.26.0"',
            {"installed": {"torch": "2.11.0+cpu"}, "built_for": None},
            id="torch-for-cpus",
        ),
        pytest.param(
            "its driver 470.82.01 is too old for torch 2.11.0+cu128, built for CUDA 12.8",
            "!nvidia-smi",
            {"driver": "470.82.01", "cuda_error": "The NVIDIA driver on your system is too old (found version 11040)."},
            id="driver-too-old",
        ),
        pytest.param(
            "`CUDA_VISIBLE_DEVICES=1` keeps it from torch",
            'import os; os.environ.pop("CUDA_VISIBLE_DEVICES")  # in the first cell, after a restart',
            {"variables": {"CUDA_VISIBLE_DEVICES": "1"}, "cuda_error": "No CUDA GPUs are available"},
            id="another-card-chosen",
        ),
        pytest.param(
            "torch 2.11.0+cu128 for CUDA 12.8 cannot use it",
            'import torch; torch.zeros(1, device="cuda")  # says why',
            {"cuda_error": "CUDA unknown error", "variables": {"CUDA_VISIBLE_DEVICES": "0,1"}},
            id="unknown",
        ),
    ],
)
def test_a_card_that_torch_cannot_use(words, to_type, facts):
    """With the reason, and what to type."""
    finding = answer_of(Accelerator(), subject(LARGE, machine=machine(nvidia_card="device", **facts))).findings[0]

    assert (Severity.WARNING, to_type) == (finding.severity, finding.to_type)
    assert words in finding.says


def test_windows_gets_another_index():
    """The registry's wheels for Windows are for CPUs."""
    told = machine(nvidia_card="device", built_for=None, system="win32", installed={"torch": "2.11.0"})

    finding = answer_of(Accelerator(), subject(LARGE, machine=told)).findings[0]

    assert "--index-url https://download.pytorch.org/whl/cu" in finding.to_type


@pytest.mark.parametrize(
    ("severity", "model", "facts"),
    [
        pytest.param(Severity.NOTE, SMALL, {"nvidia_card": "device", "built_for": None}, id="small-model"),
        pytest.param(Severity.WARNING, None, {"nvidia_card": "device", "built_for": None}, id="no-model"),
        pytest.param(Severity.NOTE, LARGE, {"nvidia_card": "bus", "built_for": None}, id="perhaps-not-ours"),
        pytest.param(
            Severity.NOTE,
            LARGE,
            {"nvidia_card": "device", "variables": {"CUDA_VISIBLE_DEVICES": ""}},
            id="hidden-on-purpose",
        ),
    ],
)
def test_what_may_be_meant_so_is_a_note(severity, model, facts):
    """A small model, a card of others, a card that was hidden."""
    finding = answer_of(Accelerator(), subject(model, machine=machine(**facts))).findings[0]

    assert severity == finding.severity


def test_a_card_that_is_not_given_to_the_process_is_no_finding():
    """A container without it, with a torch that could."""
    answer = answer_of(Accelerator(), subject(LARGE, machine=machine(nvidia_card="bus")))

    assert () == answer.findings


@pytest.mark.parametrize("kind", ["cuda", "mps", "xpu"])
def test_an_accelerator_that_is_not_used(kind):
    """A large model set to run on the CPU; a small one may."""
    told = machine(accelerators=(kind,), accelerator_name="Some GPU")

    large = answer_of(Accelerator(), subject(LARGE, machine=told)).findings
    small = answer_of(Accelerator(), subject(SMALL, machine=told)).findings

    assert ([Severity.WARNING], ()) == ([finding.severity for finding in large], small)
    assert f'device = "{kind}"' == large[0].to_type
    assert "a model of 5,002,500 parameters is slow there (limit 5 million parameters" in large[0].says


def test_an_accelerator_that_is_used():
    """Nothing to say but its name."""
    told = machine(accelerators=("mps",), accelerator_name="Apple GPU")
    looked_at = Subject(None, None, clock=Clock(9), device=torch.device("mps"), machine=told)

    assert "trains on `mps` (Apple GPU)" == answer_of(Accelerator(), looked_at).says


def test_here_it_is_quiet():
    """On the machine that runs this, whatever it has: the model is small."""
    assert () == answer_of(Accelerator(), subject(mlp(), *digits_loaders())).findings
