"""`HandOverLoss` in a run of Hugging Face's trainer."""

from __future__ import annotations

import pytest
import torch
import transformers

import lrswift as lr
from lrswift.callbacks.transformers import HandOverLoss


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(4, 1)

    def forward(self, x, labels):
        prediction = self.layer(x)
        return {"loss": torch.nn.functional.mse_loss(prediction, labels), "logits": prediction}


def test_every_step_has_its_loss(tmp_path):
    model = Model()
    x = torch.randn(64, 4)
    data = [{"x": row, "labels": row.sum(0, keepdim=True)} for row in x]
    optimizer = lr.torch.Adapted(torch.optim.AdamW(model.parameters()), lr=lr.adapt.L4())
    optimizer.record()
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1.0)
    arguments = transformers.TrainingArguments(
        str(tmp_path), max_steps=6, save_strategy="no", report_to="none", disable_tqdm=True, use_cpu=True,
        gradient_accumulation_steps=2, per_device_train_batch_size=8,
    )  # fmt: skip
    trainer = transformers.Trainer(
        model, arguments, train_dataset=data, optimizers=(optimizer, schedule),
        callbacks=[HandOverLoss(optimizer)],
    )  # fmt: skip
    trainer.train()
    assert optimizer.step_count == 6
    assert (optimizer.history["loss"] > 0).all()
    assert not model._forward_hooks


def test_another_optimizer_is_refused():
    plain = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    with pytest.raises(lr.ArgumentTypeError, match="got SGD; allowed: an lrswift.torch.Adapted"):
        HandOverLoss(plain)
