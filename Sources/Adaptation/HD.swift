import Vocabulary

/// Hypergradient descent on the rate (Baydin et al. 2018): <g, d'> is minus the derivative of the loss with respect to the
/// rate of the step before. One rate for all tensors by default: the paper's, where the authors' Adam changes a shared rate
/// tensor by tensor.
public struct HD: RateMachine {
  public static let card = Card(
    "hd", title: "HD",
    about: """
      Hypergradient descent: the rate follows the derivative of the loss with respect to the rate of the step before.

          additive        rate += meta_lr <g, d'>
          multiplicative  rate *= 1 + meta_lr <g, d'> / (|g| |d'|)

      d' is the direction of the step before; the coupled weight decay is part of g. Rates may become negative, as in the
      authors' logs, unless min_lr is set.
      """,
    paper:
      "Baydin et al. 2018, Online learning rate adaptation with hypergradient descent, arXiv 1703.04782, eq. 5-8",
    cost: "one inner product, one vector",
    arguments: [
      .init("initial", 0.01, .finite, "the first rate"),
      .init("meta_lr", 1e-4, .notNegative, "the learning rate of the learning rate"),
      .init("multiplicative", 0, .flag, "change the rate in proportion to itself"),
    ])
  public static let memories: Set<Memory> = [.previous]
  public static let lowestRate = -Double.infinity

  private let meta: Double
  private let multiplicative: Bool
  private let limits: RateLimits
  private var rate: Double
  public private(set) var fellBack = false

  public init(_ settings: Settings, limits: RateLimits) throws {
    meta = settings["meta_lr"]
    multiplicative = settings["multiplicative"] != 0
    rate = limits.clamp(settings["initial"])
    self.limits = limits
  }

  public mutating func decide(_ step: StepView) -> Decision {
    if let previous = step.previous {
      let h = previous.decayedDirectionDot
      let lengths = (previous.decayedGradientNorm2 * previous.directionNorm2).squareRoot()
      let changed = multiplicative ? rate * (1 + meta * h / lengths) : rate + meta * h
      fellBack = !changed.isFinite
      if !fellBack { rate = limits.clamp(changed) }
    }
    return .take(rate)
  }

  public var state: [(name: String, value: Double)] { [("rate", rate)] }
  public mutating func restore(_ state: [String: Double]) { rate = state["rate"] ?? rate }
}
