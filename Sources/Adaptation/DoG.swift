import Vocabulary

/// Distance over gradients (Ivgi, Hinder and Carmon 2023): with r the largest distance from the start so far,
///
///     DoG   rate = r / sqrt(sum |g|^2 + 1e-8)
///     DoWG  rate = r^2 / (sqrt(sum r^2 |g|^2) + 1e-4)   (Khaled, Mishchenko and Jin 2023)
///
/// r starts at `initial` (1 + |theta_0|) for DoG, at `initial` for DoWG.
public struct DoG: RateMachine {
  public static let card = Card(
    "dog", title: "DoG", paper: "Ivgi, Hinder and Carmon 2023, arXiv 2302.12022",
    cost: "one vector and one norm",
    arguments: [
      .init("initial", 1e-6, .positive, "first distance, relative to 1 + |theta_0|; 1e-4 with batch-norm"),
      .init("weighted", 0, .flag, "DoWG: weigh gradients by the distance"),
    ])
  public static let memories: Set<Memory> = [.start]

  private let initial: Double
  private let weighted: Bool
  private let limits: RateLimits
  private var distance = 0.0
  private var sum = 0.0

  public init(_ settings: Settings, limits: RateLimits) throws {
    initial = settings["initial"]
    weighted = settings["weighted"] != 0
    self.limits = limits
  }

  public mutating func decide(_ step: StepView) -> Decision {
    let first = weighted ? initial : initial * (1 + step.start2.squareRoot())
    distance = max(distance, first, step.travelled2.squareRoot())
    sum += (weighted ? distance * distance : 1) * step.gradientNorm2
    let rate =
      weighted ? distance * distance / (sum.squareRoot() + 1e-4) : distance / (sum + 1e-8).squareRoot()
    return .take(limits.clamp(rate))
  }

  public var state: [(name: String, value: Double)] { [("distance", distance), ("sum", sum)] }
  public mutating func restore(_ state: [String: Double]) {
    distance = state["distance"] ?? distance
    sum = state["sum"] ?? sum
  }
}
