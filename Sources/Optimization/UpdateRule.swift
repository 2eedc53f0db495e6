import Kernels

/// The constants of one step, as lanes. A rule reads those it needs.
public struct Hyper<L: Lane> {
  public var decay, decoupledDecay: L
  public var momentum, gain, beta1, beta2, epsilon: L
  /// 1 - beta, rounded once: subtracting in single precision would lose five digits of 1 - 0.999.
  public var complement1, complement2: L
  /// Reciprocals of the bias corrections, and of the total weight of the average that `smoothed` is made from.
  public var correction1, correction2, smoothing: L

  init(_ h: HyperValues) {
    decay = L(h.decay)
    decoupledDecay = L(h.decoupledDecay)
    momentum = L(h.momentum)
    gain = L(h.gain)
    beta1 = L(h.beta1)
    beta2 = L(h.beta2)
    epsilon = L(h.epsilon)
    complement1 = L(1 - h.beta1)
    complement2 = L(1 - h.beta2)
    correction1 = L(h.correction1)
    correction2 = L(h.correction2)
    smoothing = L(h.smoothing)
  }
}

/// The same as numbers.
public struct HyperValues: Sendable {
  public var decay = 0.0, decoupledDecay = 0.0
  public var momentum = 0.0, gain = 1.0, beta1 = 0.0, beta2 = 0.0, epsilon = 0.0
  public var correction1 = 1.0, correction2 = 1.0, smoothing = 1.0
  public init() {}

  init(_ h: Hyper<Double>) {
    (decay, decoupledDecay, momentum, gain) = (h.decay, h.decoupledDecay, h.momentum, h.gain)
    (beta1, beta2, epsilon) = (h.beta1, h.beta2, h.epsilon)
    (correction1, correction2, smoothing) = (h.correction1, h.correction2, h.smoothing)
  }
}

/// An update rule as element-wise arithmetic, written once over its lane: numbers for training, duals for its exact
/// forward-mode hypergradients. `g` has the coupled weight decay in it; s0 and s1 are the rule's state vectors.
/// Returns the direction d of the step -rate d, and the rule's own average of the gradient.
public protocol UpdateRule {
  static func direction<L: Lane>(_ g: L, _ s0: inout L, _ s1: inout L, _ h: Hyper<L>) -> (d: L, smoothed: L)
}

/// What every rule is wrapped in: weight decay, coupled before it and decoupled after it.
@inline(__always)
func wholeDirection<R: UpdateRule, L: Lane>(
  _: R.Type, _ raw: L, _ theta: L, _ s0: inout L, _ s1: inout L, _ h: Hyper<L>
) -> (d: L, smoothed: L) {
  let (d, smoothed) = R.direction(raw + h.decay * theta, &s0, &s1, h)
  return (d + h.decoupledDecay * theta, smoothed)
}

/// What a pass over the vectors sums up on its way.
public struct DirectionSums {
  /// <raw gradient, d>
  public var slope = 0.0
  /// <smoothed, d>
  public var smoothedSlope = 0.0

  static func += (a: inout Self, b: Self) {
    a.slope += b.slope
    a.smoothedSlope += b.smoothedSlope
  }
}
