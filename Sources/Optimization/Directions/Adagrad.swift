import Kernels
import Vocabulary

enum AdagradRule: UpdateRule {
  @inline(__always)
  static func direction<L: Lane>(_ g: L, _ s0: inout L, _ s1: inout L, _ h: Hyper<L>) -> (d: L, smoothed: L) {
    s0 = s0 + g * g
    return (h.gain * g / (s0.squareRoot() + h.epsilon), g)
  }
}

/// Adagrad (Duchi, Hazan and Singer 2011), as in PyTorch: s <- s + g^2,
/// d = g / (sqrt(s) + epsilon) / (1 + (t - 1) lr_decay).
public struct Adagrad: Direction {
  public static let card = Card(
    "adagrad", title: "Adagrad", paper: "Duchi, Hazan and Singer 2011; as in PyTorch", cost: "one vector",
    arguments: [
      .init("lr_decay", 0, .notNegative, "how fast steps shrink besides"),
      .init("initial_accumulator_value", 0, .notNegative, "what the sum of squares starts from"),
      .init("epsilon", 1e-10, .notNegative, "added to the root of the sum", family: .epsilon),
      .init(
        "weight_decay", 0, .notNegative, "coupled weight decay, added to the gradient",
        family: .weightDecay, learned: .finite),
    ])
  public static let usualRate = 0.01

  public let arguments: Arguments<Double>
  private let lrDecay, initial: Double

  public init(_ settings: Settings) {
    arguments = Arguments(Self.card, settings)
    lrDecay = settings["lr_decay"]
    initial = settings["initial_accumulator_value"]
  }

  public var slots: [String] { ["square_sum"] }
  public var initialState: [Double] { [initial] }

  public func kernels(_ dtype: DType) -> RuleKernels { .pair(AdagradRule.self, dtype, slots: 1) }

  public func constants<L: Lane>(_ a: Arguments<L>, _ t: Int) -> Hyper<L> {
    var h = Hyper<L>()
    h.decay = a[.weightDecay]
    h.epsilon = a[.epsilon]
    h.gain = L(1 / (1 + Double(t - 1) * lrDecay))
    return h
  }
}
