"""NTLR, the variant of TLR in the released follow-up code, with the windows of TLR and kept positive."""

from __future__ import annotations

from .directions import Arrays, dot
from .tlr import TLR, ntlr_factor


class NTLR(TLR):
    """rate *= 1 + 0.2 I / (|old|^2 - I + 1e-10); a factor that is not positive leaves the rate unchanged."""

    def update(self, parameters: Arrays, gradients: Arrays) -> None:
        if self.window > 1:
            rates = self.per_tensor(len(parameters))
            gradients = [(s - p) / a for s, p, a in zip(self.start, parameters, rates, strict=True)]
        if self.previous is not None:
            for k, block in enumerate(self.blocks):
                new, old = [gradients[i] for i in block], [self.previous[i] for i in block]
                factor = ntlr_factor(dot(new, old), dot(old, old))
                self.rates[k] *= factor if factor > 0 else 1
        self.previous = [g.copy() for g in gradients]
