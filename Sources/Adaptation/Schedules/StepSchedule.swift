import Vocabulary

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// A drop at regular intervals: initial gamma^floor(t / step_size), as PyTorch's StepLR.
public struct StepSchedule: CataloguedSchedule {
  public static let card = Card(
    "step", title: "step schedule", paper: "", cost: "nothing",
    arguments: [
      .init("initial", nil, .finite, "the first value"),
      .init("step_size", nil, .count, "steps between drops"),
      .init("gamma", 0.1, .notNegative, "factor of every drop"),
    ])

  private let initial, gamma: Double
  private let stepSize: Int

  public init(_ settings: ScheduleSettings) throws {
    initial = settings["initial"]
    gamma = settings["gamma"]
    stepSize = settings.count("step_size")
  }

  public func value(_ step: Int) -> Double { initial * pow(gamma, Double(step / stepSize)) }
}
