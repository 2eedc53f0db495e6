import Vocabulary

/// Schedule-Free (Defazio et al. 2024): x is the average of all z weighted by w = t^r (largest rate so far)^p, t from 1, the
/// point to evaluate, to which `eval` goes. The parameters hold y, x is never kept.
public struct ScheduleFree: WholeMachine {
  public static let card = Card(
    "schedule_free", title: "ScheduleFree",
    about: """
      Descent on z, gradients at y = (1 - beta) z + beta x, evaluation at x, the average of all z.

      Parameters hold y: call `optimizer.eval()` before evaluating or saving the model and `optimizer.train()` before going
      on; `fit` does. The rate is constant after a linear warm-up. Goes with SGD of momentum 0 and with AdamW, whose first
      beta is not used. `lrswift.optim.ScheduleFree` is the same with the usual constants.
      """,
    paper: "Defazio et al. 2024, The road less scheduled, arXiv 2405.15682",
    cost: "one pass; over SGD one vector, over AdamW none, as it has no first moment",
    arguments: [
      .init("lr", 1, .positive, "the rate", usual: ["adamw": 0.0025]),
      .init("beta", 0.9, .between(0, 1), "weight of the average in the point of the gradient"),
      .init("warmup_steps", 0, .countOrZero, "steps over which the rate grows linearly"),
      .init("r", 0, .notNegative, "power of the step in the average's weights"),
      .init("weight_lr_power", 2, .notNegative, "power of the largest rate in the average's weights"),
    ])
  public static let directions = ["sgd", "adamw"]
  public static let memories: Set<Memory> = [.trainingPoint]
  public static let firstRate: String? = "lr"

  private let base, beta, warmUp, stepPower, ratePower: Double
  private let limits: RateLimits
  private var steps = 0.0
  private var largest = 0.0
  private var weights = 0.0
  private var taken = 0.0

  public init(_ settings: Settings, limits: RateLimits) throws {
    base = settings["lr"]
    beta = settings["beta"]
    warmUp = settings["warmup_steps"]
    stepPower = settings["r"]
    ratePower = settings["weight_lr_power"]
    self.limits = limits
  }

  public var rate: Double { limits.clamp(steps < warmUp ? base * (steps + 1) / warmUp : base) }
  public var interpolation: Double { beta }

  public mutating func prepare(_ step: StepView) -> PassScalars? {
    taken = rate * step.pairing.factor
    largest = max(largest, taken)
    let weight = power(steps + 1, stepPower) * power(largest, ratePower)
    weights += weight
    steps += 1
    var pass = PassScalars()
    pass.rate = taken
    pass.weight = weights > 0 ? weight / weights : 0
    pass.scale = taken * (beta * (1 - pass.weight) - 1)
    return pass
  }

  public mutating func decide(_ step: StepView) -> Decision { .take(taken) }

  public var state: [(name: String, value: Double)] {
    [("steps", steps), ("largest_rate", largest), ("weight_sum", weights)]
  }
  public mutating func restore(_ state: [String: Double]) {
    steps = state["steps"] ?? steps
    largest = state["largest_rate"] ?? largest
    weights = state["weight_sum"] ?? weights
  }
}
