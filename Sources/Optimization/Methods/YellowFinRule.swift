import Kernels

/// YellowFin: the first pass averages the raw gradient and sums the average's square (`memory`, `weight`); the second is
/// PyTorch's heavy ball with a rate and a momentum of its own (`rate`, `memory`; `scale` limits the gradient). Two passes.
enum YellowFinRule: MethodRule {
  static var names: [String] { ["gradient_average", "momentum"] }
  static var first: Touch { Touch(reads: 0b01, writes: 0b01, gradient: true, moves: false) }
  static var second: Touch? { Touch(reads: 0b10, writes: 0b10, gradient: true, moves: true) }
  static var sums: Int { 1 }

  @inline(__always)
  static func first<L: Lane>(_ p: inout Place<L>, _ h: Hyper<L>, _ m: PassLanes<L>) -> Terms<L> {
    p.s0 = m.memory * p.s0 + m.weight * p.g
    var terms = Terms<L>()
    terms.first = (p.s0, p.s0)
    return terms
  }

  @inline(__always)
  static func second<L: Lane>(_ p: inout Place<L>, _ h: Hyper<L>, _ m: PassLanes<L>) {
    p.s1 = m.memory * p.s1 + (m.scale * p.g + h.decay * p.theta)
    p.theta = p.theta - m.rate * p.s1
  }
}
