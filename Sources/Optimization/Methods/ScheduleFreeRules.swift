import Kernels

/// Schedule-Free descent on z, with the parameters at y = (1 - beta) z + beta x and x the average of all z, never kept:
/// y <- y + c (z - y) - rate (1 - beta (1 - c)) g, z <- z - rate g. One pass. `weight` is c, `scale` the factor of g in y.
enum ScheduleFreeRule: MethodRule {
  static var names: [String] { ["base_point"] }
  static var copiedFrom: Int { 0 }
  static var first: Touch { Touch(reads: 0b1, writes: 0b1, gradient: true, moves: true) }
  static var sums: Int { 0 }

  @inline(__always)
  static func first<L: Lane>(_ p: inout Place<L>, _ h: Hyper<L>, _ m: PassLanes<L>) -> Terms<L> {
    move(&p.theta, &p.s0, p.g + h.decay * p.theta, m)
    return Terms<L>()
  }

  @inline(__always)
  static func move<L: Lane>(_ y: inout L, _ z: inout L, _ g: L, _ m: PassLanes<L>) {
    y = y + m.weight * (z - y) + m.scale * g
    z = z - m.rate * g
  }
}

/// The same on g / (sqrt(v) + epsilon) + weight decay y, with v the corrected second moment. The base point is the second
/// vector, as only it starts from the parameters.
enum ScheduleFreeAdamWRule: MethodRule {
  static var names: [String] { ["square_average", "base_point"] }
  static var copiedFrom: Int { 1 }
  static var first: Touch { Touch(reads: 0b11, writes: 0b11, gradient: true, moves: true) }
  static var sums: Int { 0 }

  @inline(__always)
  static func first<L: Lane>(_ p: inout Place<L>, _ h: Hyper<L>, _ m: PassLanes<L>) -> Terms<L> {
    p.s0 = h.beta2 * p.s0 + h.complement2 * p.g * p.g
    let scaled = p.g / ((p.s0 * h.correction2).squareRoot() + h.epsilon)
    ScheduleFreeRule.move(&p.theta, &p.s1, scaled + h.decoupledDecay * p.theta, m)
    return Terms<L>()
  }
}
