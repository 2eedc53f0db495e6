"""Plain float64 NumPy versions of the methods, written from the published formulas and nothing else.

They are slow and obvious on purpose: the native library is held equal to them step by step. Parameters,
gradients and directions are lists of arrays; `evaluate(parameters)` returns the loss and the list of
gradients of one mini-batch. Every optimizer here has one method, `step(parameters, evaluate)`, which changes
the parameters in place and returns the loss before the step and the rate (a list where rates differ).
"""
