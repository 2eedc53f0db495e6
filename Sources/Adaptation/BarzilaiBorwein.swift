import Vocabulary

/// Barzilai and Borwein's step. A quotient that is not finite keeps the rate before, too.
public struct BarzilaiBorwein: RateMachine {
  public static let card = Card(
    "barzilai_borwein", title: "BarzilaiBorwein",
    about: """
      The step from the last displacement s and change of the gradient y: form 1 s's / s'y, form 2 s'y / y'y.

      Where s'y is not positive the rate before is kept.
      """,
    paper: "Barzilai and Borwein 1988, Two-point step size gradient methods",
    cost: "four inner products, two vectors",
    arguments: [
      .init("initial", 0.01, .positive, "the first rate"),
      .init("form", 1, .whole(1, 2), "1: s's / s'y, 2: s'y / y'y"),
    ])
  public static let memories: Set<Memory> = [.previousGradient]

  private let form: Int
  private let limits: RateLimits
  private var rate: Double
  public private(set) var fellBack = false

  public init(_ settings: Settings, limits: RateLimits) throws {
    form = Int(settings["form"])
    rate = limits.clamp(settings["initial"])
    self.limits = limits
  }

  public mutating func decide(_ step: StepView) -> Decision {
    if let p = step.previous {
      // s = -rate d', y = g - g'
      let ss = p.rate * p.rate * p.directionNorm2
      let sy = -p.rate * p.changeDot
      let quotient = form == 1 ? ss / sy : sy / p.changeNorm2
      fellBack = !(sy > 0 && quotient.isFinite && quotient > 0)
      if !fellBack { rate = limits.clamp(quotient) }
    }
    return .take(rate)
  }

  public var state: [(name: String, value: Double)] { [("rate", rate)] }
  public mutating func restore(_ state: [String: Double]) { rate = state["rate"] ?? rate }
}
