import Vocabulary

/// MoMo (Schaipp et al. 2023): Polyak's step for the average of the linear models of past batches, with averages f of the
/// losses, d of the gradients and gamma of <g, theta>, all of memory beta.
///
/// Over SGD the first average is the first value; over Adam they are Adam's uncorrected ones, the norm is Adam's metric, the
/// cap is lr / (1 - beta1^t) and the bound (1 - beta1^t) lower_bound. Weight decay, coupled or not, is the paper's: with
/// c = 1 + lr decay, <d, theta> and |d|^2 are divided by c and theta <- theta / c - rate d. A |d|^2 within rounding of 0 is
/// no step.
public struct MoMo: WholeMachine {
  public static let card = Card(
    "momo", title: "MoMo",
    about: """
      Polyak's step for the averaged linear model of past batches, capped by `lr`.

          rate = min(lr, max(f - lower_bound - c + <d, theta>, 0) / |d|^2),  theta -= rate d

      f, d and c are the averages of the losses, of the gradients and of <g, theta>; over Adam they have Adam's memory and
      the norm is Adam's metric. weight_decay is the paper's proximal decay over every direction.
      """,
    paper: "Schaipp et al. 2023, MoMo: Momentum models for adaptive learning rates, arXiv 2305.07583",
    cost: "two passes; over SGD one vector, over Adam none",
    arguments: [
      .init("lr", 1, .positive, "largest rate", usual: ["adam": 0.01, "adamw": 0.01]),
      .init("beta", 0.9, .from(0, below: 1), "memory of the averages over SGD; Adam has its own"),
      .init("lower_bound", 0, .finite, "below every loss"),
    ])
  public static let directions = ["sgd", "adam", "adamw"]
  public static let needsLoss = true
  public static let firstRate: String? = "lr"

  private let cap, beta, bound: Double
  private let limits: RateLimits
  private var steps = 0.0
  private var lossAverage = 0.0
  private var gamma = 0.0
  private var taken = 0.0
  private var effectiveCap = 0.0

  public init(_ settings: Settings, limits: RateLimits) throws {
    cap = settings["lr"]
    beta = settings["beta"]
    bound = settings["lower_bound"]
    self.limits = limits
  }

  public var rate: Double { limits.clamp(cap) }

  private func memory(_ step: StepView) -> Double {
    step.pairing.adaptive ? step.pairing.beta1 : steps == 0 ? 0 : beta
  }

  public mutating func prepare(_ step: StepView) -> PassScalars? {
    effectiveCap = max(cap * step.pairing.factor, 0)
    var pass = PassScalars()
    pass.memory = memory(step)
    pass.weight = 1 - pass.memory
    pass.scale = effectiveCap
    return pass
  }

  public mutating func decide(_ step: StepView) -> Decision {
    let memory = memory(step)
    // a clipped gradient is that of a loss as much flatter
    let loss = step.stretch == 1 ? step.loss : bound + (step.loss - bound) / step.stretch
    lossAverage = memory * lossAverage + (1 - memory) * loss
    gamma = memory * gamma + (1 - memory) * step.sums.first
    steps += 1
    let correction = step.pairing.adaptive ? 1 - power(memory, steps) : 1
    let gap = lossAverage - correction * bound - gamma + step.sums.second
    let polyak = step.sums.third > step.precision ? max(gap, 0) / step.sums.third : 0
    taken = limits.clamp(min(effectiveCap / correction, polyak))
    return .take(taken)
  }

  public var second: PassScalars {
    var pass = PassScalars()
    (pass.rate, pass.scale) = (taken, effectiveCap)
    return pass
  }

  public var state: [(name: String, value: Double)] {
    [("steps", steps), ("average_loss", lossAverage), ("average_product", gamma)]
  }
  public mutating func restore(_ state: [String: Double]) {
    steps = state["steps"] ?? steps
    lossAverage = state["average_loss"] ?? lossAverage
    gamma = state["average_product"] ?? gamma
  }
}
