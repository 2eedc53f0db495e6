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
    "ema", title: "L4Mom", paper: "Rolinek and Martius 2018, eq. 7", cost: "one vector",
    arguments: [
      .init("beta", 0.9, .from(0, below: 1), "memory of the average"),
      .init("weight_decay", 0, .notNegative, "coupled weight decay, added to the gradient"),
    ])

  private let beta, decay: Double

  public init(_ settings: Settings) throws {
    beta = settings["beta"]
    decay = settings["weight_decay"]
  }

  public var slots: [String] { ["average"] }

  public func kernels(_ dtype: DType) -> RuleKernels { .pair(AverageRule.self, dtype, slots: 1) }

  public func hyper(_ t: Int) -> HyperValues {
    var h = HyperValues()
    h.decay = decay
    h.beta1 = beta
    h.correction1 = 1 / (1 - power(beta, t))
    return h
  }
}
