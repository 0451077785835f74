"""Libraries that people train with, each as its own documentation shows a careful use of it."""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch

from tests.gauntlet.arms.base import Arm, Outcome, batches, validation_loss
from tests.gauntlet.case import Case, Training

CLIP = 1.0


class Batches:
    """The batches of a training as a loader of its own, whose epochs follow each other."""

    def __init__(self, training: Training, seed: int) -> None:
        self.training, self.seed, self.epoch = training, seed, -1

    def __iter__(self) -> Iterator[Any]:
        self.epoch += 1
        return batches(self.training, self.seed, self.epoch)

    def __len__(self) -> int:
        return len(self.training.train)


class Lightning(Arm):
    """Lightning's trainer with clipping, and the checkpoint of the best validation loss."""

    name = "lightning"
    package = "lightning"

    def train(self, case: Case, seed: int, outcome: Outcome) -> None:
        import lightning  # optional
        from lightning.pytorch.callbacks import ModelCheckpoint

        training = outcome.training = case.make(seed)
        torch.manual_seed(seed)
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

        class Module(lightning.LightningModule):
            def __init__(self) -> None:
                super().__init__()
                self.net = training.model

            def training_step(self, batch: Any, place: int) -> torch.Tensor:
                return training.plain_loss(batch)

            def validation_step(self, batch: Any, place: int) -> None:
                self.log("val_loss", training.plain_loss(batch), batch_size=1)

            def configure_optimizers(self) -> Any:
                if training.scheduler is None:
                    return training.optimizer
                scheduler, interval = training.scheduler
                return [training.optimizer], [{"scheduler": scheduler, "interval": interval}]

        best = ModelCheckpoint(outcome.folder, monitor="val_loss") if training.val is not None else None
        trainer = lightning.Trainer(
            max_epochs=training.epochs, gradient_clip_val=CLIP, accumulate_grad_batches=training.accumulate,
            accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
            default_root_dir=outcome.folder, num_sanity_val_steps=0, enable_checkpointing=best is not None,
            callbacks=[best] if best is not None else [],
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trainer.fit(Module(), Batches(training, seed), training.val)
        if trainer.interrupted:
            raise KeyboardInterrupt
        if best is not None and best.best_model_path:
            weights = torch.load(best.best_model_path, weights_only=True)["state_dict"]
            training.model.load_state_dict({name.removeprefix("net."): value for name, value in weights.items()})


class Accelerate(Arm):
    """Hugging Face's accelerate: its own clipping and accumulation."""

    name = "accelerate"
    package = "accelerate"

    def train(self, case: Case, seed: int, outcome: Outcome) -> None:
        import accelerate  # optional

        training = outcome.training = case.make(seed)
        torch.manual_seed(seed)
        accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=training.accumulate)
        optimizer = accelerator.prepare_optimizer(training.optimizer)
        for epoch in range(training.epochs):
            training.model.train()
            for batch in batches(training, seed, epoch):
                with accelerator.accumulate(training.model):
                    accelerator.backward(training.plain_loss(batch))
                    if accelerator.sync_gradients:
                        accelerator.clip_grad_norm_(training.model.parameters(), CLIP)
                    optimizer.step()
                    optimizer.zero_grad()
                    if accelerator.sync_gradients:
                        training.plain_schedule("step")
            training.plain_schedule("epoch")


class Ignite(Arm):
    """Ignite's engine with its handlers against NaN and for the best weights."""

    name = "ignite"
    package = "ignite"

    def train(self, case: Case, seed: int, outcome: Outcome) -> None:
        from ignite.engine import Engine, Events  # optional
        from ignite.handlers import ModelCheckpoint, TerminateOnNan

        training = outcome.training = case.make(seed)
        torch.manual_seed(seed)
        logging.getLogger("ignite").setLevel(logging.CRITICAL)
        place = 0

        def update(engine: Any, batch: Any) -> float:
            nonlocal place
            place += 1
            training.model.train()
            loss = training.plain_loss(batch)
            (loss / training.accumulate).backward()
            if place % training.accumulate == 0:
                torch.nn.utils.clip_grad_norm_(training.model.parameters(), CLIP)
                training.optimizer.step()
                training.optimizer.zero_grad()
                training.plain_schedule("step")
            return float(loss.detach())

        engine = Engine(update)
        engine.add_event_handler(Events.EPOCH_COMPLETED, lambda: training.plain_schedule("epoch"))
        engine.add_event_handler(Events.ITERATION_COMPLETED, TerminateOnNan())
        best = None
        if training.val is not None:
            best = ModelCheckpoint(
                outcome.folder, "best", n_saved=1, require_empty=False,
                score_function=lambda _: -min(validation_loss(training), 1e30),
            )  # fmt: skip
            engine.add_event_handler(Events.EPOCH_COMPLETED, best, {"model": training.model})
        engine.run(Batches(training, seed), max_epochs=training.epochs)
        if best is not None and best.last_checkpoint is not None:
            training.model.load_state_dict(torch.load(best.last_checkpoint, weights_only=True))


class Arc(Arm):
    """arc-training, which rolls back and lowers the rate by itself, with its defaults."""

    name = "arc-training"
    package = "arc"

    def train(self, case: Case, seed: int, outcome: Outcome) -> None:
        import arc  # optional

        training = outcome.training = case.make(seed)
        torch.manual_seed(seed)
        with contextlib.redirect_stdout(None):
            controller = arc.Controller(training.model, training.optimizer, verbose=False)
            place = 0
            for epoch in range(training.epochs):
                training.model.train()
                for batch in batches(training, seed, epoch):
                    place += 1
                    loss = training.plain_loss(batch)
                    (loss / training.accumulate).backward()
                    if place % training.accumulate:
                        continue
                    action = controller.step(loss.detach())
                    if not action.should_skip:
                        training.optimizer.step()
                    if getattr(action, "rolled_back", False):
                        outcome.interventions.append("rollback")
                    training.optimizer.zero_grad()
                    training.plain_schedule("step")
                training.plain_schedule("epoch")
