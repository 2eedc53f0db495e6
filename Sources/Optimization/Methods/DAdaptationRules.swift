import Kernels

/// D-Adaptation over gradient descent, dual averaging: s += lambda g, theta <- momentum theta + (1 - momentum) (theta_0 - s).
/// Sums <g, s before> and |s|^2. One pass. `rate` is lambda.
enum DualAveragingRule: MethodRule {
  static var names: [String] { ["weighted_gradient_sum", "first_point"] }
  static var copiedFrom: Int { 1 }
  static var first: Touch { Touch(reads: 0b11, writes: 0b01, gradient: true, moves: true) }
  static var sums: Int { 2 }

  @inline(__always)
  static func first<L: Lane>(_ p: inout Place<L>, _ h: Hyper<L>, _ m: PassLanes<L>) -> Terms<L> {
    let g = p.g + h.decay * p.theta
    var terms = Terms<L>()
    terms.first = (g, p.s0)
    p.s0 = p.s0 + m.rate * g
    terms.second = (p.s0, p.s0)
    let z = p.s1 - p.s0
    p.theta = z + h.momentum * (p.theta - z)
    return terms
  }
}

/// D-Adaptation over Adam: lambda is inside the first moment, so that the step is m / (sqrt(v) + epsilon).
/// Sums <g, s / (sqrt(v) + epsilon)>, both as they were before, and |s|_1. One pass. `rate` is lambda, `memory` the root of
/// beta2, `weight` (1 - memory) lambda.
enum DAdaptationAdamRule: MethodRule {
  static var names: [String] { ["average", "square_average", "weighted_gradient_sum"] }
  static var first: Touch { Touch(reads: 0b111, writes: 0b111, gradient: true, moves: true) }
  static var sums: Int { 2 }

  @inline(__always)
  static func first<L: Lane>(_ p: inout Place<L>, _ h: Hyper<L>, _ m: PassLanes<L>) -> Terms<L> {
    let g = p.g + h.decay * p.theta
    var terms = Terms<L>()
    terms.first = (g, p.s2 / (p.s1.squareRoot() + h.epsilon))
    p.s0 = h.beta1 * p.s0 + h.complement1 * m.rate * g
    p.s1 = h.beta2 * p.s1 + h.complement2 * g * g
    p.s2 = m.memory * p.s2 + m.weight * g
    terms.second = (p.s2.magnitude, L(1))
    p.theta = p.theta - (p.s0 / (p.s1.squareRoot() + h.epsilon) + m.rate * h.decoupledDecay * p.theta)
    return terms
  }
}
