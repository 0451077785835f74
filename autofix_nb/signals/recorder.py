"""Collects what steps leave behind and writes it to the history, many steps at a time."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from autofix_nb.history import History
from autofix_nb.signals import answers as reading
from autofix_nb.signals.answers import Answers
from autofix_nb.signals.constant import ConstantAnswer
from autofix_nb.signals.measured import EVERY, Measured
from autofix_nb.signals.memory import memory_bytes
from autofix_nb.signals.pairing import Pairing


class Recorder:
    """Keeps the newest steps on the device, and reads them back all at once."""

    def __init__(self, history: History, components: Sequence[str], device: torch.device) -> None:
        self.history = history
        self._components = components
        self._device = device
        self._waiting: list[Measured] = []
        self._pairing = Pairing()
        self._constant = ConstantAnswer()

    def add(self, measured: Measured) -> None:
        """Take what one step left behind."""
        if measured.answers is not None:
            measured.answers = self._kept(measured.answers)
        self._waiting.append(measured)

    def state(self) -> dict[str, Any]:
        """Return what is remembered of losses and targets, for a checkpoint; what waits must have been flushed."""
        return {"constant": self._constant.state(), "refused": self._pairing.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put back what `state` returned."""
        self._constant.restore(state["constant"])
        self._pairing.restore(state["refused"])

    def follow(self, components: Sequence[str]) -> None:
        """The model's parts are others now: what comes from here on belongs to these."""
        self.flush()
        self._components = components

    def newest(self) -> Measured | None:
        """Return the newest step that was not handed over yet."""
        return self._waiting[-1] if self._waiting else None

    def flush(self) -> list[Measured]:
        """Write all that was collected to the history, and return it. This waits for the device once or twice."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return waiting
        steps = np.array([one.step for one in waiting])
        write = self.history.extend
        write("loss", steps, _read([one.loss for one in waiting]))
        write("grad_norm", steps, _read([one.grad_norm for one in waiting]))
        write("lr", steps, np.array([one.lr for one in waiting]))
        write("clipped", steps, np.array([float(one.clipped) for one in waiting]))
        write("step_seconds", steps, np.array([one.step_seconds for one in waiting]))
        write("load_seconds", steps, np.array([one.load_seconds for one in waiting]))
        for name in dict.fromkeys(name for one in waiting for name in one.parts):
            having = [one for one in waiting if name in one.parts]
            write(f"loss/{name}", np.array([one.step for one in having]), _read([one.parts[name] for one in having]))
        if len(self._components) > 1:
            self._write_components(waiting)
        self._write_answers([one for one in waiting if one.answers is not None])
        for one in waiting:
            if one.look is not None:
                self._write_sparsely([one.step], [one.look()])
                one.look = None
        write("memory_bytes", steps[-1:], np.array([memory_bytes(self._device)]))
        return waiting

    def _kept(self, answers: Answers) -> Answers:
        """Return what is needed of them until the hand-over. Only the loss of large ones is asked for right away."""
        answers = answers.fewer_rows()
        if answers.is_large and answers.targets is not None:
            with self._pairing.asking(answers.task.loss) as may:
                if may:
                    answers.pair = self._pairing.pair(answers.task.loss, answers.outputs, answers.targets)
        return answers.kept()

    def _write_components(self, waiting: list[Measured]) -> None:
        having = [one for one in waiting if one.owners]
        at = {name: ([], []) for name in self._components}
        for owners in dict.fromkeys(one.owners for one in having):
            same = [one for one in having if one.owners == owners]
            norms_SP = np.array(
                torch.stack([one.norms for one in same]).cpu().double()
                if isinstance(same[0].norms, torch.Tensor)
                else [one.norms for one in same]
            )
            for place in np.unique(owners):
                # Part by part and not as a product of matrices, in which one part's Inf makes NaN of all others.
                norms_S = np.linalg.norm(norms_SP[:, np.equal(owners, place)], axis=1)
                steps, values = at[self._components[place]]
                steps += [one.step for one in same]
                values += norms_S.tolist()
        for name, (steps, values) in at.items():
            order = np.argsort(steps, kind="stable")
            if len(order):
                self.history.extend(f"grad_norm/{name}", np.array(steps)[order], np.array(values)[order])

    def _write_answers(self, having: list[Measured]) -> None:
        if not having:
            return
        answers = [one.answers for one in having if one.answers is not None]
        self._ask_for_pairs(answers)
        rows: list[dict[str, float]] = [{} for _ in having]
        for places in reading.same_shapes(answers).values():
            try:
                found = reading.read([answers[place] for place in places])
            except Exception:  # noqa: BLE001 - outputs of a kind that is not known must not end a training
                found = [{} for _ in places]
            for place, row in zip(places, found, strict=True):
                rows[place] = row
        pairs = _pairs(answers)
        for place, (loss, mispaired) in pairs.items():
            rows[place] |= {"gain": mispaired - loss, "mispaired": mispaired}
        for one, row in zip(having, rows, strict=True):
            one.accuracy = row.get("train/accuracy")
        # Step by step, and at steps that only their number tells: a hand-over may come at any time, as a save does.
        for one, answer, row in zip(having, answers, rows, strict=True):
            if answer.targets is not None:
                self._constant.add(answer.task, answer.targets)
            if one.step <= EVERY or one.step % EVERY == 0:
                row["chance"] = self._constant.loss(answer.task)
        self._write_sparsely([one.step for one in having], rows)
        for one in having:
            one.answers = None

    def _ask_for_pairs(self, answers: list[Answers]) -> None:
        for loss in {id(one.task.loss): one.task.loss for one in answers}.values():
            with self._pairing.asking(loss) as may:
                for one in answers if may else ():
                    if one.task.loss is loss and one.pair is None and one.targets is not None:
                        one.pair = self._pairing.pair(loss, one.outputs, one.targets)

    def _write_sparsely(self, steps: Sequence[int], rows: Iterable[dict[str, float]]) -> None:
        """Write rows of named values, of which some steps lack some and some are NaN: these are left out."""
        found: dict[str, tuple[list[int], list[float]]] = {}
        for step, row in zip(steps, rows, strict=True):
            for name, value in row.items():
                if value == value:  # not NaN
                    at, values = found.setdefault(name, ([], []))
                    at.append(step)
                    values.append(value)
        for name, (at, values) in found.items():
            self.history.extend(name, np.array(at), np.array(values))


def _pairs(answers: list[Answers]) -> dict[int, tuple[float, float]]:
    """Return the loss and that with targets of other rows, by the place of the answers that have them."""
    places = [place for place, one in enumerate(answers) if one.pair is not None]
    if not places:
        return {}
    values = torch.stack([answers[place].pair for place in places]).cpu().tolist()
    return {place: (loss, mispaired) for place, (loss, mispaired) in zip(places, values, strict=True)}


def _read(values: list[Any]) -> np.ndarray:
    """Return numbers, some of which may still be on the device, as one array with one transfer."""
    if not any(isinstance(value, torch.Tensor) for value in values):
        return np.array(values, dtype=np.float64)
    if all(isinstance(value, torch.Tensor) and value.device == values[0].device for value in values):
        # Doubles only on the CPU: not every accelerator has them.
        return torch.stack([value.detach().reshape(()) for value in values]).cpu().double().numpy()
    return np.array([float(value) for value in values])
