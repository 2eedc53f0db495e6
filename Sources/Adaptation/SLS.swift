import Vocabulary

/// Stochastic line search (Vaswani et al. 2019). After a search that failed the shrunken length stays for the next one. A
/// slope below 1e-16 (|g| below 1e-8) moves nothing but keeps the grown length. A loss that is not finite fails the condition.
///
/// Goldstein: lengths stay between 1e-8 and 10; one that has reached its end is taken. Deviation: a search that ends without
/// a length takes 1e-6, as Armijo's does, where the authors' code stays at its last trial.
public struct SLS: RateMachine {
  public static let card = Card(
    "sls", title: "SLS",
    about: """
      Stochastic line search: a length a is shrunk by beta until Armijo's condition holds on the same batch.

          L(theta - a d) <= L - c a <g, d>

      A search starts from the length before times gamma^(1/N) with N steps per epoch (grow), from the length before
      (keep), or from `initial`. After max_trials failures the step is 1e-6. The condition goldstein also doubles a length,
      up to 10, where the loss falls by more than (1 - c) a <g, d>.
      """,
    paper: "Vaswani et al. 2019, Painless stochastic gradient, arXiv 1905.09997",
    cost: "one more forward pass per trial",
    arguments: [
      .init("initial", 1, .positive, "the first length"),
      .init("c", 0.1, .between(0, 1), "fraction of the linear decrease that is asked for"),
      .init("beta", 0.9, .between(0, 1), "what a failed trial shrinks the length by"),
      .init("gamma", 2, .from(1, below: .infinity), "growth of the starting length per epoch"),
      .init("reset", Reset.self, "where a search starts"),
      .init("max_trials", 100, .count, "trials before the search gives up"),
      RateChoice.stepsPerEpoch,
      .init("condition", Condition.self, "what a length must meet"),
    ])
  enum Reset: Choice { case grow, keep, initial }
  enum Condition: Choice { case armijo, goldstein }
  public static let probes = true
  public static let needsLoss = true
  public static let usesEpoch = true

  private static let fallback = 1e-6
  private static let shortest = 1e-8, longest = 10.0

  private let initial, c, beta, gamma: Double
  private let reset: Reset
  private let maxTrials: Int
  private let goldstein: Bool
  private let limits: RateLimits
  /// Along the gradient as it is before it is clipped.
  private var length: Double
  private var trials = 0
  public private(set) var fellBack = false

  public init(_ settings: Settings, limits: RateLimits) throws {
    initial = settings["initial"]
    c = settings["c"]
    beta = settings["beta"]
    gamma = settings["gamma"]
    reset = settings.choice("reset")
    maxTrials = Int(settings["max_trials"])
    goldstein = settings.choice("condition") == Condition.goldstein
    length = initial
    self.limits = limits
  }

  public mutating func decide(_ step: StepView) -> Decision {
    guard let probe = step.probe, trials > 0 else {
      if reset == .grow { length *= power(gamma, 1 / step.stepsPerEpoch) }
      if reset == .initial { length = initial }
      length = min(length, limits.high / step.stretch)
      guard step.slope > 0, step.slope.squareRoot() >= 1e-8 else { return .stay }
      trials = 1
      return .probe(at: length * step.stretch)
    }
    let next = following(length, probe.loss, step)
    if next == length {
      trials = 0
      fellBack = false
      return .take(limits.clamp(length * step.stretch))
    }
    length = next
    if trials == maxTrials {
      trials = 0
      fellBack = true
      return .take(limits.clamp(SLS.fallback))
    }
    trials += 1
    return .probe(at: length * step.stretch)
  }

  /// The length to try after this one; the same to take it.
  private func following(_ length: Double, _ loss: Double, _ step: StepView) -> Double {
    let decrease = length * step.stretch * step.slope
    guard loss <= step.loss - c * decrease else {
      return goldstein ? max(beta * length, SLS.shortest) : beta * length
    }
    guard goldstein, loss < step.loss - (1 - c) * decrease else { return length }
    return min(2 * length, SLS.longest, limits.high / step.stretch)
  }

  public var state: [(name: String, value: Double)] { [("length", length)] }
  public mutating func restore(_ state: [String: Double]) { length = state["length"] ?? length }
}
