import Kernels

/// Stochastic line search (Vaswani et al. 2019): from a starting length, shrink by beta until Armijo's condition
/// L(theta - a d) <= L - c a <g, d> holds on the same batch.
///
/// The search starts from the length before, grown by gamma^(1/N) ("grow"), as it is ("keep"), or from `initial`. After
/// `max_trials` failures the step is 1e-6 and the shrunken length stays for the next search. A slope below 1e-16
/// (|g| below 1e-8) moves nothing but keeps the grown length. A loss that is not finite fails the condition.
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
    ])
  public static let probes = true
  public static let needsLoss = true
  public static let usesEpoch = true

  private static let fallback = 1e-6

  private let initial, c, beta, gamma: Double
  private let reset, maxTrials: Int
  private let limits: RateLimits
  private var length: Double
  private var trials = 0

  public init(_ settings: Settings, limits: RateLimits) throws {
    initial = settings["initial"]
    c = settings["c"]
    beta = settings["beta"]
    gamma = settings["gamma"]
    reset = Int(settings["reset"])
    maxTrials = Int(settings["max_trials"])
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
    if probe.loss <= step.loss - c * length * step.slope {
      trials = 0
      return .take(limits.clamp(length))
    }
    length *= beta
    if trials == maxTrials {
      trials = 0
      return .take(limits.clamp(SLS.fallback))
    }
    trials += 1
    return .probe(at: length)
  }

  public var state: [(name: String, value: Double)] { [("length", length)] }
  public mutating func restore(_ state: [String: Double]) { length = state["length"] ?? length }
}
