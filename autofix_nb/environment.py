"""What this Python, its packages and its machine are; what does not fit; what to install so that it fits.

Used in two ways: by the package (`snapshot`, `host`, `numpy_bridge_works`, `pair_fits`), and by path, before
anything is installed, from `fix_environment.sh`. So it needs the standard library alone, and torch and NumPy
are imported inside functions.

The rules, written once, and where they come from:
- torch takes NumPy 2 from 2.3.0 on (pytorch/pytorch#132179; its wheels for Windows from 2.4.1 on,
  pytorch/pytorch#135013). The probe decides, the rule explains.
- NumPy 1 has wheels up to Python 3.12 (PyPI).
- torchvision's minor is torch's minor + 15 and the patch is the same, from torch 2.2 with torchvision 0.17 to
  torch 2.13 with 0.28; torchvision 0.29 asks for torch 2.14 or newer (`Requires-Dist` of the wheels on PyPI).
- A torchvision that was built for another torch (also: the registry's build beside a CPU-only torch) says on
  import `operator torchvision::nms does not exist`.
- Kaggle's image is built from Colab's, so Kaggle is asked for first; the modules and variables of Colab are
  true on both, the class of the running shell is not (Kaggle/kagglehub#230).
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import html
import importlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

FIRST_TORCH_FOR_NUMPY_2 = (2, 3)
LAST_PYTHON_WITH_NUMPY_1 = (3, 12)
TORCHVISION_MINOR_AHEAD = 15
FIRST_FREE_TORCH = (2, 14)
FIRST_FREE_TORCHVISION = (0, 29)

# Distribution and module of what must import.
MODULES = {
    "numpy": "numpy",
    "torch": "torch",
    "torchvision": "torchvision",
    "timm": "timm",
    "scikit-learn": "sklearn",
    "matplotlib": "matplotlib",
    "ipywidgets": "ipywidgets",
    "tqdm": "tqdm",
    "autofix-nb": "autofix_nb",
}
# Colab and Kaggle run on exactly these: another version ends the session, so they are never installed there.
NOTEBOOK_STACK = frozenset([
    "comm", "debugpy", "google-colab", "ipykernel", "ipython", "ipywidgets", "jupyter-client",
    "jupyter-core", "jupyter-server", "jupyterlab", "jupyterlab-widgets", "notebook", "prompt-toolkit",
    "pyzmq", "tornado", "traitlets", "widgetsnbextension",
])  # fmt: skip
# Without this list of its files pip cannot take a package away.
NO_RECORD = "its RECORD is missing"
NOTEBOOK_HOSTS = ("kaggle", "colab")


def host(environ: Mapping[str, str] | None = None, shell: object | None = None) -> str:
    """Where this code runs: `kaggle`, `colab`, `vscode`, `jupyter` or `terminal`."""
    environ = os.environ if environ is None else environ
    if shell is None and "IPython" in sys.modules:
        shell = sys.modules["IPython"].get_ipython()
    shell_class = f"{type(shell).__module__}.{type(shell).__name__}"
    if "KAGGLE_KERNEL_RUN_TYPE" in environ:
        return "kaggle"
    if "google.colab" in shell_class:
        return "colab"
    if "VSCODE_PID" in environ and shell is not None:
        return "vscode"
    if "ZMQ" in shell_class:
        return "jupyter"
    return "terminal"


def host_of_script(environ: Mapping[str, str] | None = None) -> str:
    """The host as seen by a script that a cell started with `!`: there is no shell object to look at."""
    environ = os.environ if environ is None else environ
    found = host(environ)
    return "colab" if found == "terminal" and "COLAB_RELEASE_TAG" in environ else found


# The rules --------------------------------------------------------------------------------------------------


def release(version: str) -> tuple[int, ...]:
    """The numbers of a version: `2.11.0+cu128` gives `(2, 11, 0)`."""
    numbers = re.match(r"\d+(\.\d+)*", version)
    if numbers is None:
        raise ValueError(f"`version` must begin with a number, got {version!r}; give it as `2.11.0`")
    return tuple(int(part) for part in numbers[0].split("."))


def pair_fits(torch: str, torchvision: str) -> bool:
    """Whether these versions of torch and torchvision belong together."""
    torch_numbers, vision_numbers = release(torch)[:2], release(torchvision)[:2]
    if torch_numbers >= FIRST_FREE_TORCH or vision_numbers >= FIRST_FREE_TORCHVISION:
        return torch_numbers >= FIRST_FREE_TORCH and vision_numbers >= FIRST_FREE_TORCHVISION
    return vision_numbers == (0, torch_numbers[1] + TORCHVISION_MINOR_AHEAD)


def torchvision_for(torch: str) -> str:
    """The requirement whose torchvision fits this version of torch."""
    major, minor, patch = (*release(torch), 0, 0)[:3]
    if (major, minor) >= FIRST_FREE_TORCH:
        return f"torchvision>={FIRST_FREE_TORCHVISION[0]}.{FIRST_FREE_TORCHVISION[1]}"
    return f"torchvision==0.{minor + TORCHVISION_MINOR_AHEAD}.{patch}"


def numpy_fits(torch: str, numpy: str) -> bool:
    """Whether this version of torch was built to take this version of NumPy."""
    return release(numpy)[0] < 2 or release(torch)[:2] >= FIRST_TORCH_FOR_NUMPY_2


def numpy_bridge_works() -> tuple[bool, str]:
    """Pass a tensor to NumPy and back: whether it arrived, and in words what happened."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch 2.2 says here in a warning what the next lines find out
            numpy, torch = importlib.import_module("numpy"), importlib.import_module("torch")
            there = torch.arange(3.0).numpy() + numpy.ones(3, dtype=numpy.float32)
            back = torch.from_numpy(there).tolist()
            number = torch.as_tensor(numpy.int64(4)).item()  # fails alone on Windows: pytorch/pytorch#135013
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is no
        return False, f"{type(error).__name__}: {error}"
    if back != [1.0, 2.0, 3.0] or number != 4:
        return False, f"a tensor came back from NumPy as {back}, wanted [1.0, 2.0, 3.0]"
    return True, "a tensor went from torch to NumPy and back"


# What to repair ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Repair:
    """One change to the installed packages, and why."""

    package: str
    requirements: tuple[str, ...]
    why: str
    anew: bool = False  # also where the version is already the wanted one
    over: bool = False  # over what is there, which pip cannot take away

    def commands(self) -> list[list[str]]:
        """The arguments for pip, one list a call."""
        plain = ["install", *self.requirements]
        if not self.anew:
            return [plain]
        # Without dependencies, as pip would install them all anew; the second call brings the missing ones.
        how = "--ignore-installed" if self.over else "--force-reinstall"
        return [["install", how, "--no-deps", *self.requirements], plain]


def plan_repairs(
    installed: Mapping[str, str],
    python: tuple[int, int],
    host: str,
    *,
    incomplete: Mapping[str, str] | None = None,
    failures: Mapping[str, str] | None = None,
    bridge: tuple[bool, str] | None = None,
    requirements: Sequence[str] = (),
    project: str | None = None,
    extras: Sequence[str] = (),
) -> list[Repair]:
    """What to install, in order, from what is known; nothing is touched.

    `installed` maps distributions to versions, `incomplete` those with missing files to what is missing,
    `failures` those that do not import to the error. `bridge` is what `numpy_bridge_works` said, None if it
    was not asked. `requirements` are the project's, `project` says what is wrong with its own installation.
    """
    incomplete, failures = incomplete or {}, failures or {}
    on_host = host in NOTEBOOK_HOSTS
    untouchable = NOTEBOOK_STACK if on_host else frozenset()
    repairs = [
        Repair(
            name,
            (exact(name, installed[name]),),
            f"{name} {installed[name]} is half installed: {what}",
            anew=True,
            over=what == NO_RECORD,
        )
        for name, what in incomplete.items()
        if name not in untouchable
    ]
    if repairs:  # errors of half a package tell about nothing else
        return repairs + [
            repair
            for repair in _repair_fit(installed, python, on_host, {}, None)
            if not _touched([repair]) & set(incomplete)
        ]
    repairs = _repair_fit(installed, python, on_host, failures, bridge)
    if repairs:  # asked for now, the project's requirements could make pip move the other one of a pair
        return repairs
    repairs = [
        _repair_import(name, installed[name], error)
        for name, error in failures.items()
        if name != "autofix-nb" and name not in untouchable
    ]
    unmet = {
        name: wanted
        for name, wanted in unmet_requirements(requirements, installed, python).items()
        if name not in untouchable
        and name not in failures
        # Under a live kernel a torch and a NumPy that work with each other stay what they are.
        and not (on_host and name in ("torch", "numpy") and name in installed)
    }
    return repairs + _repair_project(installed, unmet, project, extras, on_host)


def _touched(repairs: Sequence[Repair]) -> set[str]:
    """The packages that these repairs install."""
    return {re.match(r"[\w.-]+", text)[0] for repair in repairs for text in repair.requirements}


def _repair_fit(
    installed: Mapping[str, str],
    python: tuple[int, int],
    on_host: bool,
    failures: Mapping[str, str],
    bridge: tuple[bool, str] | None,
) -> list[Repair]:
    """Repairs of packages that are whole, and do not fit each other."""
    torch, torchvision, numpy = (installed.get(name) for name in ("torch", "torchvision", "numpy"))
    repairs = []
    if torch is None:
        return repairs
    torch_breaks = "torch" in failures and not _lacks_module("torch", failures["torch"])
    if torchvision is not None and not pair_fits(torch, torchvision):
        why = f"torchvision {torchvision} was made for another torch than {torch}"
        repairs.append(Repair("torchvision", (exact("torch", torch), torchvision_for(torch)), why))
    elif torch_breaks or "torchvision::nms" in failures.get("torchvision", ""):
        error = failures["torch"] if torch_breaks else failures["torchvision"]
        why = f"torch {torch} and torchvision {torchvision} are builds that do not fit each other ({error})"
        if on_host and not torch_breaks:
            repairs.append(Repair("torchvision", (torchvision_for(torch),), why, anew=True))
        else:
            both = (exact("torch", torch, other_build=True), torchvision_for(torch))
            repairs.append(Repair("torch", both, why, anew=True))
    if numpy is None or torch_breaks or "numpy" in failures:
        return repairs
    works, reason = bridge or (numpy_fits(torch, numpy), "by the version rule")
    if works:
        return repairs
    why = f"torch {torch} cannot pass a tensor to NumPy {numpy} and back ({reason})"
    if release(numpy)[0] < 2:
        repairs.append(Repair("numpy", (exact("numpy", numpy),), why, anew=True))
    elif python <= LAST_PYTHON_WITH_NUMPY_1:
        repairs.append(Repair("numpy", ("numpy<2",), f"{why}; it takes NumPy 1"))
    else:
        first = ".".join(map(str, FIRST_TORCH_FOR_NUMPY_2))
        why += f"; torch takes NumPy 2 from {first} on, and Python {python[0]}.{python[1]} has no NumPy 1"
        repairs.append(Repair("torch", (f"torch>={first},!={release_text(torch)}", "torchvision"), why))
    return repairs


def _repair_import(name: str, version: str, error: str) -> Repair:
    """A package that is there and does not import: bring what it misses, else install it anew."""
    return Repair(
        name,
        (exact(name, version),),
        f"{name} {version} does not import ({error})",
        anew=not _lacks_module(name, error),
    )


def _lacks_module(name: str, error: str) -> bool:
    """Whether this error says that another package is missing."""
    missing = re.search(r"No module named '([\w.]+)'", error)
    return missing is not None and missing[1].split(".")[0] != MODULES.get(name, name)


def _repair_project(
    installed: Mapping[str, str],
    unmet: Mapping[str, str],
    project: str | None,
    extras: Sequence[str],
    on_host: bool,
) -> list[Repair]:
    """The project itself and what it asks for."""
    lacks = [
        f"`{wanted}` is wanted, {installed[name]} is installed"
        if name in installed
        else f"`{wanted}` is not installed"
        for name, wanted in unmet.items()
    ]
    if on_host:
        # Without dependencies, so that pip has no reason to move a package of the running kernel.
        repairs = [Repair(name, (unmet[name],), why) for name, why in zip(unmet, lacks, strict=True)]
        return repairs + (
            [Repair("autofix-nb", ("--no-deps", "--editable", "."), project)] if project else []
        )
    reasons = [*([project] if project else []), *lacks]
    target = f".[{','.join(extras)}]" if extras else "."
    return [Repair("autofix-nb", ("--editable", target), "; ".join(reasons))] if reasons else []


def release_text(version: str) -> str:
    """A version without its build: `2.11.0+cu128` gives `2.11.0`."""
    return version.partition("+")[0]


def exact(name: str, version: str, other_build: bool = False) -> str:
    """The requirement for this version, in another build than the present one if wanted."""
    public, plus, _ = version.partition("+")
    return f"{name}=={public}" + (f",!={version}" if plus and other_build else "")


def unmet_requirements(
    requirements: Sequence[str], installed: Mapping[str, str], python: tuple[int, int]
) -> dict[str, str]:
    """The requirements that hold on this Python and are not met: name to text without marker."""
    unmet = {}
    for text in requirements:
        parts = re.fullmatch(
            r'\s*([\w.-]+)\s*([\s\d.,<>=!~]*?)\s*(?:;\s*python_version\s*(<|>=)\s*"(\d+)\.(\d+)"\s*)?', text
        )
        if parts is None:
            raise ValueError(
                f"`requirements` holds {text!r}, which cannot be read here; write name, versions and at most "
                '`; python_version < "3.12"`'
            )
        name, versions, comparison, major, minor = parts.groups()
        if comparison and (python < (int(major), int(minor))) != (comparison == "<"):
            continue
        name = normalised(name)
        if name not in installed or not _meets(installed[name], versions):
            unmet[name] = name + versions
    return unmet


def _meets(version: str, versions: str) -> bool:
    """Whether a version meets clauses such as `>=2.2,<3`."""
    for clause in filter(None, versions.replace(" ", "").split(",")):
        parts = re.fullmatch(r"(>=|<=|==|!=|<|>)([\d.]+)", clause)
        if parts is None:
            raise ValueError(f"`versions` holds {clause!r}, which cannot be read here; write it as `>=2.2`")
        have, want = release(version), release(parts[2])
        length = max(len(have), len(want))
        have, want = (numbers + (0,) * (length - len(numbers)) for numbers in (have, want))
        meets = {
            ">=": have >= want, "<=": have <= want, "==": have == want,
            "!=": have != want, "<": have < want, ">": have > want,
        }  # fmt: skip
        if not meets[parts[1]]:
            return False
    return True


def normalised(name: str) -> str:
    """The one spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


# What is installed ------------------------------------------------------------------------------------------


def installed_folders(paths: Sequence[str] | None = None) -> dict[str, tuple[str, Path]]:
    """Each installed distribution: its version, and the folder that describes it."""
    found: dict[str, tuple[str, Path]] = {}
    for path in sys.path if paths is None else paths:
        for folder in sorted(Path(path or ".").glob("*-*.*-info")):
            name, _, version = folder.name.rpartition(".")[0].partition("-")
            if folder.suffix == ".egg-info":
                version = version.partition("-")[0]
            # pip renames what it is about to take away to `~ame`; such a rest is no installation.
            if (
                folder.suffix in (".dist-info", ".egg-info")
                and not name.startswith("~")
                and version[:1].isdigit()
            ):
                found.setdefault(normalised(name), (version, folder))
    return found


def needed_by(roots: Collection[str], folders: Mapping[str, tuple[str, Path]]) -> list[str]:
    """The installed distributions that these need, themselves included."""
    seen, waiting = [], [normalised(name) for name in roots]
    while waiting:
        name = waiting.pop()
        if name in seen or name not in folders:
            continue
        seen.append(name)
        metadata = folders[name][1] / "METADATA"
        head = metadata.read_text("utf-8", "replace").partition("\n\n")[0] if metadata.is_file() else ""
        waiting += [
            normalised(match[1])
            for match in re.finditer(r"^Requires-Dist: ([\w.-]+)(?!.*extra ==)", head, re.MULTILINE)
        ]
    return seen


def missing_parts(folder: Path) -> str | None:
    """What is missing of a distribution, in words; None if it is whole."""
    if folder.suffix != ".dist-info":
        return None
    if not (folder / "METADATA").is_file():
        return "its METADATA is missing"
    record, installer = folder / "RECORD", folder / "INSTALLER"
    if not record.is_file():
        others = installer.is_file() and installer.read_text("utf-8").strip() != "pip"
        return None if others else NO_RECORD
    gone = [name for name, size in _recorded(record) if _is_gone(folder.parent / name, size)]
    return f"{len(gone)} of its files are missing or empty, such as {gone[0]}" if gone else None


def _recorded(record: Path) -> Iterator[tuple[str, bool]]:
    """The code files of a distribution, and whether each holds anything; slim images leave out the tests."""
    for line in record.read_text("utf-8", "replace").splitlines():
        name, _, size = line.rsplit(",", 2) if line.count(",") >= 2 else (line, "", "")
        name = name.strip('"')
        parts = name.split("/")
        if name.endswith((".py", ".so", ".pyd", ".dll", ".dylib")) and not {"..", "test", "tests"} & set(
            parts
        ):
            yield name, size not in ("", "0")


def _is_gone(path: Path, holds_something: bool) -> bool:
    try:
        return path.stat().st_size == 0 and holds_something
    except OSError:
        return True


# A snapshot -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Environment:
    """What a run stood on."""

    python: str
    packages: dict[str, str]
    device: str  # `cuda: Tesla T4`, `mps`, `cpu`, or why torch could not say
    device_memory_bytes: int | None
    cpu_count: int
    memory_bytes: int | None
    disk_free_bytes: int
    host: str

    def to_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        device = (
            self.device
            if self.device_memory_bytes is None
            else f"{self.device}, {_size(self.device_memory_bytes)}"
        )
        titles = {"torch": "torch", "torchvision": "torchvision", "numpy": "NumPy", "timm": "timm"}
        versions = [
            f"{title} {self.packages[name]}" for name, title in titles.items() if name in self.packages
        ]
        machine = [f"device {device}", f"{self.cpu_count} CPU cores"]
        if self.memory_bytes is not None:
            machine.append(f"{_size(self.memory_bytes)} memory")
        machine += [f"{_size(self.disk_free_bytes)} disk free", self.host]
        return " · ".join([f"Python {self.python}", *versions]) + "\n" + " · ".join(machine)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def snapshot(folder: str | os.PathLike[str] = ".") -> Environment:
    """Look at this process, its machine and the disk that holds `folder`."""
    device, device_memory_bytes = _device()
    folders = installed_folders()
    return Environment(
        python=platform.python_version(),
        packages={name: folders[name][0] for name in MODULES if name in folders},
        device=device,
        device_memory_bytes=device_memory_bytes,
        cpu_count=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_bytes=_memory_bytes(),
        disk_free_bytes=shutil.disk_usage(folder).free,
        host=host_of_script(),
    )


def _device() -> tuple[str, int | None]:
    try:
        torch = importlib.import_module("torch")
    except Exception as error:  # noqa: BLE001 - a broken torch may raise anything
        return f"unknown, as torch does not import ({type(error).__name__}: {error})", None
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        return f"cuda: {properties.name}", properties.total_memory
    return ("mps" if torch.backends.mps.is_available() else "cpu"), None


def _memory_bytes() -> int | None:
    """The machine's memory, or the container's where that is less."""
    sizes = []
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            sizes.append(int(Path(path).read_text("ascii")))
        except (OSError, ValueError):  # no such control group, or the word `max`
            continue
    with contextlib.suppress(AttributeError, ValueError, OSError):  # Windows has no `sysconf`
        sizes.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(sizes, default=None)


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GB"


# The script behind fix_environment.sh -----------------------------------------------------------------------


def probe(names: Sequence[str]) -> dict[str, str | None]:
    """Import each in a process of its own and say what went wrong: a crash there is a finding here.

    The answer also holds `bridge` (None if a tensor passed) and `summary`.
    """
    command = [sys.executable, "-P", __file__, "probe", *names]
    child = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    answers: dict[str, str | None] = {}
    for line in child.stdout.splitlines():
        if line.startswith("probe\t"):
            _, name, answer = line.split("\t", 2)
            answers[name] = json.loads(answer)
    started = next((name for name, answer in answers.items() if answer == "started"), None)
    if started is not None:
        answers[started] = f"the process ended while importing it, with status {child.returncode}"
    return answers


def _probe_here(names: Sequence[str]) -> None:
    def tell(name: str, answer: str | None) -> None:
        print("probe", name, json.dumps(answer), sep="\t", flush=True)

    for name in names:
        tell(name, "started")
        try:
            importlib.import_module(MODULES[name])
        except BaseException as error:  # noqa: BLE001 - SystemExit too: it does not import
            tell(name, f"{type(error).__name__}: {' '.join(str(error).split())}"[:300])
        else:
            tell(name, None)
    if {"torch", "numpy"} <= set(names):
        tell("bridge", "started")
        works, reason = numpy_bridge_works()
        tell("bridge", None if works else reason)
    tell("summary", str(snapshot()))


def _project_problem(
    root: Path, settings: Mapping[str, dict], folders: Mapping[str, tuple[str, Path]]
) -> str | None:
    """What is wrong with the installation of the project itself."""
    if "autofix-nb" not in folders:
        return "autofix_nb is not installed"
    version, folder = folders["autofix-nb"]
    try:
        source = json.loads((folder / "direct_url.json").read_text("utf-8"))
    except OSError:
        source = {}
    if source.get("url") != root.as_uri() or not source.get("dir_info", {}).get("editable"):
        return f"autofix_nb {version} is installed from elsewhere than {root}"
    entry_points = folder / "entry_points.txt"
    known = entry_points.read_text("utf-8") if entry_points.is_file() else ""
    scripts = [f"{name} = {target}" for name, target in settings["project"].get("scripts", {}).items()]
    if version != settings["project"]["version"] or not all(line in known for line in scripts):
        return "pyproject.toml has changed since autofix_nb was installed"
    return None


def _plan_here(extras: Sequence[str], remember: bool) -> list[tuple[str, ...]]:
    """Plan for this Python in rows: `change` why, `pip` arguments, `keep` pin, `problem`, `summary`."""
    tomllib = importlib.import_module("tomllib")  # Python 3.11: `snapshot` and `host` work without it
    root = Path(__file__).resolve().parent.parent
    text = (root / "pyproject.toml").read_bytes()
    settings = tomllib.loads(text.decode("utf-8"))
    offered = settings["project"]["optional-dependencies"]
    unknown = [name for name in extras if name not in offered]
    if unknown:
        return [("problem", f"`--extras` must be among {', '.join(offered)}, got {', '.join(unknown)}")]
    requirements = [
        *settings["project"]["dependencies"],
        *(text for name in extras for text in offered[name]),
    ]

    folders = installed_folders()
    installed = {name: version for name, (version, _) in folders.items()}
    here = host_of_script()
    wanted = [*MODULES, *(re.match(r"[\w.-]+", text)[0] for text in requirements)]
    incomplete = {
        name: what
        for name in needed_by(wanted, folders)
        if (what := missing_parts(folders[name][1])) is not None
    }
    # The project is never fetched by its name: whoever owns that name in an index is somebody else.
    own_fault = incomplete.pop("autofix-nb", None)
    stamp = Path(sys.prefix) / "autofix_nb_verified.json"
    key_parts = [
        text.hex(),
        Path(__file__).read_text("utf-8"),
        sorted(installed.items()),
        sys.version,
        sys.executable,
    ]
    key = hashlib.sha256(json.dumps(key_parts).encode()).hexdigest()
    answers = _remembered(stamp, key)
    remembered = bool(answers)
    if not remembered and not incomplete:
        answers = probe([name for name in MODULES if name in installed])
    failures = {name: error for name, error in answers.items() if name in MODULES and error is not None}
    asked = "bridge" in answers and "torch" not in failures and "numpy" not in failures
    repairs = plan_repairs(
        installed,
        sys.version_info[:2],
        here,
        incomplete=incomplete,
        failures=failures,
        bridge=(answers["bridge"] is None, answers["bridge"] or "") if asked else None,
        requirements=requirements,
        project=f"autofix_nb is half installed: {own_fault}"
        if own_fault
        else _project_problem(root, settings, folders),
        extras=extras,
    )
    rows: list[tuple[str, ...]] = []
    for repair in repairs:
        rows.append(("change", repair.why))
        rows += [("pip", *command) for command in repair.commands()]
    if not repairs:
        stuck = {**failures, **{name: what for name, what in incomplete.items() if name not in failures}}
        rows += [
            ("problem", f"{name} {installed[name]} does not work: {error}") for name, error in stuck.items()
        ]
        if not stuck and remember and not remembered:
            # An environment that cannot be written is checked in full each time.
            with contextlib.suppress(OSError):
                stamp.write_text(json.dumps({"key": key, "summary": answers["summary"]}), "utf-8")
    if here in NOTEBOOK_HOSTS:
        kept = (NOTEBOOK_STACK | {"torch", "numpy"}) - _touched(repairs)
        rows += [("keep", f"{name}=={installed[name]}") for name in sorted(kept & set(installed))]
    return rows + [("summary", line) for line in (answers.get("summary") or "").splitlines()]


def _remembered(stamp: Path, key: str) -> dict[str, str | None]:
    """What an earlier, full check of exactly these versions said; empty if there was none."""
    try:
        noted = json.loads(stamp.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    if noted.get("key") != key:
        return {}
    return {**dict.fromkeys(MODULES), "bridge": None, "summary": noted["summary"]}


def main(arguments: Sequence[str] | None = None) -> None:
    """`plan` prints the plan for the running Python, `probe` what imports."""
    parser = argparse.ArgumentParser(description="The part of fix_environment.sh that looks.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("probe").add_argument("names", nargs="*", metavar="DISTRIBUTION")
    plan = commands.add_parser("plan")
    plan.add_argument(
        "--extras", default="", help="names of pyproject.toml's optional dependencies, with commas"
    )
    plan.add_argument(
        "--remember", action="store_true", help="note a full check, so that the next one is quick"
    )
    chosen = parser.parse_args(arguments)
    if chosen.command == "probe":
        _probe_here(chosen.names)
        return
    for row in _plan_here([name for name in chosen.extras.split(",") if name], chosen.remember):
        print(*(" ".join(part.split()) for part in row), sep="\t")


if __name__ == "__main__":
    main()
