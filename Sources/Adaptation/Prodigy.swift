import Vocabulary

/// Prodigy (Mishchenko and Defazio 2023). With lambda = d lr and q = sqrt(beta2):
///
///     r <- q r + d / d0 lambda <g, theta_0 - theta>;  s <- q s + d / d0 lambda g;  d^ = d_coef r / |s|_1
///     m <- beta1 m + (1 - beta1) d g;  v <- beta2 v + (1 - beta2) d^2 g^2
///     d <- max(d, d^) while d = d0;  d_max <- max(d_max, d^);  d <- min(d_max, growth d)
///     theta <- theta - lambda m / (sqrt(v) + d epsilon), with the old lambda and the new d
///
/// No bias correction. `safeguard_warmup`: s grows by d / d0 d g instead. Where |s|_1 = 0 nothing moves.
public struct Prodigy: WholeMachine {
  public static let card = Card(
    "prodigy", title: "Prodigy",
    about: """
      D-Adaptation over Adam that finds the distance d sooner, by weighing gradients with d itself; the rate is d lr.

      Adam's recursion is without bias correction, and its eps must be above 0.
      """,
    paper:
      "Mishchenko and Defazio 2023, Prodigy: An expeditiously adaptive parameter-free learner, arXiv 2306.06101",
    cost: "two passes; two vectors beside Adam's",
    arguments: [
      .init("d0", 1e-6, .positive, "the first estimate of the distance"),
      .init("d_coef", 1, .positive, "factor of the estimate"),
      .init("lr", 1, .positive, "factor of the rate, for a schedule"),
      .init("growth", .infinity, .oneOrMore, "largest growth of the estimate in a step"),
      .init("safeguard_warmup", 0, .flag, "keep a warm-up's small rates out of the estimate's denominator"),
    ])
  public static let directions = ["adam", "adamw"]

  private let d0, coefficient, factor, growth: Double
  private let safeguard: Bool
  private let limits: RateLimits
  private var distance, largest: Double
  private var numerator = 0.0
  private var begun = 0.0
  private var taken = 0.0

  public init(_ settings: Settings, limits: RateLimits) throws {
    d0 = settings["d0"]
    coefficient = settings["d_coef"]
    factor = settings["lr"]
    growth = settings["growth"]
    safeguard = settings["safeguard_warmup"] != 0
    (distance, largest) = (d0, d0)
    self.limits = limits
  }

  public var rate: Double { limits.clamp(distance * factor) }

  public mutating func prepare(_ step: StepView) -> PassScalars? {
    guard begun > 0 || step.gradientNorm2 > 0 || step.pairing.hasCoupledDecay else { return nil }
    taken = bounded(distance * factor, limits, step)
    var pass = PassScalars()
    pass.scale = distance
    pass.memory = step.pairing.beta2.squareRoot()
    pass.weight = distance / d0 * (safeguard ? distance : taken)
    return pass
  }

  public mutating func decide(_ step: StepView) -> Decision {
    numerator = step.pairing.beta2.squareRoot() * numerator + distance / d0 * taken * step.sums.first
    guard step.sums.second > 0 else { return .stay }
    begun = 1
    let estimate = coefficient * numerator / step.sums.second
    if estimate.isFinite {
      if distance == d0 { distance = max(distance, estimate) }
      largest = max(largest, estimate)
      distance = min(largest, growth * distance)
    }
    return .take(taken)
  }

  public var second: PassScalars {
    var pass = PassScalars()
    (pass.rate, pass.scale) = (taken, distance)
    return pass
  }

  public var state: [(name: String, value: Double)] {
    [("distance", distance), ("largest_distance", largest), ("numerator", numerator), ("begun", begun)]
  }
  public mutating func restore(_ state: [String: Double]) {
    distance = state["distance"] ?? distance
    largest = state["largest_distance"] ?? largest
    numerator = state["numerator"] ?? numerator
    begun = state["begun"] ?? begun
  }
}
