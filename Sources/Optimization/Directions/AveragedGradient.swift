import Kernels
import Vocabulary

enum AverageRule: UpdateRule {
  @inline(__always)
  static func direction<L: Lane>(_ g: L, _ s0: inout L, _ s1: inout L, _ h: Hyper<L>) -> (d: L, smoothed: L) {
    s0 = h.beta1 * s0 + h.complement1 * g
    let d = s0 * h.correction1
    return (d, d)
  }
}

/// The bias-corrected moving average of the gradient: L4Mom's direction (the L4 paper, eq. 7).
public struct AveragedGradient: Direction {
  public static let card = Card(
    "ema", title: "EMA", paper: "Rolinek and Martius 2018, eq. 7", cost: "one vector",
    arguments: [
      .init("beta", 0.9, .from(0, below: 1), "memory of the average", family: .momentum),
      .init(
        "weight_decay", 0, .notNegative, "coupled weight decay, added to the gradient",
        family: .weightDecay, learned: .finite),
    ])
  public static let usualRate = 0.01
  public static let isLinear = true

  public let arguments: Arguments<Double>

  public init(_ settings: Settings) { arguments = Arguments(Self.card, settings) }

  public var slots: [String] { ["average"] }

  public func kernels(_ dtype: DType) -> RuleKernels { .pair(AverageRule.self, dtype, slots: 1) }

  public func constants<L: Lane>(_ a: Arguments<L>, _ t: Int) -> Hyper<L> {
    var h = Hyper<L>()
    h.decay = a[.weightDecay]
    h.beta1 = a[.momentum]
    h.correction1 = L(1) / (L(1) - power(h.beta1, t))
    h.smoothing = h.correction1
    return h
  }
}
