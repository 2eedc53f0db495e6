import Kernels

/// MoMo: the first pass averages the gradient into d (`memory`, `weight`) and sums <g, theta>, <d, theta> / c and
/// |d|^2 / c with c = 1 + cap decay (`scale` is the cap); the second is theta <- theta / c - rate d. Two passes.
enum MoMoRule: MethodRule {
  static var names: [String] { ["average"] }
  static var first: Touch { Touch(reads: 0b1, writes: 0b1, gradient: true, moves: false) }
  static var second: Touch? { Touch(reads: 0b1, writes: 0, gradient: false, moves: true) }
  static var sums: Int { 3 }

  /// Both kinds of weight decay mean the method's own, which is that of a proximal step.
  @inline(__always)
  static func shrinkage<L: Lane>(_ h: Hyper<L>, _ m: PassLanes<L>) -> L {
    L(1) / (L(1) + m.scale * (h.decay + h.decoupledDecay))
  }

  @inline(__always)
  static func first<L: Lane>(_ p: inout Place<L>, _ h: Hyper<L>, _ m: PassLanes<L>) -> Terms<L> {
    p.s0 = m.memory * p.s0 + m.weight * p.g
    let shrunk = shrinkage(h, m) * p.s0
    var terms = Terms<L>()
    terms.first = (p.g, p.theta)
    terms.second = (shrunk, p.theta)
    terms.third = (shrunk, p.s0)
    return terms
  }

  @inline(__always)
  static func second<L: Lane>(_ p: inout Place<L>, _ h: Hyper<L>, _ m: PassLanes<L>) {
    p.theta = shrinkage(h, m) * p.theta - m.rate * p.s0
  }
}

/// The same over Adam, whose corrected second moment is the metric of d's norm and of the step.
enum MoMoAdamRule: MethodRule {
  static var names: [String] { ["average", "square_average"] }
  static var first: Touch { Touch(reads: 0b11, writes: 0b11, gradient: true, moves: false) }
  static var second: Touch? { Touch(reads: 0b11, writes: 0, gradient: false, moves: true) }
  static var sums: Int { 3 }

  @inline(__always)
  static func direction<L: Lane>(_ p: Place<L>, _ h: Hyper<L>) -> L {
    p.s0 / ((p.s1 * h.correction2).squareRoot() + h.epsilon)
  }

  @inline(__always)
  static func first<L: Lane>(_ p: inout Place<L>, _ h: Hyper<L>, _ m: PassLanes<L>) -> Terms<L> {
    p.s0 = h.beta1 * p.s0 + h.complement1 * p.g
    p.s1 = h.beta2 * p.s1 + h.complement2 * p.g * p.g
    let shrunk = MoMoRule.shrinkage(h, m) * p.s0
    var terms = Terms<L>()
    terms.first = (p.g, p.theta)
    terms.second = (shrunk, p.theta)
    terms.third = (shrunk, direction(p, h))
    return terms
  }

  @inline(__always)
  static func second<L: Lane>(_ p: inout Place<L>, _ h: Hyper<L>, _ m: PassLanes<L>) {
    p.theta = MoMoRule.shrinkage(h, m) * p.theta - m.rate * direction(p, h)
  }
}
