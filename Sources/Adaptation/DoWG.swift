import Vocabulary

/// Distance over weighted gradients (Khaled, Mishchenko and Jin 2023).
public struct DoWG: RateMachine {
  public static let card = Card(
    "dowg", title: "DoWG",
    about: """
      Distance over weighted gradients: DoG with every gradient weighed by the distance.

          rate = r^2 / (sqrt(sum r^2 |g|^2) + 1e-4)

      r is the largest distance from the first parameters so far, at first `initial`.
      """,
    paper: "Khaled, Mishchenko and Jin 2023, DoWG unleashed, arXiv 2305.16284",
    cost: "one vector and one norm",
    arguments: [.init("initial", 1e-4, .positive, "first distance")])
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
    distance = max(distance, initial, step.travelled2.squareRoot())
    sum += distance * distance * step.gradientNorm2
    return .take(limits.clamp(distance * distance / (sum.squareRoot() + 1e-4)))
  }

  public var state: [(name: String, value: Double)] { [("distance", distance), ("sum", sum)] }
  public mutating func restore(_ state: [String: Double]) {
    distance = state["distance"] ?? distance
    sum = state["sum"] ?? sum
  }
}
