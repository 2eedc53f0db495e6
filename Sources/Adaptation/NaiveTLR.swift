import Vocabulary

/// Trainable learning rate, naive variant (the TLR paper, eqs. 5-7): the derivative of the loss after the step with respect
/// to the rate is -<g(theta - rate d), d>, from a second gradient evaluation.
/// The paper has no guard; here the rate stays within its limits, 0 below by default.
public struct NaiveTLR: RateMachine {
  public static let card = Card(
    "naive_tlr", title: "NaiveTLR",
    about: """
      Trainable learning rate by a second evaluation per step: gradient descent on the rate itself.

          rate += meta_lr <g(theta - rate d), d>, then the step with the new rate
      """,
    paper: "the TLR paper (Trainable Learning Rate), eq. 5-7 and Algorithm 1",
    cost: "one more forward and backward pass",
    arguments: [
      .init("initial", 0.01, .positive, "the first rate"),
      .init("meta_lr", nil, .positive, "the learning rate of the learning rate"),
    ])
  public static let probes = true

  private let meta: Double
  private let limits: RateLimits
  private var rate: Double

  public init(_ settings: Settings, limits: RateLimits) throws {
    meta = settings["meta_lr"]
    rate = limits.clamp(settings["initial"])
    self.limits = limits
  }

  public mutating func decide(_ step: StepView) -> Decision {
    guard let probe = step.probe else { return .probeGradient(at: rate) }
    if probe.slope.isFinite { rate = limits.clamp(rate + meta * probe.slope) }
    return .take(rate)
  }

  public var state: [(name: String, value: Double)] { [("rate", rate)] }
  public mutating func restore(_ state: [String: Double]) { rate = state["rate"] ?? rate }
}
