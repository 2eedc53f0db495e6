import Vocabulary

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// The same factor every step: initial gamma^t, as PyTorch's ExponentialLR; gamma above 1 grows.
public struct ExponentialSchedule: CataloguedSchedule {
  public static let card = Card(
    "exponential", title: "exponential schedule", paper: "", cost: "nothing",
    arguments: [
      .init("initial", nil, .finite, "the first value"),
      .init("gamma", nil, .notNegative, "factor of every step"),
    ])

  private let initial, gamma: Double

  public init(_ settings: ScheduleSettings) throws {
    initial = settings["initial"]
    gamma = settings["gamma"]
  }

  public func value(_ step: Int) -> Double { initial * pow(gamma, Double(step)) }
}
