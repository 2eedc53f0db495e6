"""`minimize`: the rates of `lrswift.adapt` on a function of a vector, called as SciPy's `minimize` is."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .checks import shown, type_of
from .errors import ArgumentError, ArgumentTypeError, Diverged, warn
from .numpy import Adapted
from .rates.adapters import NaiveTLR


class Result(dict[str, Any]):
    """The fields of scipy.optimize.OptimizeResult, where SciPy is not installed."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def _result(**fields: Any) -> Any:
    try:
        from scipy.optimize import OptimizeResult
    except ImportError:
        return Result(fields)
    return OptimizeResult(fields)


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: tuple[Any, ...] = (),
    jac: bool | Callable[..., Any] = True,
    method: Any = "l4",
    direction: str | None = None,
    tol: float | None = None,
    gtol: float = 1e-6,
    maxiter: int = 1000,
    callback: Callable[..., Any] | None = None,
    options: dict[str, Any] | None = None,
    **rest: Any,
) -> Any:
    """Minimizes fun(x, *args) over a vector x, with no learning rate to set.

    It is also a method for SciPy: scipy.optimize.minimize(fun, x0, jac=True, method=lr.minimize,
    options={"rate": "qlabgrad"}), with the adapter as "rate" and the rest of these arguments beside it.

    Args:
        fun: takes (x, *args), x float64 [n], and returns a number, or (number, gradient [n]) for jac=True.
        x0: where to start, [n], at least one number; taken as float64.
        args: further arguments of fun and jac. Default ().
        jac: True: fun returns the gradient, too. Otherwise a function of (x, *args) that returns it. Default
            True.
        method: an adapter of `lrswift.adapt`, its name, or a number of at least 0. Default "l4".
        direction: what the rate multiplies, as in `lrswift.numpy.Adapted`. None: "sgd". Default None.
        tol: as gtol, before which it counts. Default None.
        gtol: stops when no entry of the gradient is larger in size. Default 1e-6.
        maxiter: most steps, at least 0. Default 1000.
        callback: called with a copy of x after every step, or with an OptimizeResult of x and fun if its only
            parameter is named intermediate_result; StopIteration from it ends the run. Default None.
        options: of the direction: direction="sgd", options={"momentum": 0.9}. Default None.
        **rest: what SciPy passes on. "rate" stands for method; None and "disp" are ignored.

    Returns:
        An OptimizeResult: x, the best point seen, with its fun and jac; nit, nfev and njev, steps, values and
        gradients; success, status and message; history, with "fun", the value before each step, and "lr", its
        rate.

    Raises:
        ArgumentError: bounds or constraints are given, an option is unknown, or x0 is empty.
        ArgumentTypeError: jac, or what fun returns, is of another type, or an adapter needs more than is
            given.
        DTypeError: fun or jac returns no numbers.
        ShapeError: the gradient changes its shape.

    Warns:
        UserWarning: second derivatives are given; they are not used.
    """
    rest = {key: value for key, value in rest.items() if value is not None}
    for name in ("bounds", "constraints"):
        # SciPy passes () for no constraints
        given = rest.pop(name, ())
        if not (isinstance(given, (tuple, list)) and len(given) == 0):
            raise ArgumentError(f"minimize: {name}: got {shown(given)}; allowed: none, x is free")
    unused = [name for name in ("hess", "hessp") if rest.pop(name, None) is not None]
    if unused:
        warn(f"minimize: {', '.join(unused)}: not used, steps need the gradient alone")
    if "rate" in rest:
        method = rest.pop("rate")
    if "disp" in rest:
        rest.pop("disp")
    if rest:
        raise ArgumentError(f"minimize: unknown {', '.join(rest)}; allowed: see its arguments")
    evaluate = _Function(fun, args, jac)
    x = np.array(x0, np.float64)
    if x.size == 0:
        raise ArgumentError("x0: empty; allowed: at least one number")
    if maxiter < 0:
        raise ArgumentError(f"maxiter: got {shown(maxiter)}; allowed: at least 0")
    optimizer = Adapted(lr=method, direction=direction or "sgd", **(options or {}))
    ahead = isinstance(method, NaiveTLR) or method == NaiveTLR.rate
    limit = gtol if tol is None else tol
    history: dict[str, list[float]] = {"fun": [], "lr": []}
    value, gradient = evaluate(x)
    best, best_x, best_gradient = value, x.copy(), gradient
    status, message, steps = 1, f"stopped after {maxiter} steps", 0
    while True:
        if np.abs(gradient).max() <= limit:
            status, message = 0, f"no entry of the gradient is larger than {limit:g}"
            break
        if steps == maxiter:
            break
        before = value
        try:
            rate = optimizer.update([x], [gradient], value, loss_fn=lambda p: evaluate.at(p[0], ahead))
        except Diverged as error:
            status, message = 2, str(error)
            break
        steps += 1
        value, gradient = evaluate(x)
        history["fun"].append(before)
        history["lr"].append(float(rate) if isinstance(rate, float) else next(iter(rate.values())))
        if not np.isfinite(value):
            status, message = 2, f"the function is not finite after step {steps}"
            break
        if value <= best:
            best, best_x, best_gradient = value, x.copy(), gradient
        if callback is not None:
            try:
                if _takes_result(callback):
                    callback(intermediate_result=_result(x=x.copy(), fun=value))
                else:
                    callback(x.copy())
            except StopIteration:
                status, message = 99, "stopped by callback"
                break
    return _result(
        x=best_x,
        fun=best,
        jac=best_gradient,
        nit=steps,
        nfev=evaluate.values,
        njev=evaluate.gradients,
        success=status == 0,
        status=status,
        message=message,
        history={key: np.array(rows) for key, rows in history.items()},
    )


def _takes_result(callback: Callable[..., Any]) -> bool:
    """SciPy's convention: the only parameter is named intermediate_result."""
    try:
        return list(inspect.signature(callback).parameters) == ["intermediate_result"]
    except (TypeError, ValueError):
        return False


class _Function:
    """fun and its gradient, counted."""

    def __init__(self, fun: Callable[..., Any], args: tuple[Any, ...], jac: Any) -> None:
        if jac is not True and not callable(jac):
            raise ArgumentTypeError(
                f"jac: got {shown(jac)}; allowed: True, when fun returns (value, gradient), or a function"
            )
        self.fun, self.args, self.jac = fun, args, jac
        self.values = self.gradients = 0

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        self.values += 1
        self.gradients += 1
        if self.jac is True:
            found = self.fun(x.copy(), *self.args)
            if not isinstance(found, tuple) or len(found) != 2:
                raise ArgumentTypeError(
                    f"fun: returned {type_of(found)}; allowed: (value, gradient), or the value alone "
                    "beside jac=f, a function that returns the gradient"
                )
            value, gradient = found
        else:
            value, gradient = self.fun(x.copy(), *self.args), self.jac(x.copy(), *self.args)
        gradient = np.asarray(gradient, np.float64)
        if gradient.shape != x.shape:
            raise ArgumentError(f"jac: got shape {gradient.shape}; allowed: {x.shape}, as x0")
        return float(value), gradient

    def at(self, x: np.ndarray, with_gradient: bool) -> Any:
        """What a probe needs: the value, or (value, [gradient])."""
        if self.jac is True or with_gradient:
            value, gradient = self(x)
            return value, [gradient]
        self.values += 1
        return float(self.fun(x.copy(), *self.args))
