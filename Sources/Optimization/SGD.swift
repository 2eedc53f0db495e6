import Kernels
import Vocabulary

enum GradientRule: UpdateRule {
  @inline(__always)
  static func direction<L: Lane>(_ g: L, _ s0: inout L, _ s1: inout L, _ h: Hyper<L>) -> (d: L, smoothed: L) {
    (g, g)
  }
}

enum MomentumRule: UpdateRule {
  @inline(__always)
  static func direction<L: Lane>(_ g: L, _ s0: inout L, _ s1: inout L, _ h: Hyper<L>) -> (d: L, smoothed: L) {
    s0 = h.momentum * s0 + h.gain * g
    return (s0, s0 * h.smoothing)
  }
}

enum NesterovRule: UpdateRule {
  @inline(__always)
  static func direction<L: Lane>(_ g: L, _ s0: inout L, _ s1: inout L, _ h: Hyper<L>) -> (d: L, smoothed: L) {
    s0 = h.momentum * s0 + h.gain * g
    return (g + h.momentum * s0, s0 * h.smoothing)
  }
}

/// Stochastic gradient descent, plain, with heavy-ball momentum, or Nesterov's, as PyTorch defines them:
/// v <- momentum v + (1 - dampening) g, v = g at the first step; d = v, or g + momentum v.
public struct SGD: Direction {
  public static let card = Card(
    "sgd", title: "SGD", paper: "Polyak 1964; Nesterov 1983; as in PyTorch", cost: "one vector with momentum",
    arguments: [
      .init("momentum", 0, .from(0, below: .infinity), "weight of the previous direction"),
      .init("dampening", 0, .finite, "taken off the gradient's weight in the momentum"),
      .init("nesterov", 0, .flag, "Nesterov's look-ahead"),
      .init("weight_decay", 0, .notNegative, "coupled weight decay, added to the gradient"),
    ])

  private let momentum, dampening, decay: Double
  private let nesterov: Bool

  public init(_ settings: Settings) throws {
    momentum = settings["momentum"]
    dampening = settings["dampening"]
    decay = settings["weight_decay"]
    nesterov = settings["nesterov"] != 0
    if nesterov && (momentum == 0 || dampening != 0) {
      throw Failure.value(
        "SGD: nesterov needs momentum above 0 and dampening 0, got momentum=\(momentum) and dampening=\(dampening)"
      )
    }
  }

  public var slots: [String] { momentum == 0 ? [] : ["momentum"] }

  public func kernels(_ dtype: DType) -> RuleKernels {
    if momentum == 0 { return .pair(GradientRule.self, dtype, slots: 0) }
    return nesterov ? .pair(NesterovRule.self, dtype, slots: 1) : .pair(MomentumRule.self, dtype, slots: 1)
  }

  public func tangentKernels(_ dtype: DType) -> TangentKernels? {
    if dampening != 0 { return nil }
    if momentum == 0 { return .pair(.sgd, GradientRule.self, dtype, slots: 0) }
    return (nesterov ? TrainingRule.nesterov : .sgd).tangentKernels(dtype)
  }

  public func hyper(_ t: Int) -> HyperValues {
    var h = HyperValues()
    h.decay = decay
    h.momentum = momentum
    h.gain = t == 1 ? 1 : 1 - dampening
    // Total weight of the gradients in v: momentum^(t-1) + (1 - dampening) (1 + ... + momentum^(t-2)).
    let first = power(momentum, t - 1)
    let others = momentum == 1 ? Double(t - 1) : (1 - first) / (1 - momentum)
    h.smoothing = 1 / (first + (1 - dampening) * others)
    return h
  }
}

/// x^n for n >= 0, with 0^0 = 1.
func power<L: Lane>(_ x: L, _ n: Int) -> L {
  var (result, base, n) = (L(1), x, n)
  while n > 0 {
    if n & 1 == 1 { result = result * base }
    base = base * base
    n >>= 1
  }
  return result
}
