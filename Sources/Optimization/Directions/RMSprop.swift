import Kernels
import Vocabulary

enum RMSpropRule: UpdateRule {
  @inline(__always)
  static func direction<L: Lane>(_ g: L, _ s0: inout L, _ s1: inout L, _ h: Hyper<L>) -> (d: L, smoothed: L) {
    s0 = h.beta2 * s0 + h.complement2 * g * g
    return (g / (s0.squareRoot() + h.epsilon), g)
  }
}

enum RMSpropMomentumRule: UpdateRule {
  @inline(__always)
  static func direction<L: Lane>(_ g: L, _ s0: inout L, _ s1: inout L, _ h: Hyper<L>) -> (d: L, smoothed: L) {
    s0 = h.beta2 * s0 + h.complement2 * g * g
    s1 = h.momentum * s1 + g / (s0.squareRoot() + h.epsilon)
    return (s1, g)
  }
}

/// RMSprop (Tieleman and Hinton 2012), as in PyTorch: s <- alpha s + (1 - alpha) g^2, d = g / (sqrt(s) + epsilon), with
/// heavy-ball momentum on d if asked for.
public struct RMSprop: Direction {
  public static let card = Card(
    "rmsprop", title: "RMSprop", paper: "Tieleman and Hinton 2012; as in PyTorch",
    cost: "one vector, two with momentum",
    arguments: [
      .init("alpha", 0.99, .from(0, below: 1), "memory of the squared gradient's average", family: .beta2),
      .init("epsilon", 1e-8, .notNegative, "added to the root of the average", family: .epsilon),
      .init(
        "momentum", 0, .from(0, below: .infinity), "weight of the previous direction",
        family: .momentum, learned: .finite),
      .init(
        "weight_decay", 0, .notNegative, "coupled weight decay, added to the gradient",
        family: .weightDecay, learned: .finite),
    ])
  public static let usualRate = 0.01

  public let arguments: Arguments<Double>
  private let keepsMomentum: Bool

  public init(_ settings: Settings) {
    arguments = Arguments(Self.card, settings)
    keepsMomentum = settings.keeps("momentum")
  }

  public var slots: [String] { ["square_average"] + (keepsMomentum ? ["momentum"] : []) }

  public func kernels(_ dtype: DType) -> RuleKernels {
    keepsMomentum
      ? .pair(RMSpropMomentumRule.self, dtype, slots: 2) : .pair(RMSpropRule.self, dtype, slots: 1)
  }

  public func constants<L: Lane>(_ a: Arguments<L>, _ t: Int) -> Hyper<L> {
    var h = Hyper<L>()
    h.decay = a[.weightDecay]
    h.beta2 = a[.beta2]
    h.epsilon = a[.epsilon]
    h.momentum = a[.momentum]
    return h
  }
}
