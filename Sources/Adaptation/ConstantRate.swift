import Vocabulary

/// A number.
public struct ConstantRate: RateMachine {
  public static let card = Card(
    "constant", title: "constant rate", paper: "", cost: "nothing",
    arguments: [.init("rate", nil, .notNegative, "the learning rate")])

  private let rate: Double

  public init(_ settings: Settings, limits: RateLimits) throws { rate = limits.clamp(settings["rate"]) }

  public mutating func decide(_ step: StepView) -> Decision { .take(rate) }

  public var state: [(name: String, value: Double)] { [] }
  public mutating func restore(_ state: [String: Double]) {}
}
