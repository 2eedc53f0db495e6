import Vocabulary

/// D-Adaptation (Defazio and Mishchenko 2023). s is the weighted sum of gradients, N the weighted sum of <g, s>.
///
///     SGD   lambda = d lr / |g_0|;  N += lambda <g, s>;  s += lambda g;  d^ = 2 N / |s|;
///           theta <- momentum theta + (1 - momentum) (theta_0 - s)
///     Adam  lambda = d lr;  N <- q N + (1 - q) lambda <g, s / (sqrt(v) + epsilon)>;  s <- q s + (1 - q) lambda g;
///           d^ = N / ((1 - q) |s|_1);  theta <- theta - m / (sqrt(v) + epsilon);  q = sqrt(beta2)
///
/// and d <- max(d, min(d^, growth d)), for the next step. Over Adam lambda is inside m, there is no bias correction, and
/// decoupled decay takes off lambda times itself.
/// Deviations: g_0 is the first gradient that is not zero. Before one has been seen nothing moves.
public struct DAdaptation: WholeMachine {
  public static let card = Card(
    "d_adaptation", title: "DAdaptation",
    about: """
      The rate is d lr, with d a growing lower bound of the distance to the solution, from sums of <g, s>.

      s is the weighted sum of gradients. Over SGD dual averaging, theta <- momentum theta + (1 - momentum) (theta_0 - s);
      over Adam and AdamW a recursion of its own without bias correction, whose eps must be above 0.
      """,
    paper: "Defazio and Mishchenko 2023, Learning-rate-free learning by D-adaptation, arXiv 2301.07733",
    cost: "one pass; over SGD two vectors, over Adam one more",
    arguments: [
      .init("d0", 1e-6, .positive, "the first estimate of the distance"),
      .init("lr", 1, .positive, "factor of the rate, for a schedule"),
      .init("growth", .infinity, .oneOrMore, "largest growth of the estimate in a step"),
    ])
  public static let directions = ["sgd", "adam", "adamw"]
  public static let keepsMomentum = true

  private let factor, growth: Double
  private let limits: RateLimits
  private var distance: Double
  private var numerator = 0.0
  /// |g_0| over SGD; over Adam 1 once s is not zero.
  private var gradientScale = 0.0

  public init(_ settings: Settings, limits: RateLimits) throws {
    distance = settings["d0"]
    factor = settings["lr"]
    growth = settings["growth"]
    self.limits = limits
  }

  public var rate: Double { limits.clamp(distance * factor) }

  public mutating func prepare(_ step: StepView) -> PassScalars? {
    let pairing = step.pairing
    var pass = PassScalars()
    let rate = bounded(distance * factor, limits, step)
    if pairing.adaptive {
      guard gradientScale > 0 || step.gradientNorm2 > 0 || pairing.hasCoupledDecay else { return nil }
      pass.rate = rate
      pass.memory = pairing.beta2.squareRoot()
      pass.weight = (1 - pass.memory) * rate
    } else {
      if gradientScale == 0 { gradientScale = step.gradientNorm2.squareRoot() }
      guard gradientScale > 0 else { return nil }
      pass.rate = rate / gradientScale
    }
    return pass
  }

  public mutating func decide(_ step: StepView) -> Decision {
    let rate = bounded(distance * factor, limits, step)
    var estimate = 0.0
    if step.pairing.adaptive {
      let root = step.pairing.beta2.squareRoot()
      numerator = root * numerator + (1 - root) * rate * step.sums.first
      if step.sums.second > 0 {
        gradientScale = 1
        estimate = numerator / ((1 - root) * step.sums.second)
      }
    } else {
      numerator += rate / gradientScale * step.sums.first
      if step.sums.second > 0 { estimate = 2 * numerator / step.sums.second.squareRoot() }
    }
    if estimate.isFinite { distance = max(distance, min(estimate, growth * distance)) }
    return .take(rate)
  }

  public var state: [(name: String, value: Double)] {
    [("distance", distance), ("numerator", numerator), ("gradient_scale", gradientScale)]
  }
  public mutating func restore(_ state: [String: Double]) {
    distance = state["distance"] ?? distance
    numerator = state["numerator"] ?? numerator
    gradientScale = state["gradient_scale"] ?? gradientScale
  }
}
