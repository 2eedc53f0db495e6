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
      .init("beta1", 0.9, .from(0, below: 1), "memory of the gradient's average"),
      .init("beta2", 0.999, .from(0, below: 1), "memory of the squared gradient's average"),
      .init("epsilon", 1e-8, .notNegative, "added to the root of the second moment"),
      .init("weight_decay", 0, .notNegative, "coupled weight decay, added to the gradient"),
    ])

  private let beta1, beta2, epsilon, decay: Double

  public init(_ settings: Settings) throws {
    beta1 = settings["beta1"]
    beta2 = settings["beta2"]
    epsilon = settings["epsilon"]
    decay = settings["weight_decay"]
  }

  public var slots: [String] { ["average", "square_average"] }

  public func kernels(_ dtype: DType) -> RuleKernels { .pair(AdamRule.self, dtype, slots: 2) }

  public func hyper(_ t: Int) -> HyperValues {
    var h = HyperValues()
    h.decay = decay
    h.beta1 = beta1
    h.beta2 = beta2
    h.epsilon = epsilon
    h.correction1 = 1 / (1 - power(beta1, t))
    h.correction2 = 1 / (1 - power(beta2, t))
    return h
  }
}
