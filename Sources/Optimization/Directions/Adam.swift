import Kernels
import Vocabulary

enum AdamRule: UpdateRule {
  @inline(__always)
  static func direction<L: Lane>(_ g: L, _ s0: inout L, _ s1: inout L, _ h: Hyper<L>) -> (d: L, smoothed: L) {
    s0 = h.beta1 * s0 + h.complement1 * g
    s1 = h.beta2 * s1 + h.complement2 * g * g
    let average = s0 * h.correction1
    return (average / ((s1 * h.correction2).squareRoot() + h.epsilon), average)
  }
}

/// Adam (Kingma and Ba 2015), epsilon outside the root of the corrected second moment, as in PyTorch.
public struct Adam: Direction {
  public static let card = Card(
    "adam", title: "Adam", paper: "Kingma and Ba 2015, arXiv 1412.6980", cost: "two vectors",
    arguments: [
      .init("beta1", 0.9, .from(0, below: 1), "memory of the gradient's average", family: .momentum),
      .init("beta2", 0.999, .from(0, below: 1), "memory of the squared gradient's average", family: .beta2),
      .init("epsilon", 1e-8, .notNegative, "added to the root of the second moment", family: .epsilon),
      .init(
        "weight_decay", 0, .notNegative, "coupled weight decay, added to the gradient",
        family: .weightDecay, learned: .finite),
    ])
  public static let usualRate = 1e-3

  public let arguments: Arguments<Double>

  public init(_ settings: Settings) { arguments = Arguments(Self.card, settings) }

  public var slots: [String] { ["average", "square_average"] }

  public func kernels(_ dtype: DType) -> RuleKernels { .pair(AdamRule.self, dtype, slots: 2) }

  /// The averages are corrected by the betas of this step alone, as PyTorch does when they change on the way.
  public func constants<L: Lane>(_ a: Arguments<L>, _ t: Int) -> Hyper<L> {
    var h = Hyper<L>()
    h.decay = a[.weightDecay]
    h.beta1 = a[.momentum]
    h.beta2 = a[.beta2]
    h.epsilon = a[.epsilon]
    h.correction1 = L(1) / (L(1) - power(h.beta1, t))
    h.smoothing = h.correction1
    h.correction2 = L(1) / (L(1) - power(h.beta2, t))
    return h
  }
}
