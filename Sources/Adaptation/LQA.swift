import Vocabulary

/// LQA: the minimiser of the parabola through three losses along the direction (Zhu et al. 2021). The QLABGrad paper's table
/// prints a sum where the product belongs. A denominator that is not finite or drowned by rounding counts as not positive.
/// No loss is evaluated further away than `max_lr` allows.
public struct LQA: RateMachine {
  public static let card = Card(
    "lqa", title: "LQA",
    about: """
      The minimum of the parabola through the losses at -a, 0 and a along the direction, a the trial rate.

          rate = a/2 (L(-a) - L(a)) / (L(-a) + L(a) - 2 L(0)),  L(a) = L(theta - a d)

      Where the denominator is not positive the rate before is kept, at first the trial rate.
      """,
    paper:
      "Zhu et al. 2021, Automatic, dynamic, and nearly optimal learning rate specification via local quadratic "
      + "approximation; QLABGrad, Table 1",
    cost: "two more forward passes",
    arguments: [.init("trial", 0.1, .positive, "the trial rate")])
  public static let probes = true
  public static let needsLoss = true

  private static let roundingErrors = 8.0

  private let trial: Double
  private let limits: RateLimits
  private var rate: Double
  public private(set) var fellBack = false
  /// The loss at theta - trial d, between the two probes of a step.
  private var ahead: Double?

  public init(_ settings: Settings, limits: RateLimits) throws {
    trial = min(settings["trial"], limits.high)
    rate = limits.clamp(trial)
    self.limits = limits
  }

  public mutating func decide(_ step: StepView) -> Decision {
    let length = min(trial * step.stretch, limits.high)
    guard let probe = step.probe else { return .probe(at: length) }
    guard let ahead else {
      self.ahead = probe.loss
      return .probe(at: -length)
    }
    self.ahead = nil
    let behind = probe.loss
    let denominator = behind + ahead - 2 * step.loss
    let resolution = LQA.roundingErrors * step.precision * max(abs(step.loss), abs(ahead), abs(behind))
    let best = length / 2 * (behind - ahead) / denominator
    fellBack = !(denominator > resolution && best.isFinite)
    if !fellBack { rate = limits.clamp(best) }
    return .take(rate)
  }

  public var state: [(name: String, value: Double)] { [("rate", rate)] }
  public mutating func restore(_ state: [String: Double]) { rate = state["rate"] ?? rate }
}
