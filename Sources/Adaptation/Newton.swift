import Vocabulary

/// Exact line curvature: the minimiser of the loss's second-order expansion along the direction. A quotient that is not
/// finite keeps the rate before, too; a direction of ascent gives a negative rate, which min_lr bounds.
public struct Newton: RateMachine {
  public static let card = Card(
    "newton", title: "Newton",
    about: """
      Exact line curvature: the step to the minimum of the loss's second-order expansion along the direction.

          rate = <g, d> / d'Hd

      What QLABGrad's probe estimates, exactly. Where the curvature is not positive the rate before is kept. Needs the
      loss's graph.
      """,
    paper: "Newton's method along a line", cost: "one Hessian-vector product",
    arguments: [.init("initial", 0.01, .positive, "the rate until a curvature is positive")])
  public static let probes = true
  public static let measuresCurvature = true

  private let limits: RateLimits
  private var rate: Double
  public private(set) var fellBack = false

  public init(_ settings: Settings, limits: RateLimits) throws {
    rate = limits.clamp(settings["initial"])
    self.limits = limits
  }

  public mutating func decide(_ step: StepView) -> Decision {
    guard let curvature = step.curvature else { return .measureCurvature }
    let best = step.slope / curvature
    fellBack = !(curvature > 0 && best.isFinite)
    if !fellBack { rate = limits.clamp(best) }
    return .take(rate)
  }

  public var state: [(name: String, value: Double)] { [("rate", rate)] }
  public mutating func restore(_ state: [String: Double]) { rate = state["rate"] ?? rate }
}
