"""`LearningRates` in a run of Lightning."""

from __future__ import annotations

import lightning
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger

import lrswift as lr
from lrswift.callbacks.lightning import LearningRates


class Regression(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)

    def training_step(self, batch):
        x, y = batch
        return torch.nn.functional.mse_loss(self.layer(x), y)

    def configure_optimizers(self):
        return lr.torch.Adapted(torch.optim.SGD(self.parameters(), lr=1.0), lr=lr.adapt.HD(initial=0.01))


def test_rates_are_where_lightning_looks(tmp_path):
    torch.manual_seed(0)
    x = torch.randn(32, 4)
    batches = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, x.sum(1, keepdim=True)), 16)
    trainer = lightning.Trainer(
        max_epochs=2, callbacks=[LearningRates("rate")], logger=CSVLogger(tmp_path), log_every_n_steps=1,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, accelerator="cpu",
    )  # fmt: skip
    trainer.fit(Regression(), batches)
    taken = float(trainer.optimizers[0].param_groups[0]["lr"])
    assert float(trainer.callback_metrics["rate"]) == pytest.approx(taken)
    trainer.logger.save()
    text = next(tmp_path.rglob("metrics.csv")).read_text()
    assert "rate" in text.splitlines()[0] and len(text.splitlines()) >= 5
