import Vocabulary

/// Barzilai and Borwein's step from the last displacement s and change of gradient y: form 1 s's / s'y, form 2
/// s'y / y'y. Where s'y is not positive or the quotient not finite the rate before is kept.
public struct BarzilaiBorwein: RateMachine {
  public static let card = Card(
    "barzilai_borwein", title: "BarzilaiBorwein", paper: "Barzilai and Borwein 1988",
    cost: "four inner products, two vectors",
    arguments: [
      .init("initial", 0.01, .positive, "the first rate"),
      .init("form", 1, .count, "1: s's / s'y, 2: s'y / y'y"),
    ])
  public static let memories: Set<Memory> = [.previousGradient]

  private let form: Int
  private let limits: RateLimits
  private var rate: Double
  public private(set) var fellBack = false

  public init(_ settings: Settings, limits: RateLimits) throws {
    form = Int(settings["form"])
    guard form <= 2 else { throw Failure.value("BarzilaiBorwein: form must be 1 or 2, got \(form)") }
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
