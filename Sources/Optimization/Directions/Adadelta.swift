import Kernels
import Vocabulary

enum AdadeltaRule: UpdateRule {
  @inline(__always)
  static func direction<L: Lane>(_ g: L, _ s0: inout L, _ s1: inout L, _ h: Hyper<L>) -> (d: L, smoothed: L) {
    s0 = h.beta2 * s0 + h.complement2 * g * g
    let d = (s1 + h.epsilon).squareRoot() / (s0 + h.epsilon).squareRoot() * g
    s1 = h.beta2 * s1 + h.complement2 * d * d
    return (d, g)
  }
}

/// Adadelta (Zeiler 2012), as in PyTorch: steps in units of their own running size.
public struct Adadelta: Direction {
  public static let card = Card(
    "adadelta", title: "Adadelta", paper: "Zeiler 2012, arXiv 1212.5701", cost: "two vectors",
    arguments: [
      .init("rho", 0.9, .from(0, below: 1), "memory of both averages", family: .beta2),
      .init("epsilon", 1e-6, .positive, "added under both roots", family: .epsilon),
      .init(
        "weight_decay", 0, .notNegative, "coupled weight decay, added to the gradient",
        family: .weightDecay, learned: .finite),
    ])
  public static let usualRate = 1.0

  public let arguments: Arguments<Double>

  public init(_ settings: Settings) { arguments = Arguments(Self.card, settings) }

  public var slots: [String] { ["square_average", "square_step_average"] }

  public func kernels(_ dtype: DType) -> RuleKernels { .pair(AdadeltaRule.self, dtype, slots: 2) }

  public func constants<L: Lane>(_ a: Arguments<L>, _ t: Int) -> Hyper<L> {
    var h = Hyper<L>()
    h.decay = a[.weightDecay]
    h.beta2 = a[.beta2]
    h.epsilon = a[.epsilon]
    return h
  }
}
