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
      .init(
        "momentum", 0, .from(0, below: .infinity), "weight of the previous direction",
        family: .momentum, learned: .finite),
      .init("dampening", 0, .finite, "taken off the gradient's weight in the momentum"),
      .init("nesterov", 0, .flag, "Nesterov's look-ahead"),
      .init(
        "weight_decay", 0, .notNegative, "coupled weight decay, added to the gradient",
        family: .weightDecay, learned: .finite),
    ])
  public static let usualRate = 0.01
  public static let isLinear = true

  public static let variants = [Variant(name: "nesterov", arguments: ["nesterov": 1])]

  public let arguments: Arguments<Double>
  private let dampening: Double
  private let keepsMomentum, nesterov: Bool

  public init(_ settings: Settings) throws {
    arguments = Arguments(Self.card, settings)
    dampening = settings["dampening"]
    keepsMomentum = settings.keeps("momentum")
    nesterov = settings["nesterov"] != 0
    if nesterov && (!keepsMomentum || dampening != 0) {
      throw Failure.value(
        "SGD: nesterov needs momentum above 0 and dampening 0, got momentum=\(settings["momentum"]) and "
          + "dampening=\(dampening)")
    }
  }

  public var slots: [String] { keepsMomentum ? ["momentum"] : [] }

  public func kernels(_ dtype: DType) -> RuleKernels {
    if !keepsMomentum { return .pair(GradientRule.self, dtype, slots: 0) }
    return nesterov ? .pair(NesterovRule.self, dtype, slots: 1) : .pair(MomentumRule.self, dtype, slots: 1)
  }

  public func constants<L: Lane>(_ a: Arguments<L>, _ t: Int) -> Hyper<L> {
    var h = Hyper<L>()
    h.decay = a[.weightDecay]
    h.momentum = a[.momentum]
    h.gain = L(t == 1 ? 1 : 1 - dampening)
    // Total weight of the gradients in v: momentum^(t-1) + (1 - dampening) (1 + ... + momentum^(t-2)).
    let first = power(h.momentum, t - 1)
    let sum = (L(1) - first) / (L(1) - h.momentum)
    let ones = L.select(L(1), greaterThan: h.momentum, sum, L(Double(t - 1)))
    let others = L.select(h.momentum, greaterThan: L(1), sum, ones)
    h.smoothing = L(1) / (first + L(1 - dampening) * others)
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
