import Vocabulary

/// L4 (Rolinek and Martius 2018).
/// Deviations: the update is skipped where <g^, d> <= 0; with a lower bound b, L - b takes the place of L.
public struct L4: RateMachine {
  public static let card = Card(
    "l4", title: "L4",
    about: """
      Steps to a fixed fraction of the linear model's way down to the best loss seen.

          rate = alpha (L - gamma L_min) / (<g^, d> + eps)

      g^ is the direction's own bias-corrected average of the gradient (direction), the gradient itself (gradient), or a
      bias-corrected average of its own with memory beta (ema). L_min starts at gamma0 times the first loss,
      follows every lower loss, and is inflated by 1 + 1/tau each step, after it was used. Where <g^, d> is not positive
      the parameters stay where they are. A loss below lower_bound raises ArgumentError.
      """,
    paper:
      "Rolinek and Martius 2018, L4: Practical loss-based stepsize adaptation for deep learning, "
      + "arXiv 1802.05074, eq. 2-6",
    cost: "one inner product",
    arguments: [
      .init("alpha", 0.15, .positive, "fraction of the step to the target; useful between 0.10 and 0.30"),
      .init("gamma", 0.9, .from(0, below: 1), "how far towards the lowest loss the target lies"),
      .init("tau", 1000, .above(1, to: .infinity), "time scale in steps for forgetting the lowest loss"),
      .init("gamma0", 0.75, .above(0, to: 1), "first lowest loss, as a fraction of the first loss"),
      .init("epsilon", 1e-12, .notNegative, "added to the slope"),
      .init("lower_bound", 0, .finite, "a value the loss never falls below"),
      .init("estimator", Estimator.self, "what stands for the gradient of the loss"),
      .init("beta", 0.9, .from(0, below: 1), "memory of the estimator ema"),
    ])
  /// Of the gradient, g^: the paper's direction and estimator are two roles, which any pair may fill.
  enum Estimator: Choice { case direction, gradient, ema }
  public static let needsLoss = true
  public static func memories(_ settings: Settings) -> Set<Memory> {
    settings.choice("estimator") == Estimator.ema ? [.gradientAverage] : []
  }
  public static func averaging(_ settings: Settings) -> Double { settings["beta"] }

  private let alpha, gamma, tau, gamma0, epsilon, lowerBound: Double
  private let estimator: Estimator
  private let limits: RateLimits
  /// NaN before the first step.
  private var lowest = Double.nan

  public init(_ settings: Settings, limits: RateLimits) throws {
    alpha = settings["alpha"]
    gamma = settings["gamma"]
    tau = settings["tau"]
    gamma0 = settings["gamma0"]
    epsilon = settings["epsilon"]
    lowerBound = settings["lower_bound"]
    estimator = settings.choice("estimator")
    self.limits = limits
  }

  public func check(loss: Double) throws {
    if loss < lowerBound {
      throw Failure.value(
        "L4 needs a loss of at least lower_bound=\(lowerBound), got \(describe(loss)); pass lower_bound=b for a loss that is "
          + "never below b")
    }
  }

  public mutating func decide(_ step: StepView) -> Decision {
    let loss = step.loss - lowerBound
    lowest = lowest.isNaN ? gamma0 * loss : min(lowest, loss)
    let target = gamma * lowest
    lowest *= 1 + 1 / tau
    let slope =
      switch estimator {
      case .direction: step.smoothedSlope
      case .gradient: step.slope
      case .ema: step.averageSlope
      }
    guard slope > 0 else { return .stay }
    return .take(limits.clamp(alpha * (loss - target) / (slope * step.turn + epsilon)))
  }

  public var state: [(name: String, value: Double)] { [("lowest_loss", lowest)] }
  public mutating func restore(_ state: [String: Double]) { lowest = state["lowest_loss"] ?? lowest }
}
