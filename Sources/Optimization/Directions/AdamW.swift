import Kernels
import Vocabulary

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019): the decay is taken off the parameters by the rate,
/// beside the step, and does not enter the moments.
public struct AdamW: Direction {
  public static let card = Card(
    "adamw", title: "AdamW", paper: "Loshchilov and Hutter 2019, arXiv 1711.05101", cost: "two vectors",
    arguments: Adam.card.arguments.dropLast() + [
      .init(
        "weight_decay", 0.01, .notNegative, "decoupled weight decay", family: .weightDecay, learned: .finite)
    ])
  public static let usualRate = 1e-3

  private let adam: Adam

  public init(_ settings: Settings) { adam = Adam(settings) }

  public var arguments: Arguments<Double> { adam.arguments }
  public var slots: [String] { adam.slots }

  public func kernels(_ dtype: DType) -> RuleKernels { adam.kernels(dtype) }

  public func constants<L: Lane>(_ a: Arguments<L>, _ t: Int) -> Hyper<L> {
    var h = adam.constants(a, t)
    (h.decay, h.decoupledDecay) = (L(0), h.decay)
    return h
  }
}
