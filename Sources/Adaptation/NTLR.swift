import Vocabulary

/// The rule that the TLR authors released later: a damped Newton step on the rate, with the secant's own sign.
/// Deviations: a factor that is not positive leaves the rate as it is (the released code lets it change sign); windows
/// begin as in `TLR`, where the released code's first is one step longer.
public struct NTLR: RateMachine {
  public static let card = Card(
    "ntlr", title: "NTLR",
    about: """
      Trainable learning rate by the rule of its authors' released code, kept positive.

          rate *= 1 + gamma x / (y - x + 1e-10)

      x is the inner product of the gradients accumulated over two windows, y the squared norm of the older one. A factor
      that is not positive leaves the rate as it is.
      """,
    paper: "NTLR, the TLR authors' released code",
    cost: "two inner products and two vectors per window",
    arguments: [
      .init("initial", 0.01, .positive, "the first rate"),
      .init("gamma", 0.2, .above(0, to: 1), "damping of the Newton step"),
    ] + windowArguments)
  public static let memories: Set<Memory> = [.window]

  private let gamma: Double
  private var restart: Restart
  private let limits: RateLimits
  private var rate: Double
  /// Squared norm of the window before; NaN until there is one.
  private var previousNorm2 = Double.nan

  public init(_ settings: Settings, limits: RateLimits) throws {
    gamma = settings["gamma"]
    rate = limits.clamp(settings["initial"])
    restart = Restart(settings, initial: rate)
    self.limits = limits
  }

  public mutating func decide(_ step: StepView) -> Decision {
    if let window = step.window {
      let (x, y) = (window.previousDot, previousNorm2)
      let factor = 1 + gamma * x / (y - x + 1e-10)
      if factor.isFinite, factor > 0 { rate = restart.applied(limits.clamp(rate * factor)) }
      previousNorm2 = window.norm2
    }
    return .take(rate)
  }

  public var state: [(name: String, value: Double)] {
    [("rate", rate), ("previous_norm2", previousNorm2)] + restart.state
  }
  public mutating func restore(_ state: [String: Double]) {
    rate = state["rate"] ?? rate
    previousNorm2 = state["previous_norm2"] ?? previousNorm2
    restart.restore(state)
  }
}
