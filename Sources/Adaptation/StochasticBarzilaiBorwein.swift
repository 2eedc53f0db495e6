import Vocabulary

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// SGD-BB (Tan et al. 2016). y is the change of the epoch's gradient, averaged with weight 10 / m.
///
/// `smoothing`: the k-th rate, k from 2, is the geometric mean of (j + 1) rate_j, j from 2 to k, over k + 1.
/// A quotient that is not finite or not positive keeps the rate before.
public struct StochasticBarzilaiBorwein: RateMachine {
  public static let card = Card(
    "sgd_bb", title: "StochasticBarzilaiBorwein",
    about: """
      SGD-BB: Barzilai and Borwein's step once per epoch of m steps.

          rate = |s|^2 / |s'y| / m

      s is the way of the last epoch, y the change of its gradient, averaged with weight 10 / m. The first two epochs,
      which have no y, take `initial`.
      """,
    paper:
      "Tan, Ma, Dai and Qian 2016, Barzilai-Borwein step size for stochastic gradient descent, arXiv 1605.04131, "
      + "algorithm 3",
    cost: "one pass for the average; three vectors",
    arguments: [
      .init("initial", 0.01, .positive, "the rate of the first two epochs"),
      .init("smoothing", 0, .flag, "geometric mean of the rates, falling as 1 / epoch"),
      RateChoice.stepsPerEpoch,
    ])
  public static let memories: Set<Memory> = [.epochAverage]
  public static let usesEpoch = true

  private let smoothing: Bool
  private let limits: RateLimits
  private var rate: Double
  public private(set) var fellBack = false
  private var epochs = 1.0
  private var logSum = 0.0

  public init(_ settings: Settings, limits: RateLimits) throws {
    rate = limits.clamp(settings["initial"])
    smoothing = settings["smoothing"] != 0
    self.limits = limits
  }

  public mutating func decide(_ step: StepView) -> Decision {
    if let epoch = step.epoch {
      let quotient = epoch.displacement2 / abs(epoch.displacementChange) / step.stepsPerEpoch
      fellBack = !(quotient.isFinite && quotient > 0)
      if !fellBack {
        epochs += 1
        logSum += log((epochs + 1) * quotient)
        rate = smoothing ? exp(logSum / (epochs - 1)) / (epochs + 1) : quotient
        rate = limits.clamp(rate)
      }
    }
    return .take(rate)
  }

  public var state: [(name: String, value: Double)] {
    [("rate", rate), ("epochs", epochs), ("log_sum", logSum)]
  }
  public mutating func restore(_ state: [String: Double]) {
    rate = state["rate"] ?? rate
    epochs = state["epochs"] ?? epochs
    logSum = state["log_sum"] ?? logSum
  }
}
