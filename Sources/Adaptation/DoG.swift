import Vocabulary

/// Distance over gradients (Ivgi, Hinder and Carmon 2023).
public struct DoG: RateMachine {
  public static let card = Card(
    "dog", title: "DoG",
    about: """
      Distance over gradients.

          rate = r / sqrt(sum |g|^2 + 1e-8)

      r is the largest distance from the first parameters theta_0 so far, at first `initial` (1 + |theta_0|).
      """,
    paper: "Ivgi, Hinder and Carmon 2023, DoG is SGD's best friend, arXiv 2302.12022",
    cost: "one vector and one norm",
    arguments: [
      .init("initial", 1e-6, .positive, "first distance, relative to 1 + |theta_0|; 1e-4 with batch-norm")
    ])
  public static let memories: Set<Memory> = [.start]
  public static let firstRate: String? = nil

  private let initial: Double
  private let limits: RateLimits
  private var distance = 0.0
  private var sum = 0.0

  public init(_ settings: Settings, limits: RateLimits) throws {
    initial = settings["initial"]
    self.limits = limits
  }

  public mutating func decide(_ step: StepView) -> Decision {
    let first = initial * (1 + step.start2.squareRoot())
    distance = max(distance, first, step.travelled2.squareRoot())
    sum += step.gradientNorm2
    return .take(limits.clamp(distance / (sum + 1e-8).squareRoot()))
  }

  public var state: [(name: String, value: Double)] { [("distance", distance), ("sum", sum)] }
  public mutating func restore(_ state: [String: Double]) {
    distance = state["distance"] ?? distance
    sum = state["sum"] ?? sum
  }
}
