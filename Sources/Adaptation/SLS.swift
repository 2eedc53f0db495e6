import Vocabulary

/// Stochastic line search (Vaswani et al. 2019): from a starting length, shrink by beta until Armijo's condition
/// L(theta - a d) <= L - c a <g, d> holds on the same batch.
///
/// The search starts from the length before, grown by gamma^(1/N) ("grow"), as it is ("keep"), or from `initial`. After
/// `max_trials` failures the step is 1e-6 and the shrunken length stays for the next search. A slope below 1e-16
/// (|g| below 1e-8) moves nothing but keeps the grown length. A loss that is not finite fails the condition.
///
/// `goldstein`: the decrease must also stay within (1 - c) a <g, d>, else the length is too short and doubled. Lengths
/// stay between 1e-8 and 10; one that has reached its end is taken. Deviation: a search that ends without a length takes
/// 1e-6, as Armijo's does, where the authors' code stays at its last trial.
public struct SLS: RateMachine {
  public static let card = Card(
    "sls", title: "SLS", paper: "Vaswani et al. 2019, arXiv 1905.09997",
    cost: "one more forward pass per trial",
    arguments: [
      .init("initial", 1, .positive, "the first length"),
      .init("c", 0.1, .between(0, 1), "fraction of the linear decrease that is asked for"),
      .init("beta", 0.9, .between(0, 1), "what a failed trial shrinks the length by"),
      .init("gamma", 2, .from(1, below: .infinity), "growth of the starting length per epoch"),
      .init("reset", 0, .countOrZero, "where a search starts: 0 grow, 1 keep, 2 initial"),
      .init("max_trials", 100, .count, "trials before the search gives up"),
      .init("goldstein", 0, .flag, "refuse steps that are too short, too"),
    ])
  public static let probes = true
  public static let needsLoss = true
  public static let usesEpoch = true

  private static let fallback = 1e-6
  private static let shortest = 1e-8, longest = 10.0

  private let initial, c, beta, gamma: Double
  private let reset, maxTrials: Int
  private let goldstein: Bool
  private let limits: RateLimits
  private var length: Double
  private var trials = 0
  public private(set) var fellBack = false

  public init(_ settings: Settings, limits: RateLimits) throws {
    initial = settings["initial"]
    c = settings["c"]
    beta = settings["beta"]
    gamma = settings["gamma"]
    reset = Int(settings["reset"])
    maxTrials = Int(settings["max_trials"])
    goldstein = settings["goldstein"] != 0
    guard reset <= 2 else {
      throw Failure.value("SLS: reset must be 'grow', 'keep' or 'initial'")
    }
    length = initial
    self.limits = limits
  }

  public mutating func decide(_ step: StepView) -> Decision {
    guard let probe = step.probe, trials > 0 else {
      if reset == 0 { length *= power(gamma, 1 / step.stepsPerEpoch) }
      if reset == 2 { length = initial }
      length = min(length, limits.high)
      guard step.slope > 0, step.slope.squareRoot() >= 1e-8 else { return .stay }
      trials = 1
      return .probe(at: length)
    }
    let next = following(length, probe.loss, step)
    if next == length {
      trials = 0
      fellBack = false
      return .take(limits.clamp(length))
    }
    length = next
    if trials == maxTrials {
      trials = 0
      fellBack = true
      return .take(limits.clamp(SLS.fallback))
    }
    trials += 1
    return .probe(at: length)
  }

  /// The length to try after this one; the same to take it.
  private func following(_ length: Double, _ loss: Double, _ step: StepView) -> Double {
    let decrease = length * step.slope
    guard loss <= step.loss - c * decrease else {
      return goldstein ? max(beta * length, SLS.shortest) : beta * length
    }
    guard goldstein, loss < step.loss - (1 - c) * decrease else { return length }
    return min(2 * length, SLS.longest, limits.high)
  }

  public var state: [(name: String, value: Double)] { [("length", length)] }
  public mutating func restore(_ state: [String: Double]) { length = state["length"] ?? length }
}
