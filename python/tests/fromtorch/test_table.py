"""Every operation of the table against torch: values, gradients and one Hessian product, in float64."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch_operations import cases
from torch_twins import apart, array, differentiable_twice, leaves

import lrswift as lr
from lrswift.fromtorch._table import FAMILIES, RULES, SIZES

CASES = cases()
PAGE = Path(__file__).resolve().parents[3] / "docs" / "from-torch.md"


class Each(torch.nn.Module):
    """What several functions make of the same inputs."""

    def __init__(self, functions):
        super().__init__()
        self.functions = functions

    def forward(self, *inputs):
        return [function(*inputs) for function in self.functions]


@pytest.fixture(scope="module")
def networks():
    return {name: lr.from_torch(Each(functions), inputs) for name, (inputs, functions) in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(networks, name):
    inputs, functions = CASES[name]
    theirs = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
    ours = [lr.tensor(x.numpy(), requires_grad=x.is_floating_point(),
                      dtype="float64" if x.is_floating_point() else None) for x in inputs]  # fmt: skip
    points = [x for x in theirs if x.requires_grad]
    with differentiable_twice():
        expected = leaves(Each(functions)(*theirs))
        weights = [torch.randn(e.shape, dtype=torch.float64) if e.requires_grad else None for e in expected]
        # of third degree, so that second derivatives of all that is linear are seen as well
        loss = sum(((e**3 + e) * w).sum() for e, w in zip(expected, weights, strict=True) if w is not None)
        gradients = torch.autograd.grad(loss, points, create_graph=True, materialize_grads=True)
        vectors = [torch.randn_like(p) for p in points]
        products = torch.autograd.grad(
            sum((g * v).sum() for g, v in zip(gradients, vectors, strict=True)), points
        )

    def closure():
        found = leaves(networks[name](*ours))
        each = [
            ((f.square() * f + f) * lr.tensor(w.numpy(), dtype="float64")).sum()
            for f, w in zip(found, weights, strict=True)
            if w is not None
        ]
        return sum(each[1:], each[0])

    for i, (found, e) in enumerate(zip(leaves(networks[name](*ours)), expected, strict=True)):
        assert found.shape == tuple(e.shape), i
        assert found.numpy().dtype == e.detach().numpy().dtype, i
        assert apart(found.numpy(), array(e)) < 1e-9, i
    closure().backward()
    leaf = [x for x in ours if x.requires_grad]
    for x, g in zip(leaf, gradients, strict=True):
        assert apart(x.grad.numpy(), array(g)) < 1e-9
    for found, hv in zip(lr.hvp(closure, leaf, [v.numpy() for v in vectors]), products, strict=True):
        assert apart(found.numpy(), array(hv)) < 1e-9


# the inputs of which the first axis is the batch
BATCHES = {
    "activations": [0], "unary": [0], "binary": [0], "shapes": [0], "images": [0], "signals": [0],
    "reductions": [0], "products": [0, 1], "convolutions": [0], "norms": [0], "attention": [0, 1, 2],
    "indices": [1, 2], "constants": [0], "element losses": [0, 1], "label losses": [0, 1], "prelu": [0],
}  # fmt: skip


@pytest.mark.parametrize("name", BATCHES)
def test_another_size_of_batch(networks, name):
    inputs, functions = CASES[name]
    inputs = tuple(torch.cat([x, x]) if i in BATCHES[name] else x for i, x in enumerate(inputs))
    expected = leaves(Each(functions)(*inputs))
    for found, e in zip(leaves(networks[name](*inputs)), expected, strict=True):
        assert apart(found.numpy(), array(e)) < 1e-9


def test_every_operation_has_a_case(networks):
    met = {step.target for network in networks.values() for step in network._plans[True].steps}
    assert [name for name in RULES if name not in met and name.startswith("aten.")] == []
    assert met <= {*RULES, *SIZES}


@pytest.mark.skipif(not PAGE.is_file(), reason="needs the repository, not only the installed package")
def test_the_page_lists_the_table():
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    for family, rules in FAMILIES.items():
        names = sorted({name.split(".")[1] for name in rules if name.startswith("aten.")})
        assert f"| {family} | {', '.join(f'`{name}`' for name in names)} |" in rows


def test_families_share_no_operation():
    assert sum(map(len, FAMILIES.values())) == len(RULES)


def test_a_case_that_is_wrong_is_seen(networks):
    found = leaves(networks["unary"](*CASES["unary"][0]))[0].numpy()
    assert apart(found, -np.exp(found)) > 1e-3
