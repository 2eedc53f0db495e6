import Kernels

/// The constants of one step: numbers, numbers that carry a derivative, or either as vectors. A rule reads those it needs.
public struct Hyper<L: Lane> {
  public var decay = L(0), decoupledDecay = L(0)
  public var momentum = L(0), gain = L(1), epsilon = L(0)
  public var beta1 = L(0) { didSet { complement1 = L(1) - beta1 } }
  public var beta2 = L(0) { didSet { complement2 = L(1) - beta2 } }
  /// 1 - beta in double precision, rounded once: subtracting in single precision would lose five digits of 1 - 0.999.
  public internal(set) var complement1 = L(1), complement2 = L(1)
  /// Reciprocals of the bias corrections.
  public var correction1 = L(1), correction2 = L(1)
  /// Of the total weight of the gradients in the first state vector, which makes it the rule's average of the gradient;
  /// 0 where that average is the gradient itself.
  public var smoothing = L(0)

  public init() {}

  /// What the rule's average of the gradient keeps of itself and takes of a gradient: momentum and gain, or beta1 and its
  /// complement, whichever the rule has; the others are 0 and 1.
  public var averaging: (kept: L, added: L) { (momentum + beta1, gain * complement1) }

  /// Each of the constants in another lane.
  @inline(__always)
  init<Other>(_ h: Hyper<Other>, _ lane: (Other) -> L) {
    (decay, decoupledDecay) = (lane(h.decay), lane(h.decoupledDecay))
    (momentum, gain, epsilon) = (lane(h.momentum), lane(h.gain), lane(h.epsilon))
    (beta1, beta2) = (lane(h.beta1), lane(h.beta2))
    (complement1, complement2) = (lane(h.complement1), lane(h.complement2))
    (correction1, correction2) = (lane(h.correction1), lane(h.correction2))
    smoothing = lane(h.smoothing)
  }

  @inline(__always)
  init(_ h: HyperValues) { self.init(h, L.init) }
}

extension Hyper: Sendable where L: Sendable {}

/// The same as numbers.
public typealias HyperValues = Hyper<Double>

/// An update rule as element-wise arithmetic, written once over its lane: numbers for training, duals for its exact
/// forward-mode hypergradients. `g` has the coupled weight decay in it; s0 and s1 are the rule's state vectors.
/// Returns the direction d of the step -rate d, and the rule's own average of the gradient.
public protocol UpdateRule: Sendable {
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
