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
      .init("alpha", 0.99, .from(0, below: 1), "memory of the squared gradient's average"),
      .init("epsilon", 1e-8, .notNegative, "added to the root of the average"),
      .init("momentum", 0, .from(0, below: .infinity), "weight of the previous direction"),
      .init("weight_decay", 0, .notNegative, "coupled weight decay, added to the gradient"),
    ])

  private let alpha, epsilon, momentum, decay: Double

  public init(_ settings: Settings) throws {
    alpha = settings["alpha"]
    epsilon = settings["epsilon"]
    momentum = settings["momentum"]
    decay = settings["weight_decay"]
  }

  public var slots: [String] { ["square_average"] + (momentum == 0 ? [] : ["momentum"]) }

  public func kernels(_ dtype: DType) -> RuleKernels {
    momentum == 0
      ? .pair(RMSpropRule.self, dtype, slots: 1) : .pair(RMSpropMomentumRule.self, dtype, slots: 2)
  }

  public func hyper(_ t: Int) -> HyperValues {
    var h = HyperValues()
    h.decay = decay
    h.beta2 = alpha
    h.epsilon = epsilon
    h.momentum = momentum
    return h
  }
}
