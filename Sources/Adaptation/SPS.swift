import Vocabulary

/// Stochastic Polyak step size (Loizou et al. 2021), with 1e-8 added to the denominator as in the authors' code.
/// Deviations: a step without slope is skipped and leaves the rate before as it is (there it stores 0, which stays for
/// ever); a loss below its bound is an error (there the rate turns negative).
public struct SPS: RateMachine {
  public static let card = Card(
    "sps", title: "SPS",
    about: """
      The stochastic Polyak step, with <g, d> in place of |g|^2 along any direction d.

          max     min(max_lr, (L - f_star) / (c <g, d>))
          smooth  min(gamma^(1/N) times the rate before, L / (c <g, d>)),  N steps per epoch

      The smooth mode starts from a rate of 1 and knows neither f_star nor max_lr, as in the authors' code. A step without
      slope is skipped. A loss below its bound, f_star in the mode max and 0 in the smooth one, raises ArgumentError.
      """,
    paper: "Loizou et al. 2021, Stochastic Polyak step-size for SGD, arXiv 2002.10542", cost: "nothing",
    arguments: [
      .init("c", 0.5, .positive, "the fraction of the gap that a step aims at is 1/c"),
      .init("f_star", 0, .finite, "the lowest value of a batch's loss"),
      .init("mode", Mode.self, "what is bounded: the growth from step to step, or the rate"),
      .init("gamma", 2, .from(1, below: .infinity), "largest growth per epoch in the smooth mode"),
    ])
  enum Mode: Choice { case smooth, max }
  public static let needsLoss = true
  public static let usesEpoch = true

  private let c, fStar, gamma: Double
  private let smooth: Bool
  private let limits: RateLimits
  private var rate = 1.0

  public init(_ settings: Settings, limits: RateLimits) throws {
    c = settings["c"]
    fStar = settings["f_star"]
    smooth = settings.choice("mode") == Mode.smooth
    gamma = settings["gamma"]
    self.limits = limits
  }

  public func check(loss: Double) throws {
    let bound = smooth ? 0 : fStar
    if loss < bound {
      throw Failure.value(
        "SPS needs a loss of at least \(smooth ? "0 in its smooth mode" : "f_star=\(fStar)"), got \(describe(loss)); pass "
          + "mode='max', a max_lr and f_star=b, with b a lower bound of every batch's loss")
    }
  }

  public mutating func decide(_ step: StepView) -> Decision {
    guard step.slope > 0, step.slope.squareRoot() >= 1e-8 else { return .stay }
    let slope = step.slope * step.turn
    if smooth {
      rate = min(power(gamma, 1 / step.stepsPerEpoch) * rate, step.loss / (c * slope + 1e-8))
      return .take(limits.clamp(rate))
    }
    rate = (step.loss - fStar) / (c * slope + 1e-8)
    return .take(limits.clamp(rate))
  }

  public var state: [(name: String, value: Double)] { [("rate", rate)] }
  public mutating func restore(_ state: [String: Double]) { rate = state["rate"] ?? rate }
}
