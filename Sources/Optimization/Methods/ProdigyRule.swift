import Kernels

/// Prodigy over Adam: the gradient enters the moments times d. The first pass sums <g, theta_0 - theta> and |s|_1 (`scale`
/// is d, `memory` the root of beta2, `weight` what enters s); the second steps with the new d beside epsilon (`rate` is
/// lambda, `scale` the new d). Two passes.
enum ProdigyRule: MethodRule {
  static var names: [String] { ["average", "square_average", "weighted_gradient_sum", "first_point"] }
  static var copiedFrom: Int { 3 }
  static var first: Touch { Touch(reads: 0b1111, writes: 0b0111, gradient: true, moves: false) }
  static var second: Touch? { Touch(reads: 0b0011, writes: 0, gradient: false, moves: true) }
  static var sums: Int { 2 }

  @inline(__always)
  static func first<L: Lane>(_ p: inout Place<L>, _ h: Hyper<L>, _ m: PassLanes<L>) -> Terms<L> {
    let g = p.g + h.decay * p.theta
    let scaled = m.scale * g
    p.s0 = h.beta1 * p.s0 + h.complement1 * scaled
    p.s1 = h.beta2 * p.s1 + h.complement2 * scaled * scaled
    p.s2 = m.memory * p.s2 + m.weight * g
    var terms = Terms<L>()
    terms.first = (g, p.s3 - p.theta)
    terms.second = (p.s2.magnitude, L(1))
    return terms
  }

  @inline(__always)
  static func second<L: Lane>(_ p: inout Place<L>, _ h: Hyper<L>, _ m: PassLanes<L>) {
    let d = p.s0 / (p.s1.squareRoot() + m.scale * h.epsilon) + h.decoupledDecay * p.theta
    p.theta = p.theta - m.rate * d
  }
}
